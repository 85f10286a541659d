"""The agent's husks with zygotes and control groups that are only played: stock, queue, failures, ends."""

import json
import os
import selectors
import socket
import struct
from array import array
from collections import deque
from typing import Any

import pytest

from lambent.errors import SandboxError
from lambent.model import RuntimeInfo
from lambent.sandbox import nursery as module
from lambent.sandbox.broods import AT_ONCE, MOST_FAILURES, Brood
from lambent.sandbox.cgroups import NoCgroups
from lambent.sandbox.nursery import Nursery
from lambent.sandbox.protocol import Ask, Assign, Assigned, Counts, Ended, Prepare, Prepared, Refused, Started, Stop
from lambent.sandbox.zygotes import Husk

PYTHON = RuntimeInfo(name="python3.13", kind="python", executable="/usr/bin/python3.13")


class Groups(NoCgroups):
    """Control groups that remember what was done to them."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.memory: dict[str, int] = {}
        self.cpu: dict[str, int] = {}
        self.killed: list[str] = []
        self.attached: dict[str, int] = {}
        self.stubborn = False
        self.out_of_memory = False
        self.unreadable = False

    def make(self, name: str) -> None:
        self.there.add(name)

    def attach(self, name: str, pid: int) -> None:
        self.attached[name] = pid

    def limit_memory(self, name: str, megabytes: int) -> None:
        self.memory[name] = megabytes

    def limit_cpu(self, name: str, quota_us: int) -> None:
        self.cpu[name] = quota_us

    def open_counters(self, name: str) -> list[int]:
        if self.unreadable:
            raise OSError(24, "Too many open files")
        return []

    def oom_kills(self, name: str) -> int:
        return int(self.out_of_memory)

    def remove(self, name: str) -> bool:
        if not self.stubborn:
            self.there.discard(name)
        return not self.stubborn

    def kill(self, name: str) -> None:
        self.killed.append(name)


class FakeZygote:
    """Takes orders and lets the test make something of them."""

    def __init__(self, info: RuntimeInfo, level: str, staging: Any, watch: Any) -> None:
        self.info = info
        self.ready = False
        self.gone = False
        self.orders: deque[Husk] = deque()
        self.unforked: deque[tuple[Husk, socket.socket]] = deque()
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = self
        watch(ours)

    def wait(self, timeout: float | None = None) -> int:
        return 1

    def order(self, name: str, uid: int, init_uid: int, seccomp: bytes, copies: Any = None) -> Husk:
        if self.gone:
            raise SandboxError("the zygote is gone")
        control, pid1 = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid1.setblocking(False)
        channel, log = os.pipe()
        husk = Husk(name, self.info.name, uid, control, {"channel": channel, "log": log})
        self.orders.append(husk)
        self.unforked.append((husk, pid1))
        return husk

    def close(self) -> None:
        return


class Pid1:
    """The first process of a husk, played by the test."""

    def __init__(self, husk: Husk, sock: socket.socket) -> None:
        self.husk = husk
        self.sock = sock

    def hear(self) -> bytes:
        try:
            return self.sock.recv(4096)
        except BlockingIOError:
            return b""

    def say(self, kind: bytes, value: int | None = None) -> None:
        self.sock.send(kind + (struct.pack("i", value) if value is not None else b""))


class Stage:
    """A nursery, the zygotes that it started, and the front end's ear."""

    def __init__(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.zygotes: list[FakeZygote] = []
        self.pid1s: list[Pid1] = []
        self.heard: list[Any] = []
        self.groups = Groups()
        self.selector = selectors.DefaultSelector()
        monkeypatch.setattr(module, "Zygote", self.zygote)
        monkeypatch.setattr(Husk, "adopt_runtime", lambda husk: husk.pid + 1000)
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        self.nursery = Nursery({PYTHON.name: PYTHON}, "process", self.groups, tmp_path, self.selector)

    def zygote(self, *args: Any) -> FakeZygote:
        self.zygotes.append(FakeZygote(*args[:4]))
        return self.zygotes[-1]

    def tell(self, message: Any, fds: list[int] | None = None) -> None:
        self.heard.append(message)

    def pump(self) -> None:
        while ready := self.selector.select(0):
            for key, _ in ready:
                if key.fd in self.selector.get_map():
                    key.data()

    def ask(self, order: Any) -> None:
        self.nursery.obey(order, self.tell)
        self.pump()

    def prepare(self, husks: int = 2, ask: int = 1) -> None:
        self.ask(Prepare(ask, "python3.13", husks))

    def assign(self, ask: int, memory_mb: int = 128) -> None:
        self.ask(Assign(ask, "python3.13", "/code", (), memory_mb, 512))

    def loaded(self) -> None:
        """The zygote has its runtime loaded."""
        self.zygotes[-1].theirs.send(b"{}")
        self.pump()

    def fork(self, count: int = 99) -> list[Pid1]:
        """The zygote carries out what was ordered: the new husks, forked but not parked."""
        zygote, new = self.zygotes[-1], []
        while zygote.unforked and len(new) < count:
            husk, sock = zygote.unforked.popleft()
            zygote.theirs.send(json.dumps({"husk": husk.name, "pid": 1000 + len(self.pid1s)}).encode())
            self.pump()
            new.append(Pid1(husk, sock))
            self.pid1s.append(new[-1])
        return new

    def park(self, count: int = 99) -> list[Pid1]:
        """Fork, and say that the runtimes are parked."""
        new = self.fork(count)
        for pid1 in new:
            assert pid1.hear() == b"G"
            pid1.say(b"R")
            self.pump()
        return new

    def die(self, pid1: Pid1) -> None:
        pid1.sock.close()
        self.pump()

    def brood(self) -> Brood:
        return self.nursery.broods["python3.13"]

    def close(self) -> None:
        for zygote in self.zygotes:
            zygote.theirs.close()
            for husk, sock in zygote.unforked:
                sock.close()
                husk.close_fds()
        for pid1 in self.pid1s:
            pid1.sock.close()
            pid1.husk.close_fds()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self.selector.close()


@pytest.fixture
def stage(tmp_path, monkeypatch):
    stage = Stage(tmp_path, monkeypatch)
    yield stage
    stage.close()


@pytest.mark.parametrize(
    ("wanted", "waiting", "ready", "coming", "short"),
    [
        (4, 0, 0, 0, 4),
        (4, 0, 4, 0, 0),
        (4, 0, 1, 2, 1),
        (0, 1, 0, 0, 1),  # nobody prepared, but somebody waits
        (4, 3, 0, 0, 7),
        (4, 3, 0, 7, 0),
        (40, 0, 0, 0, AT_ONCE),
        (40, 0, 0, AT_ONCE, 0),
        (40, 0, 0, AT_ONCE - 1, 1),
        (0, 0, 3, 0, 0),  # never less than nothing
    ],
)
def test_the_shortage_is_who_waits_and_the_stock_but_only_some_at_once(wanted, waiting, ready, coming, short):
    brood = Brood(None)  # type: ignore[arg-type]
    brood.wanted, brood.coming = wanted, coming
    brood.waiting.extend([None] * waiting)  # type: ignore[list-item]
    brood.ready.extend([None] * ready)  # type: ignore[list-item]
    assert brood.shortage(0.0) == short


def test_in_the_moment_of_a_cold_start_the_stock_waits_but_nobody_who_waits_does():
    brood = Brood(None)  # type: ignore[arg-type]
    brood.wanted, brood.calm_at = 4, 10.0
    brood.ready.append(None)  # type: ignore[arg-type]
    assert brood.shortage(9.9) == 0
    assert brood.shortage(10.0) == 3
    brood.waiting.extend([None] * 2)  # type: ignore[list-item]
    assert brood.shortage(9.9) == 1


def test_preparing_is_answered_when_the_stock_is_parked(stage):
    stage.prepare(2)
    assert not stage.zygotes[0].unforked, "nothing is ordered before the zygote is loaded"
    stage.loaded()
    first, second = stage.fork()
    first.say(b"R")
    stage.pump()
    assert stage.heard == []
    second.say(b"R")
    stage.pump()
    assert stage.heard == [Prepared(1)]
    stage.ask(Ask(2))
    assert stage.heard[-1] == Counts(2, {"python3.13": 2}, 0)


def test_a_husk_is_under_its_limits_before_it_may_go_on(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.fork()
    assert stage.groups.attached == {pid1.husk.name: 1000}
    assert pid1.hear() == b"G"


def test_a_ready_husk_becomes_a_sandbox_and_the_stock_is_filled_up_when_it_is_calm(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park()
    stage.assign(2, memory_mb=512)
    assert pid1.hear() == b"M0\0"  # at this level paths are the host's own
    assert stage.groups.memory == {pid1.husk.name: 512}
    pid1.say(b"m", 0)
    stage.pump()
    assert stage.heard[-1] == Assigned(2, pid1.husk.name, ("channel", "log"), "/code", "127.0.0.1:9001", False)
    stage.now += 1
    stage.nursery.tend()
    assert len(stage.zygotes[0].unforked) == 1


def test_the_cpu_share_applies_from_the_end_of_init(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park()
    stage.assign(2, memory_mb=1_769)
    pid1.say(b"m", 0)
    stage.pump()
    assert stage.groups.cpu == {}
    stage.ask(Started(pid1.husk.name))
    assert stage.groups.cpu == {pid1.husk.name: 100_000}
    stage.ask(Started("unknown"))


def test_who_waits_is_served_in_order_and_before_the_stock(stage):
    for ask in (1, 2, 3):
        stage.assign(ask)
    stage.prepare(1, ask=4)
    stage.loaded()
    served = stage.park()
    assert len(served) == 4
    for pid1 in served[:3]:
        assert pid1.hear().startswith(b"M")
        pid1.say(b"m", 0)
        stage.pump()
    assert [message.ask for message in stage.heard if isinstance(message, Assigned)] == [1, 2, 3]
    assert all(message.waited for message in stage.heard if isinstance(message, Assigned))
    assert Prepared(4) in stage.heard


def test_after_three_failures_in_a_row_whoever_waits_is_told_and_no_more_are_tried(stage):
    stage.assign(1)
    stage.prepare(2, ask=2)
    stage.loaded()
    for _ in range(MOST_FAILURES):
        (pid1,) = stage.fork(1)
        stage.die(pid1)
    assert [type(message) for message in stage.heard] == [Refused, Prepared]
    assert "could be made; see the server's output" in stage.heard[0].error
    for pid1 in stage.fork():
        stage.die(pid1)
    assert not stage.zygotes[0].unforked, "they would fail for ever"


def test_husks_that_die_while_parked_are_failures_too(stage):
    """A runtime that cannot start parks and dies: replacing it each time would keep a core busy for ever."""
    stage.prepare(1)
    stage.loaded()
    made = 0
    while stage.zygotes[0].unforked and made < 20:
        (pid1,) = stage.park(1)
        made += 1
        stage.die(pid1)
    assert made == MOST_FAILURES


def test_a_husk_that_works_makes_the_failures_before_it_forgotten(stage):
    stage.assign(1)
    stage.loaded()
    for _ in range(MOST_FAILURES - 1):
        stage.die(stage.fork(1)[0])
    (pid1,) = stage.park(1)
    pid1.say(b"m", 0)
    stage.pump()
    assert stage.brood().failures == 0
    assert isinstance(stage.heard[-1], Assigned)


def test_the_order_of_a_husk_that_had_died_unnoticed_goes_to_the_next_one(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park(1)
    stage.assign(2)
    stage.die(pid1)
    (other,) = stage.park(1)
    other.say(b"m", 0)
    stage.pump()
    assert stage.heard[-1].ask == 2
    assert stage.heard[-1].husk == other.husk.name


def test_an_order_is_refused_when_one_husk_after_another_dies_of_it(stage):
    stage.prepare(1)
    stage.loaded()
    stage.park(1)
    stage.assign(2)
    for _ in range(MOST_FAILURES):
        stage.die(stage.pid1s[-1])
        stage.park(1)
    assert [answer.ask for answer in stage.heard if isinstance(answer, Refused)] == [2]


def test_a_husk_that_cannot_attach_the_code_is_ended_and_refused(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park(1)
    stage.assign(2)
    assert pid1.hear().startswith(b"M")
    pid1.say(b"e", 2)
    stage.pump()
    assert pid1.hear() == b"K"
    stage.die(pid1)
    assert isinstance(stage.heard[-1], Refused)


@pytest.mark.parametrize("out_of_memory", [False, True])
def test_the_end_of_a_sandbox_is_told_with_its_status(stage, out_of_memory):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park(1)
    stage.assign(2)
    pid1.say(b"m", 0)
    stage.pump()
    stage.groups.out_of_memory = out_of_memory
    pid1.say(b"X", 256)
    stage.pump()
    assert stage.heard[-1] == Ended(pid1.husk.name, 256, out_of_memory)
    assert stage.nursery.out == {}
    assert pid1.husk.name in stage.groups.killed
    assert pid1.husk.name not in stage.groups.there


def test_stopping_tells_pid_1_and_kills_what_does_not_listen(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park(1)
    stage.assign(2)
    pid1.hear()
    pid1.say(b"m", 0)
    stage.pump()
    stage.ask(Stop(pid1.husk.name))
    assert pid1.hear() == b"K"
    assert stage.groups.killed == [pid1.husk.name]
    stage.die(pid1)
    assert stage.heard[-1] == Ended(pid1.husk.name, None, False)
    stage.ask(Stop(pid1.husk.name))


def test_a_group_that_the_kernel_holds_on_to_is_removed_later(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park(1)
    stage.groups.stubborn = True
    stage.die(pid1)
    assert stage.nursery.dying == [pid1.husk.name]
    assert stage.nursery.next_timeout() is not None
    stage.groups.stubborn = False
    stage.nursery.tend()
    assert stage.nursery.dying == []


def test_a_sandbox_that_cannot_be_measured_is_given_out_all_the_same(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park(1)
    stage.groups.unreadable = True
    stage.assign(2)
    pid1.say(b"m", 0)
    stage.pump()
    assert isinstance(stage.heard[-1], Assigned)
    assert stage.heard[-1].given == ("channel", "log")


def test_a_runtime_that_is_not_here_is_refused_with_how_to_add_it(stage):
    stage.ask(Prepare(1, "python2.7", 1))
    stage.ask(Assign(2, "python2.7", "/code", (), 128, 512))
    assert [type(message) for message in stage.heard] == [Prepared, Refused]
    assert stage.zygotes == []


def test_a_zygote_that_dies_before_it_was_loaded_refuses_who_waits(stage):
    stage.assign(1)
    stage.zygotes[0].theirs.close()
    stage.pump()
    assert "ended with status 1" in stage.heard[0].error
    assert stage.nursery.broods == {}
    stage.assign(2)
    assert len(stage.zygotes) == 2, "the next order starts another"


def test_a_zygote_that_worked_and_died_is_replaced_for_those_who_wait(stage):
    stage.prepare(1)
    stage.loaded()
    stage.park(1)
    stage.assign(2)
    stage.assign(3)
    stage.zygotes[0].theirs.close()
    stage.pump()
    assert len(stage.zygotes) == 2
    stage.loaded()
    for pid1 in stage.park():
        if pid1.hear().startswith(b"M"):
            pid1.say(b"m", 0)
            stage.pump()
    assert [message.ask for message in stage.heard if isinstance(message, Assigned)] == [3]


def test_a_husk_that_parks_after_its_zygote_died_is_ended(stage):
    stage.prepare(1)
    stage.loaded()
    (late,) = stage.fork(1)
    assert late.hear() == b"G"
    stage.zygotes[0].theirs.close()
    stage.pump()
    late.say(b"R")
    stage.pump()
    assert late.hear() == b"K"


def test_an_order_that_the_zygote_cannot_take_leaves_no_group_behind(stage):
    stage.prepare(1)
    stage.zygotes[0].gone = True
    stage.loaded()
    assert stage.heard == [Prepared(1, "the zygote is gone")]
    assert stage.groups.there == set()


def test_a_custom_runtimes_listener_is_handed_on(stage):
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.fork(1)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        pid1.sock.sendmsg([b"Rapi"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [listener.fileno()]))])
        stage.pump()
    stage.assign(2)
    pid1.say(b"m", 0)
    stage.pump()
    assert stage.heard[-1].given == ("channel", "log", "api")
    assert stage.heard[-1].runtime_api == f"127.0.0.1:{port}"


@pytest.mark.parametrize("said", [b"R", b"Rapi", b"R\xff", b"m\0\0\0\0", b"e\1\0\0\0", b"?", b"X"])
@pytest.mark.parametrize("moment", ["ready", "running"])
def test_a_first_process_that_says_what_is_not_its_turn_is_ended_and_never_given_to_anybody(stage, said, moment):
    """A function that could speak for its pid 1 must not become another function's environment."""
    stage.prepare(1)
    stage.loaded()
    (pid1,) = stage.park()
    if moment == "running":
        stage.assign(5)
        assert pid1.hear()[:1] == b"M"
        pid1.say(b"m", 0)
        stage.pump()
    read, write = os.pipe()
    socket.send_fds(pid1.sock, [said], [write])
    os.close(write)
    stage.pump()

    assert pid1.husk.state == "ended"
    assert pid1.husk not in stage.brood().ready
    assert os.read(read, 1) == b"", "and what it sent along is closed"
    os.close(read)
