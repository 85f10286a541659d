"""The INIT phase of a sandbox, and the RESTORE phase of a clone: they end in a sandbox that is ready, or say why not.

A failure that the runtime reports itself dooms the sandbox: its first invocation is answered with that error.
"""

import asyncio
import math

from lambent.observe import report
from lambent.sandbox import failures
from lambent.sandbox.apis import Apis
from lambent.sandbox.extensions import ExtensionFailed
from lambent.sandbox.link import InitDone, InitSpec, LinkClosed
from lambent.sandbox.outcomes import Beginning
from lambent.sandbox.sandbox import Sandbox
from lambent.sandbox.telemetry_events import Init

INIT_LIMIT_S = 10.0  # AWS: after that, init is run again at the first invoke, under the function's own time-out


async def init(
    sandbox: Sandbox, spec: InitSpec, limit_s: float = INIT_LIMIT_S, began: float | None = None, *, again: bool = False
) -> str | None:
    """Returns None or the trouble: "timeout", "exited", "extension".

    `began` is when the runtime was told, if that is over already (monotonic). `again` says that an earlier init failed
    or was lost with its runtime: its repetition is a part of the invocation that waits for it, and AWS shows no more
    of it than that (lambda-semantics.md §8, "suppressed init").
    """
    clock = sandbox.clock
    began = clock.monotonic() if began is None else began
    if sandbox.speaks and not again:
        sandbox.tap.add(report.init_start(sandbox.version, clock.epoch()))
    sandbox.init_at = clock.epoch()
    if sandbox.apis is not None:
        sandbox.apis.init = Init("invoke" if again else "init", sandbox.initialization)
        sandbox.apis.init_began(sandbox.init_at, sandbox.log_stream)
    error_type = await _try(sandbox, spec, limit_s)
    took_ms = (clock.monotonic() - began) * 1000
    if sandbox.apis is not None:
        sandbox.apis.init_ended(error_type or _timed_out(sandbox), took_ms)
    sandbox.beginning = Beginning(owed_ms=took_ms) if again else Beginning(init_ms=took_ms)
    if (sandbox.init_trouble or error_type) and not sandbox.lost:
        sandbox.tap.finish()
        sandbox.tap.add(
            report.init_report(
                sandbox.version, took_ms, phase="invoke" if again else "init", error_type=error_type,
                status="timeout" if sandbox.init_trouble == "timeout" else "error", at=clock.epoch(),
            )
        )  # fmt: skip
    return sandbox.init_trouble


async def restore(sandbox: Sandbox, spec: InitSpec, limit_s: float, began: float) -> str | None:
    """In a clone: the hooks after the restore, and what is new in `spec`. Returns None or the trouble, as `init`.

    `began` is when the clone was asked for (monotonic), `limit_s` what is left of the time that it may take.
    """
    clock, version = sandbox.clock, sandbox.version
    told = clock.monotonic()
    if sandbox.speaks:
        sandbox.tap.add(report.restore_start(version, clock.epoch()))
    if sandbox.apis is not None:
        sandbox.apis.restore_began(clock.epoch(), sandbox.log_stream)
    error_type = await _try(sandbox, spec, limit_s)
    now = clock.monotonic()
    took_ms = (now - began) * 1000
    sandbox.beginning = Beginning(restore_ms=took_ms, restore_billed_ms=math.ceil((now - told) * 1000))
    if sandbox.apis is not None:
        sandbox.apis.restore_ended(error_type or _timed_out(sandbox), took_ms)
    status = "timeout" if sandbox.init_trouble == "timeout" else "error" if error_type else "success"
    if sandbox.speaks or status != "success":
        sandbox.tap.finish()
        sandbox.tap.add(report.restore_report(version, took_ms, status, error_type, clock.epoch()))
    return sandbox.init_trouble or (error_type and "error")


def _timed_out(sandbox: Sandbox) -> str | None:
    return "Sandbox.Timedout" if sandbox.init_trouble else None


async def _try(sandbox: Sandbox, spec: InitSpec, limit_s: float) -> str | None:
    """Note the trouble that init came to; returns the error type that tells of it."""
    sandbox.init_trouble, error_type = await _attempt(sandbox, spec, limit_s)
    sandbox.init_over = True
    return error_type


async def _attempt(sandbox: Sandbox, spec: InitSpec, limit_s: float) -> tuple[str | None, str | None]:
    """The trouble, and the error type."""
    try:
        async with asyncio.timeout(limit_s):
            done = await _initialise(sandbox, spec)
    except TimeoutError:
        sandbox.end("timeout")
        return "timeout", None
    except ExtensionFailed as error:
        sandbox.demise.fatal = error.fatal
        sandbox.end("failure")
        return "extension", error.fatal.kind
    except LinkClosed:
        if sandbox.demise.fatal is not None:
            sandbox.end("failure")
            return "extension", sandbox.demise.fatal.kind
        news = await sandbox.demise.of_runtime(sandbox.name, sandbox.end)
        return "exited", failures.exited("", news.status, out_of_memory=news.out_of_memory).error_type
    if done.error_type:
        sandbox.doomed = done
    return None, done.error_type


async def _initialise(sandbox: Sandbox, spec: InitSpec) -> InitDone:
    """Init of the extensions, then of the runtime; over when all of them wait for an event."""
    if spec.extensions and sandbox.apis is not None:
        done = await _initialise_behind(sandbox, sandbox.apis, spec)
    else:
        done = await sandbox.link.init(spec)
    if sandbox.apis is not None and not done.error_type:
        await sandbox.apis.wait_until_ready()
    return done


async def _initialise_behind(sandbox: Sandbox, apis: Apis, spec: InitSpec) -> InitDone:
    """The runtime goes on when all extensions have registered; its own end meanwhile is not missed."""
    init = sandbox.loop.create_task(sandbox.link.init(spec))
    registered = sandbox.loop.create_task(apis.extensions.registered())
    try:
        await asyncio.wait((init, registered), return_when=asyncio.FIRST_COMPLETED)
        if registered.done():
            registered.result()
            sandbox.link.proceed()
        return await init
    finally:
        for task in (init, registered):
            task.cancel()
        await asyncio.gather(init, registered, return_exceptions=True)
