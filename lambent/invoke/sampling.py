"""Whether an invocation is traced: the Sampled field of its trace header, and the header itself where none came.

A decision that came with the request holds. Without one a function whose TracingConfig is Active decides as AWS does:
the first invocation of each second, and 5 % of the others. Every other function decides against it.
Source: "Visualize Lambda function invocations using AWS X-Ray", AWS Lambda Developer Guide.
"""

import random
from collections.abc import Callable

from lambent.invoke import lineage
from lambent.model import Version
from lambent.observe import tracing

RATE = 0.05  # of invocations beyond the first of a second
MOST_KNOWN = 10_000  # functions whose last sampled second is remembered
_random = random.Random()


class Sampler:
    """Mutable: `_seconds`, by function, the last second of which an invocation was sampled."""

    def __init__(self, chance: Callable[[], float] = _random.random) -> None:
        self._chance = chance
        self._seconds: dict[str, int] = {}

    def header(self, came: str | None, version: Version, now: float) -> str:
        """What the function is to be told: what came, as far as it can be handed on, or else a root of our own."""
        trace = lineage.accepted(came) if came else ""
        if not trace:
            return new_trace(now, version.active_tracing and self._samples(version, now))
        if version.active_tracing and tracing.sampled(trace) is None:
            return tracing.with_decision(trace, self._samples(version, now))
        return trace

    def _samples(self, version: Version, now: float) -> bool:
        second, function = int(now), version.function_arn
        if self._seconds.get(function) == second:
            return self._chance() < RATE
        if len(self._seconds) >= MOST_KNOWN:
            self._seconds.clear()
        self._seconds[function] = second
        return True


def new_trace(now: float, sampled: bool = False) -> str:
    """A root of our own: Root=1-<hex time>-<24 hex>;Parent=<16 hex>;Sampled=<0 or 1>."""
    bits = _random.getrandbits(160).to_bytes(20, "big").hex()
    return f"Root=1-{int(now):08x}-{bits[:24]};Parent={bits[24:]};Sampled={sampled:d}"
