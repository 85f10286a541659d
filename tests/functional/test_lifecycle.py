"""What a function may expect of its environment from one call to the next."""

import time
from collections.abc import Callable

import pytest
from real_server import Function

Deploy = Callable[..., Function]


def test_a_runtime_that_ends_between_two_calls_is_replaced_without_the_caller_noticing(deploy: Deploy) -> None:
    function = deploy("""
        import os, threading
        def handler(event, context):
            threading.Timer(0.02, os._exit, [1]).start()
            return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
    """)
    first = function.call(None).value
    time.sleep(0.3)  # a real process has to end: nothing tells when
    assert function.call(None).value != first


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
