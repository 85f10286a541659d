"""What is sent on when an event has come to its end: AWS's invocation record, and the message for a dead-letter queue.

Source: lambda-semantics.md §4 and AWS's recorded answers; what neither says is decided in docs/decisions/0018.
"""

import msgspec

from lambent.events.end import ZERO_RESERVED_CONCURRENCY, End
from lambent.invoke import lineage
from lambent.model import Ended, Letter
from lambent.store.queue import LARGEST_ANSWER
from lambent.wire.timestamps import to_iso8601

DESTINATION = "destination"
DEAD_LETTER = "dead-letter"
LONGEST_MESSAGE = 1_024  # bytes of ErrorMessage
# As AWS writes it, slip included.
NOT_INVOKED = "Function not invoked. Function isconfigured with zero reserved concurrent executions"

_encode = msgspec.json.Encoder().encode
_check = msgspec.json.Decoder(msgspec.Raw).decode
_named = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

Place = tuple[int, int]  # offset and length


def letters_for(end: End) -> list[Letter]:
    """All that is to be delivered. Both the destination and the dead-letter queue get theirs where both are set.

    None for a failure means that the event has nowhere to go, and is kept.
    """
    if end.succeeded:
        return [_destination(end, end.config.on_success)] if end.config.on_success else []
    letters = [_destination(end, end.config.on_failure)] if end.config.on_failure else []
    return [*letters, _dead_letter(end)] if end.dead_letter else letters


def kept_letter(end: End) -> Letter:
    """A letter to nobody, which is all that the kept list needs of an event that has nowhere to go."""
    payload, answer = end.event.payload, _answer(end)[:LARGEST_ANSWER]
    return _letter(end, "", "", payload + answer, ((0, len(payload)), (len(payload), len(answer))))


def record(end: End) -> tuple[bytes, Place, Place]:
    """AWS's invocation record as JSON, and where in it the event's payload and the function's answer lie.

    Both stand in it as they came: parsing them and writing them anew would change numbers and spellings.
    """
    event = end.event
    context = {
        "requestId": event.request_id,
        "functionArn": event.qualified_arn,
        "condition": end.condition,
        "approximateInvokeCount": event.attempts,
    }
    opening = {"version": "1.0", "timestamp": to_iso8601(end.now), "requestContext": context}
    head = _encode(opening)[:-1] + b',"requestPayload":'
    middle, answer = _response(end)
    body = b"".join([head, event.payload, middle, answer, b"}"])
    return body, (len(head), len(event.payload)), (len(body) - 1 - len(answer), len(answer))


def error_message(end: End) -> str:
    """What was wrong, in the words of the function or else in AWS's."""
    if end.condition == ZERO_RESERVED_CONCURRENCY:
        return NOT_INVOKED
    if end.outcome is None:
        return end.error
    try:
        return str(msgspec.json.decode(_named(end.outcome.payload)["errorMessage"], type=str))
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, RecursionError):
        return end.outcome.payload.decode("utf-8", "replace")


# -- details


def _destination(end: End, target: str) -> Letter:
    body, payload, answer = record(end)
    return _letter(end, DESTINATION, target, body, (payload, answer))


def _dead_letter(end: End) -> Letter:
    """The event as it came; the attributes tell the rest."""
    attributes = {"RequestID": end.event.request_id}
    if end.condition != ZERO_RESERVED_CONCURRENCY:
        attributes["ErrorCode"] = str(end.status)
    message = _first_kb(error_message(end))
    if message:  # SQS and SNS take no empty attribute
        attributes["ErrorMessage"] = message
    body = end.event.payload
    return _letter(end, DEAD_LETTER, end.dead_letter, body, ((0, len(body)), (0, 0)), attributes=attributes)


def _letter(
    end: End, kind: str, target: str, body: bytes, places: tuple[Place, Place], *,
    attributes: dict[str, str] | None = None,
) -> Letter:  # fmt: skip
    """`places`: where in the body the event's payload and the answer lie."""
    event, outcome = end.event, end.outcome
    # What it sets off comes after this function's run, if it ran: so a loop of destinations is seen as one.
    onward = lineage.judge(event.trace, event.function_arn, True).trace if event.attempts else event.trace
    ended = Ended(
        received=event.received, failed=end.now, trace=event.trace, condition=end.condition, attempts=event.attempts,
        status=end.status, error_type=(outcome.error_type or "") if outcome else "", payload=places[0],
        answer=places[1], onward=onward, tenant=event.tenant,
    )  # fmt: skip
    return Letter(
        request_id=event.request_id, account=event.account, region=event.region, name=event.name,
        qualifier=event.qualifier, kind=kind, success=end.succeeded, target=target, body=body,
        attributes=attributes or {}, ended=ended, created=end.now, due=end.now,
    )  # fmt: skip


def _response(end: End) -> tuple[bytes, bytes]:
    """What stands between the event's payload and the answer, and the answer; nothing of either if there was none."""
    if end.condition == ZERO_RESERVED_CONCURRENCY or (end.outcome is None and end.status < 400):
        return b"", b""
    context: dict[str, str | int] = {"statusCode": end.status}
    if end.outcome is None:
        return b',"responseContext":' + _encode(context), b""
    context["executedVersion"] = end.executed_version
    if end.outcome.function_error:
        context["functionError"] = end.outcome.function_error
    answer = _as_json(end.outcome.payload)
    return b',"responseContext":' + _encode(context) + (b',"responsePayload":' if answer else b""), answer


def _as_json(answer: bytes) -> bytes:
    """The answer if it is JSON, a string of it if it is not, nothing if it is empty."""
    try:
        _check(answer)
        answer.decode()
        return answer
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _encode(answer.decode("utf-8", "replace")) if answer.strip() else b""


def _answer(end: End) -> bytes:
    return end.outcome.payload if end.outcome else error_message(end).encode("utf-8", "replace")


def _first_kb(text: str) -> str:
    """Cut between characters; those that SQS and SNS refuse in attributes are replaced."""
    allowed = "".join(letter if letter in "\t\n\r" or letter >= " " else "\ufffd" for letter in text[:LONGEST_MESSAGE])
    return allowed.encode("utf-8", "replace")[:LONGEST_MESSAGE].decode("utf-8", "ignore")
