"""Which function does which operation of SQS: all 23."""

from collections.abc import Awaitable, Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.message_operations import (
    change_message_visibility,
    change_message_visibility_batch,
    delete_message,
    delete_message_batch,
    receive_message,
    send_message,
    send_message_batch,
)
from lambent.services.sqs.move_tasks import (
    cancel_message_move_task,
    list_message_move_tasks,
    start_message_move_task,
)
from lambent.services.sqs.queue_operations import (
    add_permission,
    create_queue,
    delete_queue,
    get_queue_attributes,
    get_queue_url,
    list_dead_letter_source_queues,
    list_queue_tags,
    list_queues,
    purge_queue,
    remove_permission,
    set_queue_attributes,
    tag_queue,
    untag_queue,
)
from lambent.wire.parse import Call

Handler = Callable[[Sqs, Call], Awaitable[Document]]

reading: dict[str, Handler] = {
    "GetQueueAttributes": get_queue_attributes,
    "GetQueueUrl": get_queue_url,
    "ListDeadLetterSourceQueues": list_dead_letter_source_queues,
    "ListMessageMoveTasks": list_message_move_tasks,
    "ListQueueTags": list_queue_tags,
    "ListQueues": list_queues,
}
messages: dict[str, Handler] = {
    "ChangeMessageVisibility": change_message_visibility,
    "ChangeMessageVisibilityBatch": change_message_visibility_batch,
    "DeleteMessage": delete_message,
    "DeleteMessageBatch": delete_message_batch,
    "PurgeQueue": purge_queue,
    "ReceiveMessage": receive_message,
    "SendMessage": send_message,
    "SendMessageBatch": send_message_batch,
}
changing: dict[str, Handler] = {
    "AddPermission": add_permission,
    "CancelMessageMoveTask": cancel_message_move_task,
    "CreateQueue": create_queue,
    "DeleteQueue": delete_queue,
    "RemovePermission": remove_permission,
    "SetQueueAttributes": set_queue_attributes,
    "StartMessageMoveTask": start_message_move_task,
    "TagQueue": tag_queue,
    "UntagQueue": untag_queue,
}
operations = reading | messages | changing


async def handle(sqs: Sqs, call: Call) -> Document:
    """Do an operation. Raises NotImplementedYet, which names it, if AWS has added one that is not here."""
    handler = operations.get(call.operation)
    if handler is None:
        raise NotImplementedYet(f"Lambent does not support the operation {call.service}:{call.operation} yet.")
    if call.operation not in changing:
        return await handler(sqs, call)
    async with sqs.changing:
        return await handler(sqs, call)
