"""Functions that take all they can get, or break what they stand on: contained, reported, and gone afterwards."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from real_server import Answer, Function, Server, zip_of

pytestmark = pytest.mark.root
Deploy = Callable[..., Function]

RUNNER = """
    import ctypes, errno, gc, json, os, resource, signal, socket, sys, threading, time

    def handler(event, context):
        names = dict(globals(), answer="alive", context=context)
        exec(event, names)
        return names["answer"]
"""


@pytest.fixture
def function(deploy: Deploy) -> Function:
    return deploy(RUNNER, MemorySize=512)


@pytest.fixture
def witness(deploy: Deploy) -> Function:
    return deploy("def handler(event, context): return event")


def run(function: Function, code: str) -> Answer:
    """Run `code` in the handler; whatever comes of it, the call after it is answered."""
    lines = code.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    answer = function.call("\n".join(line[margin:] for line in lines))
    assert function.call("pass").value == "alive"
    return answer


def test_descriptors_end_at_1024_and_the_answer_still_comes(function: Function) -> None:
    """They are leaked for good: the environment stays as it is, and goes on answering."""
    code = """
        kept = sys.__dict__.setdefault("leaked", [])
        try:
            while True:
                kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            answer = [errno.errorcode[error.errno], max(kept), len(kept)]
    """
    name, highest, count = run(function, code).value
    assert (name, highest) == ("EMFILE", 1023)
    assert 1000 < count < 1024
    assert run(function, code).value == [name, highest, count]


def test_processes_and_threads_end_at_1024_together(function: Function) -> None:
    code = """
        stop, threads, children = threading.Event(), [], []
        threading.stack_size(65536)
        try:
            while len(children) < 100:
                pid = os.fork()
                if pid == 0:
                    signal.pause()
                children.append(pid)
            while len(threads) < 2000:
                threads.append(threading.Thread(target=stop.wait))
                threads[-1].start()
        except (OSError, RuntimeError) as error:
            answer = len(children), len(threads), type(error).__name__
        finally:
            stop.set()
            for pid in children:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            for thread in threads[:-1]:
                thread.join()
    """
    children, threads, error = run(function, code).value
    assert (children, error) == (100, "RuntimeError")
    assert 900 < children + threads <= 1024


def test_a_child_that_takes_all_the_memory_is_ended_without_harm_to_others(
    function: Function, witness: Function
) -> None:
    code = """
        pid = os.fork()
        if pid == 0:
            kept = []
            while True:
                kept.append(bytearray(1 << 20))
        answer = os.WTERMSIG(os.waitpid(pid, 0)[1])
    """
    with ThreadPoolExecutor(1) as threads:
        hogging = threads.submit(run, function, code)
        assert [witness.call(n).value for n in range(10)] == list(range(10))
        answer = hogging.result()
    assert answer.value == 9 if answer.error is None else answer.error_type == "Runtime.OutOfMemory"


def test_memory_that_is_mapped_and_shared_counts_as_any_other(function: Function, witness: Function) -> None:
    answer = run(function, "import mmap; kept = mmap.mmap(-1, 600 << 20); kept.write(bytes(600 << 20))")
    assert answer.error_type == "Runtime.OutOfMemory"
    assert "Memory Size: 512 MB\tMax Memory Used: 512 MB" in answer.log
    assert witness.call("well").value == "well"


def test_files_that_fill_tmp_are_not_charged_to_the_memory_and_can_be_removed(function: Function) -> None:
    """As many empty files as there can be, then as much data: each ends with ENOSPC."""
    code = """
        found = []
        os.mkdir("/tmp/many")
        try:
            for number in range(10 ** 6):
                os.close(os.open("/tmp/many/%d" % number, os.O_CREAT | os.O_WRONLY))
        except OSError as error:
            found += [errno.errorcode[error.errno], number]
        for name in os.listdir("/tmp/many"):
            os.unlink("/tmp/many/" + name)
        fd = os.open("/tmp/data", os.O_CREAT | os.O_WRONLY)
        try:
            while True:
                os.posix_fallocate(fd, os.fstat(fd).st_size, 1 << 20)
        except OSError as error:
            found += [errno.errorcode[error.errno], os.fstat(fd).st_size >> 20]
        os.close(fd)
        os.unlink("/tmp/data")
        answer = found, len(os.listdir("/tmp/many"))
    """
    answer = run(function, code)
    (first, files, second, megabytes), rest = answer.value
    assert (first, second, rest) == ("ENOSPC", "ENOSPC", 0)
    assert files > 10_000
    assert 500 <= megabytes <= 512


def test_a_function_may_have_ten_gigabytes_of_tmp_and_not_one_more(deploy: Deploy) -> None:
    function = deploy(RUNNER, EphemeralStorage={"Size": 10_240})
    code = """
        fd, answer = os.open("/tmp/data", os.O_CREAT | os.O_WRONLY), []
        os.posix_fallocate(fd, 0, 10_200 << 20)
        try:
            os.posix_fallocate(fd, 0, (10_240 << 20) + 1)
        except OSError as error:
            answer.append(errno.errorcode[error.errno])
    """
    assert run(function, code).value == ["ENOSPC"]


def test_what_a_crashed_environment_leaves_in_tmp_harms_neither_its_heir_nor_the_host(
    function: Function, tmp_path: Path, server: Server
) -> None:
    """Directories too deep for any path, links to the host, nothing that may be read: the agent gives it all away."""
    agent = server.status()["agent_pid"]
    target = tmp_path / "file-of-the-host"
    target.touch()
    code = f"""
        os.chdir("/tmp")
        for number in range(3000):
            os.mkdir("d")
            os.chdir("d")
        os.chdir("/tmp")
        os.symlink({str(target)!r}, "/tmp/link")
        os.symlink("/", "/tmp/root")
        os.mkdir("/tmp/closed")
        os.symlink({str(tmp_path)!r}, "/tmp/closed/link")
        os.mkfifo("/tmp/pipe")
        os.chmod("/tmp/closed", 0)
        os._exit(1)
    """
    assert run(function, code).error_type == "Runtime.ExitError"
    found = run(function, "answer = sorted(os.listdir('/tmp')), os.stat('/tmp').st_uid == os.getuid()").value
    assert found == [["closed", "d", "link", "pipe", "root"], True]
    assert run(function, "open('/tmp/d/new', 'w').close(); os.chmod('/tmp/closed', 0o700)").value == "alive"
    assert (target.stat().st_uid, tmp_path.stat().st_uid) == (os.getuid(), os.getuid())
    assert server.status()["agent_pid"] == agent


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("os.killpg(0, signal.SIGKILL)", "Runtime.ExitError"),
        ("os.kill(os.getpid(), signal.SIGSTOP)", "Sandbox.Timedout"),
        ("os.closerange(0, 1024); signal.pause()", "Runtime.ExitError"),
        ("threading.Thread(target=lambda: os._exit(5)).start(); time.sleep(60)", "Runtime.ExitError"),
    ],
)
def test_a_runtime_that_ends_or_stops_itself_is_told_of_and_replaced(deploy: Deploy, code: str, error: str) -> None:
    answer = run(deploy(RUNNER, Timeout=2), code)
    assert answer.error == "Unhandled"
    assert answer.error_type == error


@pytest.mark.parametrize(
    "code",
    [
        "[resource.setrlimit(limit, (0, 0)) for limit in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE)]",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
        "os.chmod('/tmp', 0); os.chdir('/')",
        "os.nice(19); signal.setitimer(signal.ITIMER_REAL, 0)",
        "sys.stdout.close(); sys.stderr.close(); os.environ.clear(); sys.path.clear(); sys.modules.clear()",
        "gc.disable(); sys.settrace(lambda *_: None); sys.setswitchinterval(100)",
    ],
)
def test_a_handler_that_takes_its_own_means_away_harms_only_itself(
    function: Function, witness: Function, code: str
) -> None:
    function.call(code)  # whatever comes of it
    answers = [function.call("pass") for _ in range(2)]
    assert all(answer.value == "alive" or answer.error for answer in answers)
    assert witness.call("well").value == "well"


def test_a_flood_of_lines_by_children_that_stay_does_not_hold_up_anybody(function: Function, witness: Function) -> None:
    code = """
        for number in range(20):
            if os.fork() == 0:
                while True:
                    os.write(1, b"flood " * 1000 + b"\\n")
    """
    assert run(function, code).value == "alive"
    assert [witness.call(n).value for n in range(10)] == list(range(10))
    assert "flood" not in witness.call("mine").log


def test_a_log_tail_is_the_last_four_kilobytes(function: Function) -> None:
    log = run(function, "for n in range(1000): print('line', n)").log
    assert 3900 < len(log.encode()) <= 4096
    assert "line 999\n" in log
    assert "line 0\n" not in log


def test_an_environment_of_four_kilobytes_arrives_whole_and_one_byte_more_is_refused(
    deploy: Deploy, server: Server
) -> None:
    largest = {"FULL": "ü" * 2000 + "x" * (4096 - len('{"FULL":""}') - 4000)}
    function = deploy(RUNNER, Environment={"Variables": largest})
    assert run(function, "answer = os.environ['FULL']").value == largest["FULL"]
    with pytest.raises(ClientError, match="exceeded the 4KB limit"):
        server.client.create_function(
            FunctionName="too-much", Runtime=server.runtime, Role="arn:aws:iam::000000000000:role/any", Handler="app.h",
            Code={"ZipFile": zip_of({"app.py": ""})}, Environment={"Variables": {"FULL": largest["FULL"] + "x"}},
        )  # fmt: skip
