"""What becomes of an event: decisions over the event, its configuration and the time. No I/O, no clock.

Source: lambda-semantics.md §4. A function error uses up a retry; a throttle or an error of the service does not, and
waits longer each time; both end with the age that the configuration allows.
"""

from msgspec.structs import replace

from lambent.events.end import EVENT_AGE_EXCEEDED, RETRIES_EXHAUSTED, SUCCESS, ZERO_RESERVED_CONCURRENCY
from lambent.model import Event, InvokeConfig, Outcome

RETRY_AFTER_S = (60.0, 120.0)  # before the second attempt, and before the third
LONGEST_PAUSE_S = 300.0

# An event to be tried again, or the condition under which it has come to its end.
Fate = Event | str


def before(event: Event, config: InvokeConfig, reserved: int | None, now: float) -> str | None:
    """Why it is not even tried, or None."""
    if reserved == 0:
        return ZERO_RESERVED_CONCURRENCY
    return EVENT_AGE_EXCEEDED if now - event.received > config.max_age_s else None


def after(event: Event, outcome: Outcome, config: InvokeConfig, now: float) -> tuple[Event, Fate]:
    """The event with the attempt counted, and what becomes of it."""
    tried = replace(event, attempts=event.attempts + 1, throttles=0)
    if outcome.function_error is None:
        return tried, SUCCESS
    if tried.attempts > min(config.max_retries, len(RETRY_AFTER_S)):
        return tried, RETRIES_EXHAUSTED
    return tried, _again(tried, now + RETRY_AFTER_S[tried.attempts - 1], config)


def refused(event: Event, config: InvokeConfig, now: float) -> tuple[Event, Fate]:
    """The same after a throttle or an error of ours: the function has not seen it."""
    later = postponed(event, now)
    return later, _again(later, later.due, config)


def postponed(event: Event, now: float) -> Event:
    """The event as it is to be tried again after it was not run; longer after each time."""
    pause_s = min(2.0 ** min(event.throttles, 16), LONGEST_PAUSE_S)
    return replace(event, throttles=event.throttles + 1, due=now + pause_s)


def _again(event: Event, due: float, config: InvokeConfig) -> Fate:
    """Tried again when it is due, unless it would have its full age by then."""
    return EVENT_AGE_EXCEEDED if due - event.received >= config.max_age_s else replace(event, due=due)
