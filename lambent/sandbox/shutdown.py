"""The SHUTDOWN phase of an environment: how long it takes at most, and in which order its parts are told.

Source: lambda-semantics.md §8; the order is that of AWS's runtime interface emulator (rapid/shutdown.go): first the
runtime, then those extensions that asked for the event.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from lambent.clock import Clock
from lambent.sandbox.apis import Apis
from lambent.sandbox.extension_states import Extension

if TYPE_CHECKING:
    from lambent.sandbox.sandbox import Sandbox


class Budget(NamedTuple):
    runtime_ms: int  # of the total
    total_ms: int


NOTHING, INTERNAL, EXTERNAL = Budget(0, 0), Budget(500, 500), Budget(300, 2_000)


def budget(extensions: list[Extension]) -> Budget:
    """Without an extension an environment is killed at once, and its runtime never gets SIGTERM."""
    if any(each.external for each in extensions):
        return EXTERNAL
    return INTERNAL if extensions else NOTHING


async def shut_down(
    apis: Apis, reason: str, *, runtime_over: "asyncio.Future[Any]", send: Callable[[int], None], clock: Clock
) -> None:
    """Let the runtime and then the extensions end by themselves; return when they have, or their time is up.

    `reason` is spindown, timeout or failure. `send` signals the runtime. Killing what is left is the caller's.
    """
    limits = budget(apis.extensions.members)
    began = clock.monotonic()
    apis.extensions.closing = True
    if not runtime_over.done():
        send(signal.SIGTERM)
        await asyncio.wait([runtime_over], timeout=limits.runtime_ms / 1000)
        if not runtime_over.done():
            send(signal.SIGKILL)
    left_s = limits.total_ms / 1000 - (clock.monotonic() - began)
    if limits is not EXTERNAL or left_s <= 0:
        return
    apis.extensions.shut_down(reason, int((clock.epoch() + left_s) * 1000))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(left_s):
            await asyncio.gather(apis.extensions.gone(), apis.telemetry.flush())


async def end_all(sandboxes: "Iterable[Sandbox]", patience_s: float, clock: Clock) -> None:
    """Let calls that are answered come to their reports, then end all sandboxes that have a SHUTDOWN phase to go
    through, and wait for them; for all of that together no longer than `patience_s`."""
    deadline = clock.monotonic() + patience_s
    busy = [sandbox.settling for sandbox in sandboxes if sandbox.settling is not None]
    if busy:
        await asyncio.wait(busy, timeout=max(0.0, patience_s - EXTERNAL.total_ms / 1000))
    ending = []
    for sandbox in list(sandboxes):
        if sandbox.apis is not None and sandbox.apis.active:
            sandbox.end()
        ending += [sandbox.farewell] if sandbox.farewell else []
    if ending:
        await asyncio.wait(ending, timeout=max(0.0, deadline - clock.monotonic()))
