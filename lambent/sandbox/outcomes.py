"""What an invocation came to, as everybody else hears of it: plain functions of the answer and of what was measured."""

import msgspec

from lambent.model import Outcome
from lambent.sandbox.failures import Failure
from lambent.sandbox.link import Reply


class Beginning(msgspec.Struct, frozen=True):
    """How a sandbox was started, as far as the first invocation that it runs has to report it."""

    init_ms: float | None = None
    ahead: bool = False  # init was over before there was a call that needed it
    owed_ms: float = 0.0  # what a repeated init took of the invocation's time
    restore_ms: float | None = None  # of a clone: how long it took, and what of it is billed
    restore_billed_ms: int = 0
    why_cold: str = ""  # why it was started

    @property
    def cold(self) -> bool:
        """Has the invocation waited for it? Not if init was ahead: provisioned concurrency pays for that apart."""
        return (self.init_ms is not None and not self.ahead) or self.owed_ms > 0 or self.restore_ms is not None

    @property
    def before_ms(self) -> float:
        """What is billed beside the duration."""
        if self.restore_ms is not None:
            return self.restore_billed_ms
        return 0.0 if self.ahead or self.init_ms is None else self.init_ms


WARM = Beginning()  # there is nothing to report, or not any more


def outcome(
    answer: Reply | Failure, beginning: Beginning, duration_ms: float, *, memory_peak_mb: int, cpu_ms: float | None,
    sandbox: str, initialization: str, streamed_bytes: int,
) -> Outcome:  # fmt: skip
    """Of an invocation after which nothing more happens."""
    warm = beginning is WARM  # the hot path, which need not ask
    return Outcome(
        payload=answer.body if isinstance(answer, Failure) else answer.payload,
        function_error="Unhandled" if answer.error_type else None,
        error_type=answer.error_type,
        status=answer.status if isinstance(answer, Failure) else "error" if answer.error_type else "success",
        cold=not warm and beginning.cold,
        duration_ms=duration_ms,
        init_ms=beginning.init_ms,
        restore_ms=beginning.restore_ms,
        restore_billed_ms=beginning.restore_billed_ms,
        billed_ms=-int(-(duration_ms if warm else duration_ms + beginning.before_ms) // 1),
        memory_peak_mb=memory_peak_mb,
        cpu_ms=cpu_ms,
        sandbox=sandbox,
        why_cold=beginning.why_cold,
        initialization=initialization,
        streamed_bytes=streamed_bytes,
    )


def provisional(answer: Reply | Failure, beginning: Beginning, streamed_bytes: int) -> Outcome:
    """What the caller gets while extensions are still at work: nothing has been measured yet."""
    return Outcome(
        payload=answer.body if isinstance(answer, Failure) else answer.payload,
        function_error="Unhandled" if answer.error_type else None,
        error_type=answer.error_type,
        status=answer.status if isinstance(answer, Failure) else "error" if answer.error_type else "success",
        cold=beginning.cold,
        streamed_bytes=streamed_bytes,
    )
