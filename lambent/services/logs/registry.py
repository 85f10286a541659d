"""Which function does which operation of CloudWatch Logs. Queries, metric filters and exports are not here."""

from collections.abc import Awaitable, Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.logs import event_operations as events
from lambent.services.logs import group_operations as groups
from lambent.services.logs import subscription_operations as subscriptions
from lambent.services.logs.engine import Logs
from lambent.services.logs.watch import Watches
from lambent.wire.parse import Call

Handler = Callable[[Logs, Call], Awaitable[Document]]
Watching = Callable[[Logs, Watches, Call], Awaitable[Document]]

operations: dict[str, Handler] = {
    "CreateLogGroup": groups.create_log_group,
    "CreateLogStream": events.create_log_stream,
    "DeleteLogGroup": groups.delete_log_group,
    "DeleteLogStream": events.delete_log_stream,
    "DeleteRetentionPolicy": groups.delete_retention_policy,
    "DeleteSubscriptionFilter": subscriptions.delete_subscription_filter,
    "DescribeLogGroups": groups.describe_log_groups,
    "DescribeLogStreams": events.describe_log_streams,
    "DescribeSubscriptionFilters": subscriptions.describe_subscription_filters,
    "FilterLogEvents": events.filter_log_events,
    "GetLogEvents": events.get_log_events,
    "ListLogGroups": groups.list_log_groups,
    "ListTagsForResource": groups.list_tags,
    "ListTagsLogGroup": groups.list_tags,
    "PutLogEvents": events.put_log_events,
    "PutLogGroupDeletionProtection": groups.put_log_group_deletion_protection,
    "PutRetentionPolicy": groups.put_retention_policy,
    "TagLogGroup": groups.tag,
    "TagResource": groups.tag,
    "TestMetricFilter": events.test_metric_filter,
    "UntagLogGroup": groups.untag,
    "UntagResource": groups.untag,
}
watching: dict[str, Watching] = {
    "PutSubscriptionFilter": subscriptions.put_subscription_filter,
    "StartLiveTail": events.start_live_tail,
}


async def handle(logs: Logs, watches: Watches, call: Call) -> Document:
    """Do an operation. Raises NotImplementedYet, which names it, if it is not here."""
    handler = operations.get(call.operation)
    if handler is not None:
        return await handler(logs, call)
    watcher = watching.get(call.operation)
    if watcher is None:
        raise NotImplementedYet(f"Lambent does not support the operation {call.service}:{call.operation} yet.")
    return await watcher(logs, watches, call)
