"""Whoever takes part is killed in every phase of an environment's life: afterwards calls are served, nothing is left.

Functions show where they are by the name of their process, and go on when they get a signal: no test depends on timing.
"""

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from real_server import Answer, Function, Process, Server, alive, living, wait_until

pytestmark = pytest.mark.root
VICTIMS = ("runtime", "first process", "zygote", "agent")

WAITER = """
    import ctypes, os, signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    def wait(phase):
        ctypes.CDLL(None).prctl(15, phase.encode(), 0, 0, 0)
        signal.sigtimedwait([signal.SIGUSR1], 60)
        ctypes.CDLL(None).prctl(15, b"going", 0, 0, 0)

    if os.environ.get("INIT"):
        wait(os.environ["INIT"])

    def handler(event, context):
        if event:
            wait(event)
        return "done"
"""


@pytest.fixture(scope="module")
def sturdy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all the killing. At its end nothing of it may be left on the machine."""
    server = Server(tmp_path_factory.mktemp("sturdy") / "data", "--husks", "2", "--freeze-after-ms", "50")
    family = server.family()
    yield server
    family |= server.family()
    assert server.stop() == 0
    wait_until(lambda: not alive(family))
    assert server.cgroups() == []
    wait_until(lambda: not traces(server))  # the kernel takes network namespaces and disks away in its own time
    assert str(server.data) not in Path("/proc/self/mountinfo").read_text()
    assert list((server.data / "run").glob("*.sock")) == []
    assert "Traceback" not in server.said(), server.said()


def traces(server: Server) -> list[str]:
    """The server's network devices, whose names have its range of addresses, and its used loop devices."""
    found = re.search(r"outbound from ([\d.]+)/", server.said())
    mark = f"lb{int(ip_address(found[1])):08x}" if found else "none of this name"
    devices = [name for name in os.listdir("/sys/class/net") if name.startswith(mark)]
    loops = [str(path) for path in Path("/sys/block").glob("loop*/loop/backing_file") if is_of(server, path)]
    return devices + loops


def is_of(server: Server, backing: Path) -> bool:
    try:
        return str(server.data) in backing.read_text()
    except OSError:
        return False  # it went meanwhile


# -- who is killed


def appears(mark: str, *, but: Process | None = None) -> Process:
    """The process with this name; another one than `but`."""

    def found() -> Process | None:
        return next((each for each, (_, name) in living().items() if name == mark and each != but), None)

    process: Process = wait_until(found)
    return process


def parent_of(process: Process) -> Process:
    table = living()
    return next(each for each in table if each.pid == table[process][0])


def agent_of(server: Server) -> Process:
    pid = wait_until(lambda: server.status()["agent_pid"])
    return next(each for each in living() if each.pid == pid)


def zygote_of(server: Server) -> Process:
    """The zygote of the newest Python: the agent's child in whose command line that interpreter is."""
    table, pid = living(), agent_of(server).pid
    zygotes = [each for each, (parent, name) in table.items() if parent == pid and "python" in name]
    return next(each for each in zygotes if b"zygote.py" in Path(f"/proc/{each.pid}/cmdline").read_bytes())


def kill(server: Server, victim: str, runtime: Process) -> None:
    """End the victim, and wait until the server must have noticed."""
    process = {
        "runtime": lambda: runtime,
        "first process": lambda: parent_of(runtime),
        "zygote": lambda: zygote_of(server),
        "agent": lambda: agent_of(server),
    }[victim]()
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not alive([process]))


def go_on(process: Process) -> None:
    os.kill(process.pid, signal.SIGUSR1)


def mark() -> str:
    return f"w{os.urandom(6).hex()}"


def started(function: Function, event: object, threads: ThreadPoolExecutor) -> "Future[Answer]":
    return threads.submit(function.call, event)


# -- when


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_during_init_is_survived_by_the_call_that_waits(sturdy: Server, victim: str) -> None:
    name = mark()
    function = sturdy.deploy(WAITER, Environment={"Variables": {"INIT": name}})
    with ThreadPoolExecutor(1) as threads:
        call = started(function, None, threads)
        first = appears(name)
        kill(sturdy, victim, first)
        go_on(first if victim == "zygote" else appears(name, but=first))
        assert call.result().value == "done"
    assert_well(sturdy, function)


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_during_a_call_ends_that_call_at_most(sturdy: Server, victim: str) -> None:
    name = mark()
    function = sturdy.deploy(WAITER)
    with ThreadPoolExecutor(1) as threads:
        call = started(function, name, threads)
        runtime = appears(name)
        kill(sturdy, victim, runtime)
        if victim == "agent":
            with pytest.raises(ClientError, match="ServiceException"):
                call.result()
        elif victim == "zygote":
            go_on(runtime)
            assert call.result().value == "done"
        else:
            assert call.result().error_type == "Runtime.ExitError"
    assert_well(sturdy, function)


@pytest.mark.parametrize("state", ["idle", "frozen"])
@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_between_calls_is_not_noticed_by_the_next(sturdy: Server, victim: str, state: str) -> None:
    name = mark()
    function = sturdy.deploy(WAITER)
    with ThreadPoolExecutor(1) as threads:
        call = started(function, name, threads)
        runtime = appears(name)
        go_on(runtime)
        assert call.result().value == "done"
    if state == "frozen":
        wait_until(lambda: sturdy.status()["sandboxes"]["frozen"] >= 1)
    kill(sturdy, victim, runtime)
    if victim != "zygote":
        wait_until(lambda: not alive([runtime]))
    assert_well(sturdy, function)


@pytest.mark.parametrize("victim", ["zygote", "agent"])
def test_a_kill_while_husks_are_being_made_is_survived_by_the_calls_that_wait(sturdy: Server, victim: str) -> None:
    """The zygote stands still, so that its orders are under way; more calls come than husks are parked."""
    function = sturdy.deploy(WAITER)
    zygote = zygote_of(sturdy)
    os.kill(zygote.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(6) as threads:
        names = [mark() for _ in range(6)]
        calls = [started(function, name, threads) for name in names[:2]]
        for name in names[:2]:
            appears(name)  # the parked ones
        calls += [started(function, name, threads) for name in names[2:]]
        wait_until(lambda: sturdy.status()["sandboxes"]["busy"] >= 6)
        kill(sturdy, victim, appears(names[0]))
        for name in names[2:] if victim == "agent" else names:
            go_on(appears(name))
        answers = [call.result().value for call in calls[2:]]
        assert answers == ["done"] * 4
        for call in calls[:2]:
            if victim == "agent":
                with pytest.raises(ClientError, match="ServiceException"):
                    call.result()
            else:
                assert call.result().value == "done"
    with contextlib.suppress(ProcessLookupError):
        os.kill(zygote.pid, signal.SIGCONT)  # who stands still does not see that its agent has gone
    assert_well(sturdy, function)


def test_parked_husks_that_are_killed_are_replaced_and_never_given_out(sturdy: Server) -> None:
    function = sturdy.deploy(WAITER)
    wait_until(lambda: sturdy.status()["sandboxes"]["husks"].get(sturdy.runtime) == 2)
    zygote = zygote_of(sturdy)
    husks = [each for each, (parent, _) in living().items() if parent == zygote.pid]
    assert len(husks) >= 2
    for each in husks:
        os.kill(each.pid, signal.SIGKILL)
    assert_well(sturdy, function)
    wait_until(lambda: sturdy.status()["sandboxes"]["husks"].get(sturdy.runtime) == 2)
    assert not alive(husks)


def test_a_stop_while_husks_are_being_made_is_silent_and_leaves_nothing(tmp_path: Path) -> None:
    """Peers end at whichever instant: none of them may complain of another's end."""
    server = Server(tmp_path / "data", "--husks", "16")
    server.deploy("def handler(event, context): return event").call(1)
    family = server.family()
    assert server.stop() == 0
    wait_until(lambda: not alive(family))
    assert "Traceback" not in server.said()


def assert_well(server: Server, function: Function) -> None:
    """The function that suffered runs again, and so does a new one."""
    name = server.client.get_function_configuration(FunctionName=function.name).get("Environment", {})
    init = name.get("Variables", {}).get("INIT")
    with ThreadPoolExecutor(1) as threads:
        call = started(function, None, threads)
        while init and not call.done():
            for each, (_, comm) in living().items():
                if comm == init:
                    go_on(each)
        assert call.result().value == "done"
    assert server.process.poll() is None
    server.client.delete_function(FunctionName=function.name)
