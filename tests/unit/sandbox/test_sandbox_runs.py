"""One sandbox with a runtime that does what the test says: outcomes, measures, log lines, deadlines, ends."""

import asyncio
import json
import os
from typing import Any

import pytest
from sandbox_samples import REQUEST_ID, invocation, version

from lambent.clock import FixedClock
from lambent.errors import AgentGone
from lambent.model import Outcome, Version
from lambent.sandbox.brake import Brake
from lambent.sandbox.counters import Counters
from lambent.sandbox.init_phase import init
from lambent.sandbox.link import InitDone, InitSpec, LinkClosed, Reply
from lambent.sandbox.logtap import LogTap
from lambent.sandbox.protocol import Ended
from lambent.sandbox.sandbox import LONG_S, Sandbox
from lambent.sandbox.watch import Watch

MB = 1024 * 1024
SPEC = InitSpec(environ={}, handler="app.handler")


class FakeLink:
    """A runtime that needs `takes_s` on the test's clock; None in `answer` stands for never."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.takes_s = 0.0
        self.init_answer: InitDone | Exception | None = InitDone()
        self.answer: Reply | Exception | None = Reply(b'"hello"')
        self.meta: dict[str, Any] = {}
        self.tokens: list[bytes] = []
        self.waiting: asyncio.Future[Any] | None = None
        self.closed = False

    async def init(self, spec: InitSpec) -> InitDone:
        return await self._give(self.init_answer)

    async def invoke(self, token: bytes, meta: dict[str, Any], payload: bytes) -> Reply:
        self.meta = meta
        self.tokens.append(token)
        return await self._give(self.answer)

    async def _give(self, answer: Any) -> Any:
        self.clock.advance(self.takes_s)
        if answer is None:
            self.waiting = asyncio.get_running_loop().create_future()
            return await self.waiting
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(LinkClosed())


class Timers:
    """The loop as the sandbox sees it: timers run when the test says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: FixedClock) -> None:
        self.loop = loop
        self.clock = clock
        self.set: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.clock.monotonic()

    def call_later(self, delay: float, callback: Any) -> Any:
        self.set.append((delay, callback))
        return self

    def cancel(self) -> None:
        self.set.pop()

    def create_future(self) -> Any:
        return self.loop.create_future()


class Stage:
    """A sandbox and everything around it."""

    def __init__(self, of: Version) -> None:
        self.clock = FixedClock()
        self.link = FakeLink(self.clock)
        read, self.log = os.pipe()
        self.lines: list[bytes] = []
        self.kills = 0
        self.peak, self.cpu = os.memfd_create("peak"), os.memfd_create("cpu")
        self.count(31 * MB, 0)
        tap = LogTap(read, self.lines.append, lambda: False)
        counters = Counters([os.dup(self.peak), os.dup(self.cpu)])
        self.braked, brake = os.pipe()
        self.forgotten = 0
        self.sandbox = Sandbox(
            "s1", of, self.link, tap=tap, counters=counters, clock=self.clock, kill=self.kill, forget=self.forget,
            brake=Brake(brake),
        )  # fmt: skip
        self.timers = Timers(asyncio.get_running_loop(), self.clock)
        self.sandbox.loop = self.timers  # type: ignore[assignment]
        self.sandbox.watch = Watch(self.timers, LONG_S)  # type: ignore[arg-type]
        self.ending: Ended | None = None

    def kill(self) -> None:
        self.kills += 1
        if self.ending:
            self.sandbox.ended(self.ending)

    def forget(self) -> None:
        self.forgotten += 1

    def count(self, peak_bytes: int, cpu_ns: int, cpu_format: str = "{}\n") -> None:
        os.pwrite(self.peak, b"%020d" % peak_bytes, 0)
        os.pwrite(self.cpu, cpu_format.format(cpu_ns).encode(), 0)

    async def run(self, **changes: Any) -> Outcome:
        return await self.sandbox.run(invocation(self.sandbox.version, **changes))

    def text(self) -> str:
        return b"".join(self.lines).decode()

    def close(self) -> None:
        if not self.sandbox.over:
            self.sandbox.ended(Ended("s1", None, False))
        for fd in (self.log, self.peak, self.cpu, self.braked):
            os.close(fd)


@pytest.fixture
async def make():
    stages: list[Stage] = []

    def make(of: Version | None = None) -> Stage:
        stages.append(Stage(of or version()))
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()


async def test_an_answer_becomes_an_outcome_with_its_measures(make):
    stage = make()
    stage.link.takes_s = 0.0125
    outcome = await stage.run()
    assert (outcome.payload, outcome.function_error, outcome.status) == (b'"hello"', None, "success")
    assert (outcome.duration_ms, outcome.billed_ms) == (pytest.approx(12.5), 13)
    assert (outcome.memory_peak_mb, outcome.sandbox, outcome.cold) == (31, "s1", False)
    assert stage.sandbox.reusable


@pytest.mark.parametrize(
    ("init_s", "run_s", "billed"),
    [
        (None, 0.001, 1),
        (None, 0.0010001, 2),
        (None, 2.9999, 3000),
        (0.08, 0.13361, 214),
        (0.0004, 0.0004, 1),
        (1.5, 1.5, 3000),
    ],
)
async def test_billed_is_init_and_duration_together_rounded_up_to_a_millisecond(make, init_s, run_s, billed):
    stage = make(version(timeout_s=10))
    if init_s is not None:
        stage.link.takes_s = init_s
        assert await init(stage.sandbox, SPEC) is None
    stage.link.takes_s = run_s
    outcome = await stage.run()
    assert outcome.billed_ms == billed
    assert outcome.cold is (init_s is not None)


async def test_only_the_first_invocation_reports_init(make):
    stage = make()
    stage.link.takes_s = 0.08
    await init(stage.sandbox, SPEC)
    first, second = await stage.run(), await stage.run()
    assert (first.init_ms, second.init_ms) == (pytest.approx(80.0), None)
    assert stage.text().count("Init Duration") == 1


async def test_the_log_of_an_invocation_stands_between_start_and_report(make):
    stage = make()
    await init(stage.sandbox, SPEC)
    os.write(stage.log, b"from init\n")
    await stage.run()
    os.write(stage.log, b"no end of line")
    await stage.run()
    kinds = [line.split()[0] for line in stage.text().splitlines()]
    assert kinds == ["INIT_START", "START", "from", "END", "REPORT", "START", "no", "END", "REPORT"]


async def test_a_log_tail_is_given_only_when_it_was_asked_for(make):
    stage = make()
    assert (await stage.run()).log_tail == b""
    tail = (await stage.run(want_log_tail=True)).log_tail.decode()
    assert tail.startswith(f"START RequestId: {REQUEST_ID} Version: $LATEST\nEND RequestId: {REQUEST_ID}\nREPORT ")


async def test_json_logs_at_level_warn_have_none_of_the_platforms_lines(make):
    stage = make(version(log_format="JSON", system_log_level="WARN"))
    await init(stage.sandbox, SPEC)
    await stage.run()
    assert stage.text() == ""


async def test_the_runtime_is_told_who_asks_and_until_when(make):
    stage = make(version(timeout_s=3))
    await stage.run(client_context='{"custom": {}}', trace="Root=1-2-3")
    assert stage.link.meta == {
        "id": REQUEST_ID,
        "arn": stage.sandbox.version.function_arn,
        "deadline": 1_700_000_003_000,
        "trace": "Root=1-2-3",
        "context": '{"custom": {}}',
    }


async def test_every_invocation_has_a_token_of_its_own(make):
    stage = make()
    for _ in range(20):
        await stage.run()
    assert len(set(stage.link.tokens)) == 20
    assert {len(token) for token in stage.link.tokens} == {16}


async def test_an_error_of_the_function_leaves_the_sandbox_in_use(make):
    stage = make()
    stage.link.answer = Reply(b'{"errorMessage": "boom"}', "ValueError")
    outcome = await stage.run()
    assert (outcome.function_error, outcome.error_type, outcome.status) == ("Unhandled", "ValueError", "error")
    assert stage.sandbox.reusable


async def test_an_answer_over_six_megabytes_is_refused_with_its_size(make):
    stage = make()
    stage.link.answer = Reply(b"x" * 6_291_557)
    outcome = await stage.run()
    assert (outcome.error_type, outcome.status) == ("Function.ResponseSizeTooLarge", "error")
    assert b"6291557" in outcome.payload
    stage.link.answer = Reply(b"x" * 6_291_556)
    assert (await stage.run()).function_error is None


async def test_when_its_time_is_up_the_invocation_is_ended_by_the_host(make):
    stage = make(version(timeout_s=3))
    stage.link.answer = None
    call = asyncio.ensure_future(stage.run())
    await asyncio.sleep(0)
    ((soon, look),) = stage.timers.set
    assert stage.text() == ""
    stage.clock.advance(soon + 0.01)
    look()
    assert stage.text().startswith("START ")
    delay, time_is_up = stage.timers.set[-1]
    assert soon + 0.01 + delay == pytest.approx(3)
    stage.clock.advance(delay + 0.004)
    time_is_up()
    outcome = await call
    assert (outcome.status, outcome.error_type, outcome.function_error) == ("timeout", "Sandbox.Timedout", "Unhandled")
    assert (outcome.duration_ms, outcome.billed_ms) == (3000.0, 3000)
    assert b"Task timed out after 3.00 seconds" in outcome.payload
    assert f"{REQUEST_ID} Task timed out after 3.00 seconds\n\nEND " in stage.text()
    assert stage.kills == 1
    assert not stage.sandbox.reusable


async def test_an_answered_invocation_is_not_watched_any_more(make):
    stage = make()
    await stage.run()
    ((soon, look),) = stage.timers.set
    stage.clock.advance(soon)
    look()
    assert len(stage.timers.set) == 1
    assert stage.sandbox.timer is None


async def test_the_timer_of_a_long_invocation_is_gone_when_it_is_answered(make):
    stage = make()
    stage.link.answer = None
    call = asyncio.ensure_future(stage.run())
    await asyncio.sleep(0)
    stage.clock.advance(LONG_S)
    stage.timers.set[0][1]()
    assert len(stage.timers.set) == 2
    stage.link.close()
    stage.sandbox.ended(Ended("s1", 0, False))
    await call
    assert len(stage.timers.set) == 1


@pytest.mark.parametrize(
    ("news", "kind", "words"),
    [
        (Ended("s1", 1 << 8, False), "Runtime.ExitError", b"exit status 1"),
        (Ended("s1", 0, False), "Runtime.ExitError", b"without providing a reason"),
        (Ended("s1", 9, True), "Runtime.OutOfMemory", b"signal: killed"),
    ],
)
async def test_a_runtime_that_went_away_is_told_by_how_it_ended(make, news, kind, words):
    stage = make()
    stage.link.answer = LinkClosed()
    call = asyncio.ensure_future(stage.run())
    await asyncio.sleep(0)
    stage.sandbox.ended(news)
    outcome = await call
    assert (outcome.status, outcome.error_type) == ("failure", kind)
    assert words in outcome.payload
    assert f"Status: error\tError Type: {kind}\n" in stage.text()
    assert not stage.sandbox.reusable


async def test_when_the_agent_died_it_is_not_the_functions_failure(make):
    stage = make()
    stage.link.answer = LinkClosed()
    call = asyncio.ensure_future(stage.run())
    await asyncio.sleep(0)
    stage.sandbox.ended(Ended("s1", None, False, lost=True))
    with pytest.raises(AgentGone, match="may have run"):
        await call


async def test_a_runtime_that_reports_why_it_cannot_start_dooms_its_sandbox(make):
    stage = make()
    stage.link.init_answer = InitDone("Runtime.InvalidEntrypoint", b'{"errorMessage": "x"}')
    assert await init(stage.sandbox, SPEC) is None
    assert not stage.sandbox.reusable
    outcome = await stage.run()
    assert (outcome.payload, outcome.error_type) == (b'{"errorMessage": "x"}', "Runtime.InvalidEntrypoint")
    assert stage.link.tokens == [], "it was never invoked"


async def test_init_that_takes_too_long_is_ended(make):
    stage = make()
    stage.link.init_answer = None
    assert await init(stage.sandbox, SPEC, limit_s=0) == "timeout"
    assert stage.kills == 1


async def test_a_runtime_that_dies_in_init_without_a_word_is_told_as_exited(make):
    stage = make()
    stage.link.init_answer = LinkClosed()
    phase = asyncio.ensure_future(init(stage.sandbox, SPEC))
    await asyncio.sleep(0)
    stage.sandbox.ended(Ended("s1", 1 << 8, False))
    assert await phase == "exited"
    stage.sandbox.init_trouble = "exited"
    outcome = await stage.run()
    assert b"exit status 1" in outcome.payload


@pytest.mark.parametrize(
    ("log_format", "phase", "line"),
    [
        ("Text", "init", "INIT_REPORT Init Duration: 80.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.Oops\n"),
        (
            "Text",
            "invoke",
            "INIT_REPORT Init Duration: 80.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.Oops\n",
        ),
        (
            "JSON",
            "invoke",
            '"type":"platform.initReport","record":{"initializationType":"on-demand","phase":"invoke","status":"error",'
            '"metrics":{"durationMs":80.0},"errorType":"Runtime.Oops"}}\n',
        ),
    ],
)
async def test_an_init_that_failed_is_reported_in_its_place(make, log_format, phase, line):
    stage = make(version(log_format=log_format))
    stage.link.init_answer = InitDone("Runtime.Oops", b"{}")
    stage.link.takes_s = 0.08
    os.write(stage.log, b"it said so\n")
    await init(stage.sandbox, SPEC, again=phase == "invoke")
    said, _, reported = stage.text().partition("it said so\n")
    assert reported.endswith(line)
    assert ("INIT_START" in said or "initStart" in said) == (phase == "init")


async def test_json_logs_at_level_warn_tell_of_failures_only(make):
    stage = make(version(log_format="JSON", system_log_level="WARN"))
    stage.link.init_answer = InitDone("Runtime.Oops", b"{}")
    await init(stage.sandbox, SPEC)
    await stage.run()
    kinds = [json.loads(line)["type"] for line in stage.text().splitlines()]
    assert kinds == ["platform.initReport", "platform.report"]


async def test_a_repeated_init_is_part_of_the_first_invocations_time_and_not_reported_apart(make):
    stage = make(version(timeout_s=10))
    stage.link.takes_s = 2.5
    assert await init(stage.sandbox, SPEC, again=True) is None
    stage.link.takes_s = 0.5
    first = await stage.run()
    assert stage.link.meta["deadline"] == int((stage.clock.epoch() - 0.5 + 7.5) * 1000)
    assert (first.duration_ms, first.billed_ms, first.init_ms, first.cold) == (3000.0, 3000, None, True)
    assert "Init" not in stage.text()
    second = await stage.run()
    assert (second.duration_ms, second.cold) == (500.0, False)


async def test_what_a_repeated_init_leaves_of_the_time_is_all_that_the_invocation_has(make):
    stage = make(version(timeout_s=3))
    stage.link.takes_s = 2.0
    await init(stage.sandbox, SPEC, again=True)
    stage.link.answer, stage.link.takes_s = None, 0.0
    call = asyncio.ensure_future(stage.run())
    await asyncio.sleep(0)
    stage.clock.advance(0.05)
    stage.timers.set[-1][1]()
    delay, time_is_up = stage.timers.set[-1]
    assert delay == pytest.approx(1.0 - 0.05)
    time_is_up()
    assert (await call).duration_ms == 3000.0


async def test_freezing_and_thawing_reach_the_control_group(make):
    stage = make()
    stage.sandbox.freeze()
    assert stage.sandbox.frozen
    assert stage.sandbox.thaw()
    assert not stage.sandbox.frozen
    assert os.read(stage.braked, 16) == b"10"


@pytest.mark.parametrize("end_first", [True, False])
async def test_a_tmp_that_nobody_wants_is_given_up_as_soon_as_it_can_be(make, end_first):
    stage = make()
    steps = [lambda: stage.sandbox.ended(Ended("s1", 0, False, estate=True)), stage.sandbox.forget]
    for step in steps if end_first else reversed(steps):
        assert stage.forgotten == 0
        step()
    assert stage.forgotten == 1


async def test_a_tmp_may_be_taken_over_once_the_agent_says_that_the_sandbox_is_gone(make):
    stage = make()
    leaving = asyncio.ensure_future(stage.sandbox.has_left())
    await asyncio.sleep(0)
    assert not leaving.done()
    stage.sandbox.ended(Ended("s1", 0, False, estate=True))
    assert await leaving
    assert stage.forgotten == 0


async def test_a_tmp_that_went_with_its_agent_cannot_be_taken_over(make):
    stage = make()
    stage.sandbox.ended(Ended("s1", None, False, lost=True))
    assert not await stage.sandbox.has_left()
    assert stage.sandbox.lost


async def test_ending_twice_kills_once(make):
    stage = make()
    stage.sandbox.end()
    stage.sandbox.end()
    assert stage.kills == 1


async def test_the_end_lets_go_of_the_link_the_log_and_the_counters(make):
    stage = make()
    os.write(stage.log, b"last words\n")
    stage.sandbox.ended(Ended("s1", 9, True, (b"%d" % (128 * MB), b"5000000")))
    assert stage.link.closed
    assert "last words" in stage.text()
    assert stage.sandbox.counters.memory_peak_mb() == 128
    assert stage.sandbox.counters.cpu_ns() == 5_000_000


async def test_cpu_time_is_that_of_each_invocation_and_the_first_has_that_of_init(make):
    stage = make()
    stage.count(MB, 5_000_000)
    assert (await stage.run()).cpu_ms == 5.0
    stage.count(MB, 7_500_000)
    assert (await stage.run()).cpu_ms == 2.5


async def test_cpu_time_of_version_two_is_read_in_microseconds(make):
    stage = make()
    stage.count(MB, 5_000, "usage_usec {}\nuser_usec 1\nsystem_usec 2\n")
    assert (await stage.run()).cpu_ms == 5.0


@pytest.mark.parametrize(("peak", "shown"), [(0, 0), (1, 1), (MB, 1), (MB + 1, 2), (128 * MB, 128)])
async def test_memory_is_shown_in_whole_megabytes_rounded_up(make, peak, shown):
    stage = make()
    stage.count(peak, 0)
    assert (await stage.run()).memory_peak_mb == shown


def test_without_counters_nothing_is_measured():
    nobody = Counters([])
    assert (nobody.memory_peak_mb(), nobody.cpu_ns()) == (0, None)
