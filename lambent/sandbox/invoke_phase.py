"""The INVOKE phase: one invocation in a sandbox, from START in its log to REPORT. The hot path runs through here."""

import asyncio
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from lambent.errors import AgentGone
from lambent.model import Invocation, Outcome
from lambent.observe import report
from lambent.sandbox import failures, outcomes
from lambent.sandbox.apis import Apis
from lambent.sandbox.extensions import ExtensionFailed
from lambent.sandbox.failures import Failure
from lambent.sandbox.link import LinkClosed, Reply
from lambent.sandbox.outcomes import WARM
from lambent.sandbox.streamed import Flow

if TYPE_CHECKING:
    from lambent.sandbox.sandbox import Sandbox

_TOKEN = 16  # bytes


def tokens() -> Iterator[bytes]:
    """Unguessable tokens, 64 for each time that the kernel is asked."""
    while True:
        bits = os.urandom(64 * _TOKEN)
        yield from (bits[at : at + _TOKEN] for at in range(0, len(bits), _TOKEN))


next_token = tokens().__next__


async def run(sandbox: "Sandbox", invocation: Invocation, flow: Flow | None = None) -> Outcome:
    """Never raises for what a function or its runtime does; AgentGone when the node agent dies meanwhile."""
    clock, tap, version, owed_ms = sandbox.clock, sandbox.tap, sandbox.version, sandbox.beginning.owed_ms
    tap.begin(report.start(invocation.request_id, version, clock.epoch()) if sandbox.speaks else b"")
    began = clock.monotonic()
    apis = sandbox.apis if sandbox.apis is not None and sandbox.apis.active else None
    if apis is not None:
        apis.begin(invocation, int((clock.epoch() + version.timeout_s - owed_ms / 1000) * 1000))
    answer = await (_ask(sandbox, invocation, flow) if sandbox.reusable else _doom(sandbox, invocation))
    duration_ms = (clock.monotonic() - began) * 1000 + owed_ms
    tap.finish()
    if apis is not None:
        return await _settle(sandbox, apis, invocation, answer, duration_ms)
    return _conclude(sandbox, invocation, answer, duration_ms)


async def stream(sandbox: "Sandbox", invocation: Invocation, flow: Flow) -> Outcome:
    """As `run`, for a function that streams."""
    try:
        return await run(sandbox, invocation, flow)
    except asyncio.CancelledError:
        sandbox.end()  # it would go on streaming into the next invocation's ears
        raise


def _conclude(sandbox: "Sandbox", invocation: Invocation, answer: Reply | Failure, duration_ms: float) -> Outcome:
    """Nothing more happens: measure, report."""
    tap, version = sandbox.tap, sandbox.version
    if isinstance(answer, Failure) and answer.status == "timeout":
        duration_ms = version.timeout_s * 1000.0
        tap.add(report.timed_out(invocation.request_id, version, sandbox.clock.epoch()))
    beginning, sandbox.beginning = sandbox.beginning, WARM
    outcome = outcomes.outcome(
        answer, beginning, duration_ms, cpu_ms=sandbox.counters.cpu_ms_since(),
        memory_peak_mb=sandbox.whole_mb() if sandbox.shared_mb else sandbox.measure(),
        sandbox=sandbox.name, initialization=sandbox.initialization,
        streamed_bytes=sandbox.flow.size if sandbox.flow is not None else 0,
    )  # fmt: skip
    if sandbox.speaks or outcome.status != "success":  # at level WARN AWS tells of failures still
        tap.add(report.end(invocation.request_id, version, outcome, sandbox.clock.epoch(), invocation.trace))
    if invocation.want_log_tail:
        outcome = replace(outcome, log_tail=tap.tail())
    return outcome


async def _ask(sandbox: "Sandbox", invocation: Invocation, flow: Flow | None) -> Reply | Failure:
    """The runtime's answer, or the failure that stands for it. The host keeps the time."""
    deadline = sandbox.clock.epoch() + sandbox.version.timeout_s - sandbox.beginning.owed_ms / 1000
    meta: dict[str, Any] = {
        "id": invocation.request_id,
        "arn": invocation.invoked_arn,
        "deadline": int(deadline * 1000),
        "trace": invocation.trace,
    }
    if invocation.client_context is not None:
        meta["context"] = invocation.client_context
    if sandbox.version.tenant:
        meta["tenant"] = sandbox.version.tenant
    sandbox.watch.begin(sandbox)
    try:
        sandbox.flow = flow
        if flow is None:
            reply = await sandbox.link.invoke(next_token(), meta, invocation.payload)
        else:
            reply = await sandbox.link.stream(next_token(), meta, invocation.payload, flow)
    except LinkClosed:
        return await _interrupted(sandbox, invocation)
    finally:
        sandbox.watch.end(sandbox)
        if sandbox.timer is not None:
            sandbox.timer.cancel()
            sandbox.timer = None
    if reply.last:
        sandbox.init_trouble = "exited"  # it is ending by itself; being told is a moment away
    if len(reply.payload) > failures.RESPONSE_LIMIT:
        return failures.too_large(len(reply.payload))
    return reply


# -- failures


async def _interrupted(sandbox: "Sandbox", invocation: Invocation) -> Failure:
    """The channel was closed midway: by an extension's failure, by the time-out, or by the runtime's end."""
    if sandbox.demise.fatal is not None:
        sandbox.end("failure")
        return failures.extension(invocation.request_id, sandbox.demise.fatal)
    if sandbox.demise.late:
        sandbox.end("timeout")
        return failures.timed_out(invocation.request_id, sandbox.version.timeout_s)
    return await _exited(sandbox, invocation)


async def _doom(sandbox: "Sandbox", invocation: Invocation) -> Failure:
    """The failure of init, as the answer to the invocation that needed it."""
    if sandbox.doomed is not None:
        error_type = sandbox.doomed.error_type or "Runtime.Unknown"
        return failures.init_failed(invocation.request_id, error_type, sandbox.doomed.error_body)
    if sandbox.demise.fatal is not None:
        return failures.extension(invocation.request_id, sandbox.demise.fatal)
    if sandbox.init_trouble == "timeout":
        return failures.timed_out(invocation.request_id, sandbox.version.timeout_s)
    return await _exited(sandbox, invocation)


async def _exited(sandbox: "Sandbox", invocation: Invocation) -> Failure:
    """The runtime is gone. That is the function's doing, unless the agent went: then it is ours, and AgentGone."""
    news = await sandbox.demise.of_runtime(sandbox.name, sandbox.end)
    if news.lost:
        raise AgentGone("the node agent died, and the execution environment with it; the call may have run")
    sandbox.end("failure")
    failure = failures.exited(invocation.request_id, news.status, out_of_memory=news.out_of_memory)
    reported = sandbox.apis.extensions.reported if sandbox.apis is not None else ""
    return failures.renamed(failure, reported) if reported else failure


# -- with extensions


async def _settle(
    sandbox: "Sandbox", apis: Apis, invocation: Invocation, answer: Reply | Failure, duration_ms: float
) -> Outcome:
    """With extensions the caller has its answer when the runtime has given it, and the report when all are done.

    Who asked for the tail of the log waits for that, since REPORT is what the tail is read for.
    """
    streamed_bytes = sandbox.flow.size if sandbox.flow is not None else 0
    provisional = outcomes.provisional(answer, sandbox.beginning, streamed_bytes)
    apis.answered(invocation, provisional, duration_ms)
    work = _await_extensions(sandbox, apis, invocation, answer, duration_ms)
    if isinstance(answer, Failure) or invocation.want_log_tail or apis.extensions.are_ready():
        return await work
    sandbox.settling = sandbox.loop.create_task(work)
    return provisional


async def _await_extensions(
    sandbox: "Sandbox", apis: Apis, invocation: Invocation, answer: Reply | Failure, duration_ms: float
) -> Outcome:
    """Until all extensions have asked for the next event, or the function's time is up."""
    clock, timeout_s = sandbox.clock, sandbox.version.timeout_s
    began, verdict = clock.monotonic(), answer
    if not sandbox.gone:
        try:
            async with asyncio.timeout(max(0.0, timeout_s - duration_ms / 1000)):
                await apis.extensions.ready()
        except TimeoutError:
            sandbox.end("timeout")
            verdict = failures.timed_out(invocation.request_id, timeout_s)
        except ExtensionFailed as error:
            sandbox.end("failure")
            verdict = failures.extension(invocation.request_id, error.fatal)
    overhead_ms = (clock.monotonic() - began) * 1000
    sandbox.tap.finish()
    outcome = _conclude(sandbox, invocation, verdict, duration_ms + overhead_ms)
    apis.reported(invocation, outcome, overhead_ms)
    outcome = replace(outcome, extensions_ms=overhead_ms)
    if verdict is not answer and not isinstance(answer, Failure):
        outcome = replace(outcome, payload=answer.payload)  # the caller has its answer already
    sandbox.settling = None
    return outcome
