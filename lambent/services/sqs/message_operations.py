"""The operations on messages. Source: Amazon SQS API Reference; recordings of AWS."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lambent.errors import AwsError
from lambent.model import Document
from lambent.services.sqs import access, contents, errors, receipts
from lambent.services.sqs.batches import Entry, check_entries, check_size, failed
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.nouns import LONGEST_VISIBILITY_S, Message
from lambent.services.sqs.queue import Queue, Received
from lambent.services.sqs.sending import check_dedup
from lambent.services.sqs.shown import received as shown
from lambent.wire.parse import Call

MOST_RECEIVED = 10
LONGEST_WAIT_S = 20


# -- sending


async def send_message(sqs: Sqs, call: Call) -> Document:
    return await _send(sqs, access.named(sqs, call), call, call.parameters)


async def _send(sqs: Sqs, queue: Queue, call: Call, asked: Mapping[str, Any]) -> Document:
    carried = contents.content(_traced(asked, call), queue.settings, sender_of(call))
    contents.check_delay(asked.get("DelaySeconds"), queue.settings)
    check_dedup(queue, asked)
    sent = await sqs.sending.send(
        queue, carried, delay_s=asked.get("DelaySeconds") if not queue.settings.fifo else None,
        group=asked.get("MessageGroupId") or "", dedup=asked.get("MessageDeduplicationId") or "",
    )  # fmt: skip
    answer = {"MessageId": sent.message_id, "MD5OfMessageBody": contents.md5_of_body(carried.body)}
    if carried.md5_attributes:
        answer["MD5OfMessageAttributes"] = carried.md5_attributes
    if carried.md5_system:
        answer["MD5OfMessageSystemAttributes"] = carried.md5_system
    if sent.sequence:
        answer["SequenceNumber"] = sent.sequence
    return answer


def sender_of(call: Call) -> str:
    """SenderId: the IAM id of whoever sent it."""
    return call.caller.user_id or call.account


def _traced(asked: Mapping[str, Any], call: Call) -> Mapping[str, Any]:
    """A trace that came as the request's own header travels with the message, as on AWS."""
    header = call.request.headers.get("x-amzn-trace-id")
    if not header or asked.get("MessageSystemAttributes"):
        return asked
    return {**asked, "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}}


async def send_message_batch(sqs: Sqs, call: Call) -> Document:
    queue = access.named(sqs, call)
    entries = check_entries(call.parameters.get("Entries") or [])
    check_size(entries)
    return await _each(entries, lambda entry: _send(sqs, queue, call, entry))


async def _each(entries: list[Entry], work: Callable[[Entry], Awaitable[Document]]) -> Document:
    """Every entry for itself: what some of them may not do keeps the others from nothing."""

    async def one(entry: Entry) -> tuple[bool, Document]:
        try:
            return True, {"Id": entry["Id"], **await work(entry)}
        except AwsError as error:
            return False, failed(entry, error)

    results = await asyncio.gather(*(one(entry) for entry in entries))
    successful = [told for well, told in results if well]
    refused = [told for well, told in results if not well]
    return {"Successful": successful} | ({"Failed": refused} if refused else {})


# -- receiving


async def receive_message(sqs: Sqs, call: Call) -> Document:
    queue, asked = access.named(sqs, call), call.parameters
    most = asked.get("MaxNumberOfMessages")
    most = 1 if most is None else most
    if not 1 <= most <= MOST_RECEIVED:
        raise errors.invalid_value(most, "MaxNumberOfMessages", f"Must be between 1 and {MOST_RECEIVED}, if provided.")
    wait_s = asked.get("WaitTimeSeconds")
    if wait_s is not None and not 0 <= wait_s <= LONGEST_WAIT_S:
        raise errors.invalid_value(wait_s, "WaitTimeSeconds", f"Must be >= 0 and <= {LONGEST_WAIT_S}, if provided.")
    hidden_s = _visibility(asked.get("VisibilityTimeout"), queue.settings.visibility_s)
    attempt = asked.get("ReceiveRequestAttemptId") or ""
    contents.check_token(attempt or None, "ReceiveRequestAttemptId")
    found = queue.attempts.again(attempt, sqs.clock.epoch()) if attempt else []
    found = found or await queue.poll(most, hidden_s, queue.settings.wait_s if wait_s is None else wait_s)
    if attempt and queue.settings.fifo:
        queue.attempts.remember(attempt, found, sqs.clock.epoch())
    messages = [message for each in found if (message := _shown(sqs, queue, each, call)) is not None]
    return {"Messages": messages} if messages else {}


def _shown(sqs: Sqs, queue: Queue, received: Received, call: Call) -> Document | None:
    content = queue.content(received.message)
    if content is None:
        queue.backlog.drop(received.message)
        return None
    handle = receipts.handle_of(received.receipt, sqs.key)
    return shown(received.message, content, handle, call.parameters, fifo=queue.settings.fifo)


def _visibility(asked: int | None, default: int) -> int:
    if asked is None:
        return default
    if not 0 <= asked <= LONGEST_VISIBILITY_S:
        raise errors.invalid_value(
            asked, "VisibilityTimeout", f"Must be between 0 and {LONGEST_VISIBILITY_S}, if provided."
        )
    return asked


# -- what becomes of a message that was received


async def delete_message(sqs: Sqs, call: Call) -> Document:
    return await _delete(sqs, access.named(sqs, call), call.parameters)


async def _delete(sqs: Sqs, queue: Queue, asked: Mapping[str, Any]) -> Document:
    """One that is gone already counts as deleted; so does, in a standard queue, one that was given out anew since."""
    message, valid = _given_out(sqs, queue, asked["ReceiptHandle"])
    if message is None:
        return {}
    if queue.settings.fifo and not valid:
        raise errors.invalid_value(asked["ReceiptHandle"], "ReceiptHandle", "The receipt handle has expired.")
    await queue.drop(message)
    return {}


async def delete_message_batch(sqs: Sqs, call: Call) -> Document:
    queue = access.named(sqs, call)
    entries = check_entries(call.parameters.get("Entries") or [])
    return await _each(entries, lambda entry: _delete(sqs, queue, entry))


async def change_message_visibility(sqs: Sqs, call: Call) -> Document:
    return await _hide(sqs, access.named(sqs, call), call.parameters)


async def _hide(sqs: Sqs, queue: Queue, asked: Mapping[str, Any]) -> Document:
    hidden_s = _visibility(asked.get("VisibilityTimeout"), 0)
    message, valid = _given_out(sqs, queue, asked["ReceiptHandle"])
    if message is None or not valid:
        raise errors.invalid_value(
            asked["ReceiptHandle"], "ReceiptHandle",
            "Message does not exist or is not available for visibility timeout change.",
        )  # fmt: skip
    queue.hide(message, hidden_s)
    return {}


async def change_message_visibility_batch(sqs: Sqs, call: Call) -> Document:
    queue = access.named(sqs, call)
    entries = check_entries(call.parameters.get("Entries") or [])
    return await _each(entries, lambda entry: _hide(sqs, queue, entry))


def _given_out(sqs: Sqs, queue: Queue, handle: str) -> tuple[Message | None, bool]:
    """The message of a receipt handle, None once it is gone; and is that handle its last, of a flight that lasts?"""
    if not handle:
        raise errors.missing_parameter("ReceiptHandle")
    receipt = receipts.read(handle, queue.stored.number, sqs.key)
    queue.line.wake(sqs.clock.epoch())
    message = queue.find(receipt)
    return message, message is not None and message.flight == receipt.flight
