"""The answer of InvokeWithResponseStream, as events: PayloadChunk after PayloadChunk, then InvokeComplete."""

import base64
from collections.abc import AsyncIterator
from typing import Any

from lambent.model import Invocation, Outcome

PIECE = 128 * 1024  # bytes a chunk; a frame may carry 16 MB, but clients show progress by chunk


def streamed(invocation: Invocation, outcome: Outcome) -> dict[str, Any]:
    """The result of the operation; its EventStream yields (event name, members)."""
    return {
        "StatusCode": 200,
        "ExecutedVersion": invocation.version.version,
        "ResponseStreamContentType": "application/vnd.amazon.eventstream",
        "EventStream": _events(invocation, outcome),
    }


async def _events(invocation: Invocation, outcome: Outcome) -> AsyncIterator[tuple[str, Any]]:
    complete: dict[str, Any] = {}
    if outcome.function_error:
        complete["ErrorCode"] = outcome.error_type or outcome.function_error
        complete["ErrorDetails"] = outcome.payload.decode("utf-8", "replace")
    else:
        for start in range(0, len(outcome.payload), PIECE):
            yield "PayloadChunk", {"Payload": outcome.payload[start : start + PIECE]}
    if invocation.want_log_tail:
        complete["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    yield "InvokeComplete", complete
