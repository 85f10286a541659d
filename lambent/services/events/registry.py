"""Which function does which operation of EventBridge. API destinations, connections, global endpoints and partner event
sources are not here."""

from collections.abc import Awaitable, Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.events.archive_operations import (
    cancel_replay,
    create_archive,
    delete_archive,
    describe_archive,
    describe_replay,
    list_archives,
    list_replays,
    start_replay,
    update_archive,
)
from lambent.services.events.bus_operations import (
    create_event_bus,
    delete_event_bus,
    describe_event_bus,
    list_event_buses,
    put_permission,
    remove_permission,
    update_event_bus,
)
from lambent.services.events.engine import EventBridge
from lambent.services.events.put_operations import put_events
from lambent.services.events.rule_operations import (
    delete_rule,
    describe_rule,
    disable_rule,
    enable_rule,
    list_rule_names_by_target,
    list_rules,
    list_tags_for_resource,
    put_rule,
    tag_resource,
    test_event_pattern,
    untag_resource,
)
from lambent.services.events.target_operations import list_targets_by_rule, put_targets, remove_targets
from lambent.wire.parse import Call

Handler = Callable[[EventBridge, Call], Awaitable[Document]]

reading: dict[str, Handler] = {
    "DescribeArchive": describe_archive,
    "DescribeEventBus": describe_event_bus,
    "DescribeReplay": describe_replay,
    "DescribeRule": describe_rule,
    "ListArchives": list_archives,
    "ListEventBuses": list_event_buses,
    "ListReplays": list_replays,
    "ListRuleNamesByTarget": list_rule_names_by_target,
    "ListRules": list_rules,
    "ListTagsForResource": list_tags_for_resource,
    "ListTargetsByRule": list_targets_by_rule,
    "PutEvents": put_events,
    "TestEventPattern": test_event_pattern,
}
changing: dict[str, Handler] = {
    "CancelReplay": cancel_replay,
    "CreateArchive": create_archive,
    "CreateEventBus": create_event_bus,
    "DeleteArchive": delete_archive,
    "DeleteEventBus": delete_event_bus,
    "DeleteRule": delete_rule,
    "DisableRule": disable_rule,
    "EnableRule": enable_rule,
    "PutPermission": put_permission,
    "PutRule": put_rule,
    "PutTargets": put_targets,
    "RemovePermission": remove_permission,
    "RemoveTargets": remove_targets,
    "StartReplay": start_replay,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateArchive": update_archive,
    "UpdateEventBus": update_event_bus,
}
operations = reading | changing


async def handle(events: EventBridge, call: Call) -> Document:
    """Do an operation. Raises NotImplementedYet, which names it, if it is not here."""
    if (reader := reading.get(call.operation)) is not None:
        return await reader(events, call)
    if (changer := changing.get(call.operation)) is not None:
        async with events.catalog.changing:
            events.timetable.due.catch_up()
            return await changer(events, call)
    raise NotImplementedYet(f"Lambent does not support the operation {call.service}:{call.operation}.")
