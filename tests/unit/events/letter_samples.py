"""Ends of events and letters, for the tests."""

from typing import Any

from event_samples import NOW, answered, event, failed

from lambent.events.end import RETRIES_EXHAUSTED, SUCCESS, End
from lambent.events.letters import letters_for
from lambent.model import InvokeConfig, Letter

QUEUE = "arn:aws:sqs:eu-west-1:111111111111:failures"
TOPIC = "arn:aws:sns:eu-west-1:111111111111:failures"
BUS = "arn:aws:events:eu-west-1:111111111111:event-bus/results"
BUCKET = "arn:aws:s3:::failures"
FUNCTION = "arn:aws:lambda:eu-west-1:111111111111:function:mender"


def failure(**changes: Any) -> End:
    """The third attempt failed; on-failure goes to QUEUE."""
    usual: dict[str, Any] = {
        "event": event(attempts=3), "condition": RETRIES_EXHAUSTED, "now": NOW + 200.5, "outcome": failed(),
        "config": InvokeConfig(on_failure=QUEUE), "executed_version": "$LATEST",
    }  # fmt: skip
    return End(**(usual | changes))


def success(**changes: Any) -> End:
    usual: dict[str, Any] = {
        "event": event(attempts=1), "condition": SUCCESS, "now": NOW + 0.5, "outcome": answered(),
        "config": InvokeConfig(on_success=QUEUE), "executed_version": "$LATEST",
    }  # fmt: skip
    return End(**(usual | changes))


def letter(target: str = QUEUE, **changes: Any) -> Letter:
    """What a failure sends to that target."""
    return letters_for(failure(config=InvokeConfig(on_failure=target), **changes))[0]


def dead_letter(target: str = QUEUE, **changes: Any) -> Letter:
    return letters_for(failure(config=InvokeConfig(), dead_letter=target, **changes))[0]
