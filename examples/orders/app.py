"""An order that may take weeks: reserved, charged, approved by a person, shipped. It computes for less than a second.

Each step is recorded when it is done, so whatever ends this process in between, a step that was done is not done again.
"""

import uuid
from typing import Any

from aws_durable_execution_sdk_python import (
    CallbackTimeoutError,
    DurableContext,
    StepContext,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import Duration, JitterStrategy, StepConfig, WaitForCallbackConfig
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy

APPROVAL_FROM = 1000  # whoever orders for less is believed
APPROVED_WITHIN = WaitForCallbackConfig(timeout=Duration.from_days(7))
PATIENT = StepConfig(
    retry_strategy=create_retry_strategy(
        RetryStrategyConfig(max_attempts=4, initial_delay=Duration.from_seconds(1), jitter_strategy=JitterStrategy.NONE)
    )
)


@durable_step
def reserve(step: StepContext, item: str) -> str:
    """The number of the reservation. Random, and yet the same after every replay: only the first one is recorded."""
    return f"{item}-{uuid.uuid4().hex[:8]}"


@durable_step
def charge(step: StepContext, amount: int, failures: int) -> dict[str, Any]:
    """What a payment service would do, which fails the first `failures` times."""
    if step.attempt <= failures:
        raise ConnectionError("the bank did not answer")
    return {"charged": amount, "attempts": step.attempt}


def ask_for_approval(callback_id: str, context: Any) -> None:
    """Here one would send a mail with a link; whoever has the id may answer."""
    context.logger.info("waiting for an approval", extra={"callback_id": callback_id})


@durable_execution
def handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    def reserve_one(branch: DurableContext, item: str, index: int, items: Any) -> str:
        return branch.step(reserve(item), name="reserve")

    reserved = context.map(event["items"], reserve_one, name="reservations").get_results()
    if event["amount"] >= APPROVAL_FROM:
        try:
            answer = context.wait_for_callback(ask_for_approval, name="approval", config=APPROVED_WITHIN)
        except CallbackTimeoutError:
            answer = "nobody answered in time"
        if answer != "yes":
            return {"status": "rejected", "why": answer, "reserved": reserved}
    paid = context.step(charge(event["amount"], event.get("failures", 0)), name="charge", config=PATIENT)
    context.wait(Duration.from_seconds(event.get("cooling_s", 1)), name="may be withdrawn")
    return {"status": "shipped", "reserved": reserved} | paid
