"""What a function may expect of its environment from one call to the next."""

from collections.abc import Callable

import pytest
from real_server import Function, Server, wait_until

Deploy = Callable[..., Function]
Serve = Callable[..., Server]


def test_a_runtime_that_ends_between_two_calls_is_replaced_without_the_caller_noticing(serve: Serve) -> None:
    server = serve("--freeze-after-ms", "0", "--husks", "1")  # or it might be frozen before it has ended
    function = server.deploy("""
        import os, threading
        calls = 0
        def handler(event, context):
            global calls
            calls += 1
            threading.Timer(0.02, os._exit, [1]).start()
            return [calls, context.log_stream_name]
    """)
    first = function.call(None).value
    wait_until(lambda: server.status()["sandboxes"]["idle"] == 0)
    assert function.call(None).value == first, "a fresh runtime in the same environment"


@pytest.mark.root
def test_stdout_can_be_opened_by_its_name_and_the_process_can_read_about_itself(deploy: Deploy) -> None:
    function = deploy("""
        def handler(event, context):
            for name in ("/dev/stdout", "/dev/stderr", "/proc/self/fd/1"):
                with open(name, "w") as log:
                    log.write("through " + name + "\\n")
            with open("/proc/self/environ", "rb") as own:
                return len(own.read()) >= 0
    """)
    answer = function.call(None)
    assert answer.value is True
    for name in ("/dev/stdout", "/dev/stderr", "/proc/self/fd/1"):
        assert f"through {name}\n" in answer.log
