"""What a caller sees when the environment, and not the function, ended an invocation: pure functions to documents.

Source: lambda-semantics.md §3 (the emulator's fatal errors and AWS's current texts).
"""

import os

import msgspec

from lambent.sandbox.extension_states import Fatal
from lambent.sandbox.protocol import Ended
from lambent.sandbox.signals import signal_name

# The buffered maximum of the Runtime Interface Emulator: 6 MiB and 100 bytes.
RESPONSE_LIMIT = 6 * 1024 * 1024 + 100
_json = msgspec.json.Encoder().encode


class Failure(msgspec.Struct, frozen=True):
    """An error type, the status that REPORT shows, and the document that the caller gets."""

    error_type: str
    status: str  # error | timeout | failure, as in Outcome
    body: bytes


def _failure(error_type: str, status: str, request_id: str, text: str) -> Failure:
    message = f"RequestId: {request_id} Error: {text}"
    return Failure(error_type, status, _json({"errorType": error_type, "errorMessage": message}))


def timed_out(request_id: str, seconds: float) -> Failure:
    return _failure("Sandbox.Timedout", "timeout", request_id, f"Task timed out after {seconds:.2f} seconds")


def exited(request_id: str, wait_status: int | None, *, out_of_memory: bool) -> Failure:
    """The runtime process is gone. `wait_status` is waitpid's; None when nobody could tell."""
    if out_of_memory:
        return _failure("Runtime.OutOfMemory", "failure", request_id, "Runtime exited with error: signal: killed")
    if wait_status is None or wait_status == 0:
        text = "Runtime exited without providing a reason"
    else:
        text = f"Runtime exited with error: {_status(wait_status)}"
    return _failure("Runtime.ExitError", "failure", request_id, text)


def ending(news: Ended) -> str:
    """The same in a few words, for who asks later why a sandbox is there no longer."""
    if news.lost:
        return "the node agent died"
    if news.out_of_memory:
        return "out of memory"
    return "exit" if news.status is None else f"exit ({_status(news.status)})"


def _status(wait_status: int) -> str:
    if os.WIFSIGNALED(wait_status):
        return f"signal: {signal_name(os.WTERMSIG(wait_status))}"
    return f"exit status {os.WEXITSTATUS(wait_status)}"


def extension(request_id: str, fatal: Fatal) -> Failure:
    """An extension ended the environment."""
    return _failure(fatal.kind, "failure", request_id, fatal.text)


def renamed(failure: Failure, error_type: str) -> Failure:
    """The same under another type: an extension inside the runtime's process said why that would end."""
    document = msgspec.json.decode(failure.body)
    return Failure(error_type, failure.status, _json({**document, "errorType": error_type}))


def too_large(size: int, limit: int = RESPONSE_LIMIT) -> Failure:
    message = f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({limit} bytes)."
    error_type = "Function.ResponseSizeTooLarge"
    return Failure(error_type, "error", _json({"errorType": error_type, "errorMessage": message}))


def init_failed(request_id: str, error_type: str, body: bytes | None) -> Failure:
    """The runtime reported why it cannot start; its own document is what the caller sees."""
    if not body:
        return _failure(error_type, "error", request_id, "Runtime exited with error: exit status 1")
    return Failure(error_type, "error", body)
