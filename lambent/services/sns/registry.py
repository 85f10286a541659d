"""Which function does which operation of SNS. Text messages, mobile push and data protection are not here."""

from collections.abc import Awaitable, Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.sns.engine import Sns
from lambent.services.sns.publish_operations import publish, publish_batch
from lambent.services.sns.subscription_operations import (
    confirm_subscription,
    get_subscription_attributes,
    list_subscriptions,
    list_subscriptions_by_topic,
    set_subscription_attributes,
    subscribe,
    unsubscribe,
)
from lambent.services.sns.topic_operations import (
    add_permission,
    create_topic,
    delete_topic,
    get_topic_attributes,
    list_tags_for_resource,
    list_topics,
    remove_permission,
    set_topic_attributes,
    tag_resource,
    untag_resource,
)
from lambent.wire.parse import Call

Handler = Callable[[Sns, Call], Awaitable[Document]]

reading: dict[str, Handler] = {
    "GetSubscriptionAttributes": get_subscription_attributes,
    "GetTopicAttributes": get_topic_attributes,
    "ListSubscriptions": list_subscriptions,
    "ListSubscriptionsByTopic": list_subscriptions_by_topic,
    "ListTagsForResource": list_tags_for_resource,
    "ListTopics": list_topics,
    "Publish": publish,
    "PublishBatch": publish_batch,
}
changing: dict[str, Handler] = {
    "AddPermission": add_permission,
    "ConfirmSubscription": confirm_subscription,
    "CreateTopic": create_topic,
    "DeleteTopic": delete_topic,
    "RemovePermission": remove_permission,
    "SetSubscriptionAttributes": set_subscription_attributes,
    "SetTopicAttributes": set_topic_attributes,
    "Subscribe": subscribe,
    "TagResource": tag_resource,
    "Unsubscribe": unsubscribe,
    "UntagResource": untag_resource,
}
operations = reading | changing


async def handle(sns: Sns, call: Call) -> Document:
    """Do an operation. Raises NotImplementedYet, which names it, if it is not here."""
    if (reader := reading.get(call.operation)) is not None:
        return await reader(sns, call)
    if (changer := changing.get(call.operation)) is not None:
        async with sns.changing:
            return await changer(sns, call)
    raise NotImplementedYet(f"Lambent does not support the operation {call.service}:{call.operation}.")
