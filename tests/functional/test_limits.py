"""What ends a call besides its answer: crashes, limits and time, each with AWS's words and without harm to others."""

import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from real_server import Function, Server, living, wait_until

Deploy = Callable[..., Function]

CRASHER = """
    import ctypes, os, signal, sys, threading, time

    def deep(n):
        return deep(n + 1)

    def handler(event, context):
        exec(event)
        return "alive"
"""


def reason(function: Function, code: str) -> tuple[str, str]:
    """The type and message of the error that running `code` gives, without the request id; the next call works."""
    answer = function.call(code)
    assert answer.error == "Unhandled"
    assert function.call("pass").value == "alive"
    return answer.error_type, answer.error_message.removeprefix(f"RequestId: {answer.request_id} Error: ")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "Runtime exited with error: signal: terminated"),
        ("ctypes.string_at(0)", "Runtime exited with error: signal: segmentation fault"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("os.closerange(0, 1024); time.sleep(60)", "Runtime exited without providing a reason"),
    ],
)
def test_a_runtime_that_ends_says_how_and_the_next_call_has_a_new_one(deploy: Deploy, code: str, message: str) -> None:
    assert reason(deploy(CRASHER), code) == ("Runtime.ExitError", message)


@pytest.mark.root
def test_a_call_that_its_runtime_does_not_survive_shows_the_memory_that_it_took(deploy: Deploy) -> None:
    answer = deploy(CRASHER).call("kept = bytearray(50 << 20); os._exit(1)")
    found = re.search(r"Max Memory Used: (\d+) MB", answer.log)
    assert found
    assert 50 < int(found[1]) < 100


def test_recursion_without_end_is_an_error_of_the_function_only(deploy: Deploy) -> None:
    assert reason(deploy(CRASHER), "deep(0)")[0] == "RecursionError"


@pytest.mark.root
def test_a_function_that_takes_more_memory_than_it_has_is_ended_and_others_do_not_notice(deploy: Deploy) -> None:
    hog = deploy(
        """
        def handler(event, context):
            kept = []
            while event:
                kept.append(bytearray(1 << 20))
            return "alive"
        """,
        MemorySize=128,
    )
    witness = deploy("def handler(event, context): return event")
    with ThreadPoolExecutor(1) as threads:
        hogging = threads.submit(hog.call, True)
        assert [witness.call(n).value for n in range(20)] == list(range(20))
        answer = hogging.result()

    assert (answer.error, answer.error_type) == ("Unhandled", "Runtime.OutOfMemory")
    assert answer.error_message == f"RequestId: {answer.request_id} Error: Runtime exited with error: signal: killed"
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB" in answer.log
    assert hog.call(False).value == "alive"


@pytest.mark.root
def test_forking_stops_at_the_limit_and_leaves_no_process(deploy: Deploy, server: Server) -> None:
    mark = f"b{uuid.uuid4().hex[:12]}"
    function = deploy("""
        import ctypes, os, signal
        def handler(event, context):
            ctypes.CDLL(None).prctl(15, event.encode(), 0, 0, 0)
            children = 0
            try:
                while True:
                    if os.fork() == 0:
                        signal.pause()
                    children += 1
            except OSError as error:
                return children, error.errno
    """)
    children, number = function.call(mark).value
    assert (number, 900 < children < 1024) == (11, True)  # EAGAIN

    server.client.update_function_configuration(FunctionName=function.name, Description="its environments go")
    wait_until(lambda: mark not in {command for _, command in living().values()})


@pytest.mark.root
def test_a_fork_bomb_is_contained_timed_out_and_swept(deploy: Deploy) -> None:
    mark = f"b{uuid.uuid4().hex[:12]}"
    bomb = deploy(
        """
        import ctypes, os
        def handler(event, context):
            ctypes.CDLL(None).prctl(15, event.encode(), 0, 0, 0)
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        """,
        MemorySize=512,
        Timeout=1,
    )
    witness = deploy("def handler(event, context): return event")
    with ThreadPoolExecutor(1) as threads:
        bombing = threads.submit(bomb.call, mark)
        assert [witness.call(n).value for n in range(10)] == list(range(10))
        answer = bombing.result()

    assert answer.error_type in ("Sandbox.Timedout", "Runtime.OutOfMemory")
    wait_until(lambda: mark not in {command for _, command in living().values()})


@pytest.mark.root
def test_the_share_of_the_cpu_follows_the_memory(deploy: Deploy) -> None:
    function = deploy(
        """
        import time
        def handler(event, context):
            began, spent = time.monotonic(), time.process_time()
            while time.monotonic() < began + 1.0:
                pass
            return (time.process_time() - spent) / (time.monotonic() - began)
        """,
        MemorySize=177,
    )
    assert function.call().value < 0.25, "177 MB are a tenth of a core; a period more is borrowed at most"


def test_a_handler_that_ignores_every_signal_is_ended_at_its_time_out(deploy: Deploy) -> None:
    function = deploy(
        """
        import signal
        def handler(event, context):
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            print("stubborn", flush=True)
            while event:
                pass
        """,
        Timeout=1,
    )
    answer = function.call(True)

    assert answer.error == "Unhandled"
    assert answer.value == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after 1.00 seconds",
    }
    assert "stubborn" in answer.log
    assert "Status: timeout" in answer.log.splitlines()[-1]
    assert function.call(False).error is None


def test_an_init_that_ends_the_process_is_tried_again_and_then_told(deploy: Deploy) -> None:
    function = deploy("import os\nprint('init')\nos._exit(9)\ndef handler(event, context): pass")
    answer = function.call()
    assert answer.error_type == "Runtime.ExitError"
    assert answer.error_message.endswith("Runtime exited with error: exit status 9")
    wait_until(lambda: function.logs().count("init") == 2)


def test_a_thread_left_running_does_not_disturb_later_calls(deploy: Deploy) -> None:
    function = deploy("""
        import threading, time
        def noise():
            while True:
                print("noise")
                time.sleep(0.001)
        def handler(event, context):
            threading.Thread(target=noise).start()
            return event
    """)
    assert [function.call(n).value for n in range(10)] == list(range(10))


@pytest.mark.parametrize("line", ["'x' * 1023 + '\\n'", "'x' * 1024"])
def test_a_flood_of_output_does_not_fill_the_servers_memory(deploy: Deploy, server: Server, line: str) -> None:
    function = deploy(f"""
        import os
        def handler(event, context):
            piece = ({line} * 1024).encode()
            for _ in range(event):
                os.write(1, piece)
            return "done"
    """)
    function.call(1)
    before = resident_mb(server)
    answer = function.call(256)

    assert answer.value == "done"
    assert len(answer.log) <= 4096
    assert answer.log.splitlines()[-1].startswith("REPORT")
    assert resident_mb(server) - before < 128


def resident_mb(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def test_an_answer_of_six_megabytes_comes_back_and_more_is_refused(deploy: Deploy) -> None:
    function = deploy("def handler(event, context): return 'x' * event")
    limit = 6 * 1024 * 1024 + 100

    assert len(function.call(limit - 2).value) == limit - 2
    assert function.call(limit - 1).value == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": f"Response payload size ({limit + 1} bytes) exceeded maximum allowed payload size "
        f"({limit} bytes).",
    }
    assert function.call(100 << 20).error == "Unhandled"
    assert function.call(1).value == "x"


def test_an_event_of_six_megabytes_arrives_whole(deploy: Deploy) -> None:
    function = deploy("def handler(event, context): return len(event)")
    assert function.call("x" * (6_291_456 - 2)).value == 6_291_456 - 2
