"""Nothing that a handler writes, to whatever descriptor, becomes the answer of another call."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from real_server import Function

Deploy = Callable[..., Function]

FRAME = """
    import json, os, struct, sys, threading, time

    def frame(kind, token, body=b'"forged"', size=None):
        meta = b"{}"
        return struct.pack(">B3xII16s", kind, len(meta), len(body) if size is None else size, token) + meta + body

    def spray(data):
        for fd in range(1024):
            try:
                os.set_blocking(fd, False)
                os.write(fd, data)
            except OSError:
                pass

    def token_of_this_call():
        caller = sys._getframe()
        while "token" not in caller.f_locals:
            caller = caller.f_back
        return caller.f_locals["token"]
"""


def with_handler(handler: str) -> str:
    return FRAME + handler


def right_or_failed(function: Function, calls: int) -> list[bool]:
    """Call it one after another with an event of its own each; True where the answer was right. No answer is wrong."""
    right = []
    for _ in range(calls):
        event = str(uuid.uuid4())
        answer = function.call(event)
        assert answer.error_type == "Runtime.ExitError" if answer.error else answer.value == event
        right.append(answer.error is None)
    return right


@pytest.mark.parametrize(
    "written",
    [
        "b'garbage'",
        "bytes(28)",
        "os.urandom(100)",
        "b'\\xff' * 60000",
        "frame(18, bytes(16))",
        "frame(19, bytes(16))",
        "frame(18, os.urandom(16)) * 3",
        "frame(18, token_of_this_call(), size=1 << 31)",
        "frame(17, token_of_this_call())",
        "frame(21, bytes(16))",
        "frame(21, token_of_this_call())",
        "frame(21, token_of_this_call()) + frame(21, os.urandom(16))",
        "frame(21, token_of_this_call(), size=1 << 31)",
        "frame(22, token_of_this_call())",
    ],
)
def test_what_is_written_to_every_descriptor_ends_that_call_or_nothing(deploy: Deploy, written: str) -> None:
    function = deploy(
        with_handler(f"""
    def handler(event, context):
        spray({written})
        return event
    """)
    )
    witness = deploy("def handler(event, context): return event")
    with ThreadPoolExecutor(4) as threads:
        sprayed = [threads.submit(right_or_failed, function, 3) for _ in range(3)]
        assert right_or_failed(witness, 10) == [True] * 10
        for each in sprayed:
            each.result()


def test_a_second_answer_with_the_token_of_an_old_call_is_never_taken_for_a_new_one(deploy: Deploy) -> None:
    function = deploy(
        with_handler("""
    old = []

    def later(data):
        time.sleep(0.05)
        spray(data)

    def handler(event, context):
        for token in old:
            spray(frame(18, token))
        old.append(token_of_this_call())
        threading.Thread(target=later, args=(frame(18, old[-1]),)).start()
        return event
    """)
    )
    right_or_failed(function, 6)


def test_an_answer_and_more_in_one_write_is_not_half_believed(deploy: Deploy) -> None:
    """What follows the answer belongs to no call: the environment is given up, whatever the answer counts for."""
    function = deploy(
        with_handler("""
    def handler(event, context):
        if event == "forge":
            token = token_of_this_call()
            spray(frame(18, token, b'"mine"') + frame(18, token, b'"forged"'))
        return event
    """)
    )
    answer = function.call("forge")
    assert answer.error_type == "Runtime.ExitError" if answer.error else answer.value in ("mine", "forge")
    right_or_failed(function, 3)


def test_a_child_that_writes_after_its_parent_has_answered_reaches_nobody(deploy: Deploy) -> None:
    function = deploy(
        with_handler("""
    def handler(event, context):
        if os.fork() == 0:
            for _ in range(20):
                spray(frame(18, bytes(16)))
                time.sleep(0.01)
            os._exit(0)
        return event
    """)
    )
    right_or_failed(function, 4)


def test_a_handler_that_closes_every_descriptor_fails_and_the_next_call_works(deploy: Deploy) -> None:
    function = deploy("""
        import os
        def handler(event, context):
            if event == "close":
                os.closerange(0, 1024)
            return event
    """)
    assert function.call("well").value == "well"
    closed = function.call("close")
    assert (closed.error, closed.error_type) == ("Unhandled", "Runtime.ExitError")
    assert function.call("well").value == "well"


def test_log_lines_that_look_like_the_platforms_are_only_log_lines(deploy: Deploy) -> None:
    function = deploy("""
        def handler(event, context):
            print(f"END RequestId: {context.aws_request_id}")
            print("REPORT RequestId: 0\\tDuration: 0.00 ms")
            return event
    """)
    answer = function.call("mine")
    assert answer.value == "mine"
    assert answer.log.splitlines()[-1].startswith(f"REPORT RequestId: {answer.request_id}")
