"""What a caller reads when the environment, and not the function, ended an invocation."""

import json
import signal

import pytest

from lambent.sandbox import failures

ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


def read(failure: failures.Failure) -> tuple[str, str, dict[str, str]]:
    return failure.error_type, failure.status, json.loads(failure.body)


def test_a_time_out_names_the_seconds_with_two_places():
    assert read(failures.timed_out(ID, 3)) == (
        "Sandbox.Timedout",
        "timeout",
        {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {ID} Error: Task timed out after 3.00 seconds"},
    )


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (None, "Runtime exited without providing a reason"),
        (0, "Runtime exited without providing a reason"),
        (1 << 8, "Runtime exited with error: exit status 1"),
        (137 << 8, "Runtime exited with error: exit status 137"),
        (signal.SIGKILL, "Runtime exited with error: signal: killed"),
        (signal.SIGSEGV, "Runtime exited with error: signal: segmentation fault"),
        (signal.SIGSEGV | 0x80, "Runtime exited with error: signal: segmentation fault"),  # with a core
        (signal.SIGABRT, "Runtime exited with error: signal: aborted"),
        (signal.SIGTERM, "Runtime exited with error: signal: terminated"),
        (signal.SIGSYS, "Runtime exited with error: signal: bad system call"),
        (40, "Runtime exited with error: signal: signal 40"),
    ],
)
def test_an_exit_is_told_as_aws_platform_tells_it(status, text):
    kind, shown, document = read(failures.exited(ID, status, out_of_memory=False))
    assert (kind, shown) == ("Runtime.ExitError", "failure")
    assert document == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {ID} Error: {text}"}


@pytest.mark.parametrize("status", [None, 0, signal.SIGKILL, 1 << 8])
def test_a_function_that_used_up_its_memory_is_told_so_however_it_ended(status):
    kind, shown, document = read(failures.exited(ID, status, out_of_memory=True))
    assert (kind, shown) == ("Runtime.OutOfMemory", "failure")
    assert document["errorMessage"] == f"RequestId: {ID} Error: Runtime exited with error: signal: killed"


def test_an_answer_that_is_too_large_names_both_sizes():
    kind, status, document = read(failures.too_large(6_291_557))
    assert (kind, status) == ("Function.ResponseSizeTooLarge", "error")
    assert document["errorMessage"] == (
        "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes)."
    )


def test_a_failed_init_is_answered_with_the_runtimes_own_document():
    own = failures.init_failed(ID, "Runtime.InvalidEntrypoint", b'{"errorMessage": "x"}')
    assert (own.error_type, own.status, own.body) == ("Runtime.InvalidEntrypoint", "error", b'{"errorMessage": "x"}')
    silent = failures.init_failed(ID, "Runtime.Unknown", None)
    assert json.loads(silent.body)["errorMessage"] == f"RequestId: {ID} Error: Runtime exited with error: exit status 1"
