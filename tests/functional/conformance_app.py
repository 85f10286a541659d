"""Handlers for AWS's conformance requirements (durable_conformance.json says what each is to do), on AWS's own SDK.

One function does all of them: {"case": "4-2", "input": …}; its environment names the ones that are invoked by others.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    Duration,
    InvokeConfig,
    JitterStrategy,
    StepConfig,
    StepSemantics,
    WaitForCallbackConfig,
)
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy
from aws_durable_execution_sdk_python.waits import (
    WaitForConditionConfig,
    WaitForConditionDecision,
    WaitStrategyConfig,
    create_wait_strategy,
)

Case = Callable[[Any, DurableContext], Any]
CASES: dict[str, Case] = {}


class TransientError(Exception):
    """What the retry strategies of 1-15 and 1-16 look for."""


def case(*names: str) -> Callable[[Case], Case]:
    def keep(function: Case) -> Case:
        CASES.update(dict.fromkeys(names, function))
        return function

    return keep


def seconds(count: int) -> Duration:
    return Duration.from_seconds(count)


def retrying(attempts: int, delay: int = 1, **changes: Any) -> StepConfig:
    usual = {"max_attempts": attempts, "initial_delay": seconds(delay), "jitter_strategy": JitterStrategy.NONE}
    return StepConfig(
        retry_strategy=create_retry_strategy(RetryStrategyConfig(**{"backoff_rate": 1} | usual | changes))
    )


ONCE = retrying(1)


def failing(times: int, result: Any = "Operation succeeded", error: type[Exception] = RuntimeError) -> Any:
    """A step that fails so many times."""

    def work(step: StepContext) -> Any:
        if step.attempt <= times:
            raise error(f"attempt {step.attempt}")
        return result

    return work


def exiting(result: Any) -> Any:
    """A step that ends its process at the first attempt."""

    def work(step: StepContext) -> Any:
        if step.attempt == 1:
            os._exit(1)
        return result

    return work


# -- 1: steps


@case("1-1")
def greet(given: Any, context: DurableContext) -> Any:
    return context.step(lambda step: f"Hello, {given}!")


@case("1-2")
def named_step(given: Any, context: DurableContext) -> Any:
    return context.step(lambda step: f"Hello, {given}!", name="custom_step_name")


@case("1-3")
def two_steps(given: Any, context: DurableContext) -> Any:
    first = context.step(lambda step: "first")
    return context.step(lambda step: f"{first}_second")


@case("1-4")
def complex_step(given: Any, context: DurableContext) -> Any:
    return context.step(lambda step: {"user": given, "count": len(given["tags"])})


@case("1-5")
def null_step(given: Any, context: DurableContext) -> Any:
    return context.step(lambda step: None)


@case("1-8")
def step_and_wait(given: Any, context: DurableContext) -> Any:
    result = context.step(lambda step: "computed")
    context.wait(seconds(2))
    return result


@case("1-9")
def cached_step(given: Any, context: DurableContext) -> Any:
    result = context.step(lambda step: "cached_value")
    context.wait(seconds(1))
    return result


@case("1-10")
def failed_step_again(given: Any, context: DurableContext) -> Any:
    caught = False
    try:
        context.step(failing(9), config=ONCE)
    except Exception:
        caught = True
    context.wait(seconds(1))
    return caught


@case("1-11")
def retried_step(given: Any, context: DurableContext) -> Any:
    return context.step(failing(1), config=retrying(3))


@case("1-12")
def exhausted_step(given: Any, context: DurableContext) -> Any:
    return context.step(failing(9), config=retrying(4))


@case("1-13")
def usual_retries(given: Any, context: DurableContext) -> Any:
    return context.step(failing(2))


@case("1-14")
def slower_and_slower(given: Any, context: DurableContext) -> Any:
    return context.step(failing(2), config=retrying(3, 2, backoff_rate=3))


@case("1-15")
def retried_for_its_type(given: Any, context: DurableContext) -> Any:
    config = retrying(3, retryable_error_types=[TransientError])
    return context.step(failing(1, error=TransientError), config=config)


@case("1-16")
def not_retried_for_its_type(given: Any, context: DurableContext) -> Any:
    config = retrying(3, retryable_error_types=[KeyError])
    return context.step(failing(1, error=TransientError), config=config)


def at_most_once(attempts: int) -> StepConfig:
    strategy = retrying(attempts).retry_strategy
    return StepConfig(retry_strategy=strategy, step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY)


@case("1-17")
def crash_once(given: Any, context: DurableContext) -> Any:
    return context.step(exiting(None), name="at_most_once_flaky_step", config=at_most_once(1))


@case("1-18")
def crash_and_retry(given: Any, context: DurableContext) -> Any:
    return context.step(exiting("succeeded on second attempt"), config=at_most_once(2))


@case("1-19")
def failed_step(given: Any, context: DurableContext) -> Any:
    return context.step(failing(9), config=ONCE)


@case("1-20")
def caught_step(given: Any, context: DurableContext) -> Any:
    try:
        context.step(failing(9), config=ONCE)
    except Exception:
        return context.step(lambda step: "fallback_result")


# -- 2: waits


@case("2-1")
def wait_basic(given: Any, context: DurableContext) -> Any:
    context.wait(seconds(2))


@case("2-2")
def wait_named(given: Any, context: DurableContext) -> Any:
    context.wait(seconds(2), name="custom_wait_name")


@case("2-3")
def wait_twice(given: Any, context: DurableContext) -> Any:
    context.wait(seconds(2), name="wait-1")
    context.wait(seconds(2), name="wait-2")
    return {"completedWaits": 2}


@case("2-4")
def wait_minute(given: Any, context: DurableContext) -> Any:
    context.wait(Duration.from_minutes(1))


@case("2-5")
def wait_hour(given: Any, context: DurableContext) -> Any:
    context.wait(Duration.from_hours(1))


# -- 3: child contexts


def echo_step(given: Any, child: DurableContext) -> Any:
    return child.step(lambda step: given)


@case("3-1")
def child_basic(given: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: echo_step(given, child))


@case("3-2")
def child_named(given: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: echo_step(given["value"], child), name=given["name"])


@case("3-3")
def child_steps(given: Any, context: DurableContext) -> Any:
    def inner(child: DurableContext) -> Any:
        return echo_step(echo_step(given, child), child)

    return context.run_in_child_context(inner, name="child")


@case("3-4")
def child_error(given: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: child.step(failing(9), config=ONCE), name="child")


@case("3-5")
def child_error_caught(given: Any, context: DurableContext) -> Any:
    try:
        context.run_in_child_context(lambda child: child.step(failing(9), config=ONCE))
    except Exception:
        return echo_step(given, context)


@case("3-6")
def child_nested(given: Any, context: DurableContext) -> Any:
    def outer(child: DurableContext) -> Any:
        echo_step(given, child)
        return child.run_in_child_context(lambda inner: echo_step(given, inner), name="inner")

    return context.run_in_child_context(outer, name="outer")


@case("3-7")
def child_retry(given: Any, context: DurableContext) -> Any:
    step = failing(1, given)
    return context.run_in_child_context(lambda child: child.step(step, config=retrying(2)), name="child")


@case("3-8")
def child_exhausted(given: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: child.step(failing(9), config=retrying(2)), name="child")


@case("3-9")
def child_replay(given: Any, context: DurableContext) -> Any:
    result = child_basic(given, context)
    context.wait(seconds(1))
    return result


def step_and_wait_in(given: Any, child: DurableContext) -> Any:
    result = echo_step(given, child)
    child.wait(seconds(1))
    return result


@case("3-10")
def child_waits(given: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: step_and_wait_in(given, child), name="child")


@case("3-11")
def child_large(given: Any, context: DurableContext) -> Any:
    """Its result is too large to be recorded: it is made anew from the step in it."""
    result = context.run_in_child_context(lambda child: echo_step(given, child) * 40_000, name="child")
    context.wait(seconds(1))
    return len(result)


@case("3-13")
def child_wait_only(given: Any, context: DurableContext) -> Any:
    def inner(child: DurableContext) -> Any:
        child.wait(seconds(1))
        return given

    return echo_step(context.run_in_child_context(inner, name="child"), context)


@case("3-15")
def child_error_no_step(given: Any, context: DurableContext) -> Any:
    def inner(child: DurableContext) -> Any:
        raise RuntimeError("no step at all")

    return context.run_in_child_context(inner, name="child")


@case("3-16")
def child_null(given: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: None, name="child")


@case("3-18")
def child_and_after(given: Any, context: DurableContext) -> Any:
    return step_and_wait_in(child_waits(given, context), context)


# -- 4: callbacks


def callback(name: str, context: DurableContext, timeout: int = 0, heartbeat: int = 0) -> Any:
    config = CallbackConfig(timeout=seconds(timeout), heartbeat_timeout=seconds(heartbeat))
    return context.create_callback(name=name, config=config)


@case("4-1", "4-6")
def callback_basic(given: Any, context: DurableContext) -> Any:
    return callback(given, context).result()


@case("4-2")
def callback_named(given: Any, context: DurableContext) -> Any:
    return callback("approval", context).result()


@case("4-3")
def callback_timeout(given: Any, context: DurableContext) -> Any:
    return callback(given, context, timeout=5).result()


@case("4-4")
def callback_heartbeat_timeout(given: Any, context: DurableContext) -> Any:
    return callback(given, context, heartbeat=5).result()


@case("4-5")
def callback_heartbeat(given: Any, context: DurableContext) -> Any:
    return callback(given, context, heartbeat=10).result()


@case("4-7")
def callback_and_step(given: Any, context: DurableContext, timeout: int = 0) -> Any:
    waiting = callback(given, context, timeout=timeout)
    context.step(lambda step: "between")
    return waiting.result()


@case("4-8")
def callback_and_step_timeout(given: Any, context: DurableContext) -> Any:
    return callback_and_step(given, context, timeout=5)


def callback_and_wait(given: Any, context: DurableContext, wait: int, timeout: int = 0) -> Any:
    waiting = callback(given, context, timeout=timeout)
    context.wait(seconds(wait))
    return waiting.result()


@case("4-9", "4-10")
def callback_during_wait(given: Any, context: DurableContext) -> Any:
    return callback_and_wait(given, context, 5)


@case("4-11")
def timeout_during_wait(given: Any, context: DurableContext) -> Any:
    return callback_and_wait(given, context, 6, timeout=3)


@case("4-12")
def callback_then_wait(given: Any, context: DurableContext) -> Any:
    result = callback(given, context).result()
    context.wait(seconds(2))
    return result


@case("4-13")
def callback_caught(given: Any, context: DurableContext, timeout: int = 0) -> Any:
    try:
        result = callback(given, context, timeout=timeout).result()
    except Exception as error:
        result = f"caught {type(error).__name__}"
    context.wait(seconds(2))
    return result


@case("4-14")
def callback_timeout_caught(given: Any, context: DurableContext) -> Any:
    return callback_caught(given, context, timeout=3)


@case("4-17")
def callbacks_in_turn(given: Any, context: DurableContext) -> Any:
    return [callback(name, context).result() for name in given]


@case("4-18")
def callbacks_beside(given: Any, context: DurableContext) -> Any:
    return [waiting.result() for waiting in [callback(name, context) for name in given]]


@case("4-19")
def callbacks_reversed(given: Any, context: DurableContext) -> Any:
    return [waiting.result() for waiting in [callback(name, context) for name in given][::-1]]


# -- 5: chained invokes


def invoke(which: str, payload: Any, context: DurableContext, name: str | None = None) -> Any:
    return context.invoke(os.environ[f"TARGET_{which}"], payload, name=name)


@case("5-1", "5-3", "5-4")
def invoke_basic(given: Any, context: DurableContext) -> Any:
    return invoke("ECHO", given, context)


@case("5-2")
def invoke_named(given: Any, context: DurableContext) -> Any:
    return invoke("ECHO", given["payload"], context, given["name"])


@case("5-5")
def invoke_failing(given: Any, context: DurableContext) -> Any:
    return invoke("ERROR", given, context)


@case("5-6")
def invoke_caught(given: Any, context: DurableContext) -> Any:
    try:
        return invoke("ERROR", given, context)
    except Exception:
        return "fallback"


@case("5-7")
def invoke_large(given: Any, context: DurableContext) -> Any:
    return len(invoke("ECHO", "x" * 900_000, context))


@case("5-8")
def invoke_tenant(given: Any, context: DurableContext) -> Any:
    config = InvokeConfig[Any, Any](tenant_id=given["tenantId"])
    return context.invoke(os.environ["TARGET_TENANTS"], given["payload"], config=config)


@case("5-9")
def invoke_then_wait(given: Any, context: DurableContext) -> Any:
    result = invoke("ECHO", given, context)
    context.wait(seconds(1))
    return result


@case("5-10")
def invoke_caught_then_wait(given: Any, context: DurableContext) -> Any:
    result = invoke_caught(given, context)
    context.wait(seconds(1))
    return result


@case("5-11")
def step_then_invoke(given: Any, context: DurableContext) -> Any:
    return invoke("ECHO", context.step(lambda step: "from the step"), context)


@case("5-12")
def invoke_then_step(given: Any, context: DurableContext) -> Any:
    result = invoke("ECHO", "from the invoke", context)
    return context.step(lambda step: result)


@case("5-13")
def invoke_in_child(given: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: invoke("ECHO", given, child))


@case("5-14")
def invoke_twice(given: Any, context: DurableContext) -> Any:
    return [invoke("ECHO", given, context), invoke("ECHO", given, context)]


@case("echo")
def echo(given: Any, context: DurableContext) -> Any:
    context.wait(seconds(1))  # until whoever has invoked it waits
    return given


@case("error")
def error(given: Any, context: DurableContext) -> Any:
    context.wait(seconds(1))
    raise RuntimeError("the target fails")


# -- 6: conditions


def polling(context: DurableContext, until: Callable[[Any], bool], start: Any, check: Any, **more: Any) -> Any:
    def decide(state: Any, attempt: int) -> WaitForConditionDecision:
        if until(state):
            return WaitForConditionDecision.stop_polling()
        return WaitForConditionDecision.continue_waiting(seconds(more.get("every", 1)))

    config = WaitForConditionConfig(wait_strategy=decide, initial_state=start)
    return context.wait_for_condition(lambda state, _: check(state), config=config, name=more.get("name"))


@case("6-1")
def count_up(given: Any, context: DurableContext, **more: Any) -> Any:
    return polling(context, lambda state: state >= given, 0, lambda state: state + 1, **more)


@case("6-2")
def at_once(given: Any, context: DurableContext) -> Any:
    return polling(context, lambda state: state >= given, 5, lambda state: state)


@case("6-3")
def count_named(given: Any, context: DurableContext) -> Any:
    return count_up(given, context, name="poll-status")


@case("6-4")
def count_from(given: Any, context: DurableContext) -> Any:
    return polling(context, lambda state: state >= given, 5, lambda state: state + 1)


@case("6-5")
def count_every_two(given: Any, context: DurableContext) -> Any:
    return count_up(given, context, every=2)


@case("6-6")
def never(given: Any, context: DurableContext) -> Any:
    strategy = create_wait_strategy(
        WaitStrategyConfig(lambda state: True, max_attempts=3, initial_delay=seconds(1), backoff_rate=1)
    )
    config = WaitForConditionConfig(wait_strategy=strategy, initial_state=0)
    return context.wait_for_condition(lambda state, _: state + 1, config=config)


@case("6-9")
def structured_state(given: Any, context: DurableContext) -> Any:
    def check(state: Any) -> Any:
        attempts = state["attempts"] + 1
        return {"status": "DONE" if attempts == 2 else "PENDING", "attempts": attempts}

    return polling(context, lambda state: state["status"] == "DONE", {"status": "PENDING", "attempts": 0}, check)


@case("6-10")
def null_state(given: Any, context: DurableContext) -> Any:
    return polling(context, lambda state: True, 0, lambda state: None)


@case("6-13")
def two_conditions(given: Any, context: DurableContext) -> Any:
    first = count_up(2, context)
    return polling(context, lambda state: state >= 4, first, lambda state: state + 1)


def broken(state: Any) -> Any:
    raise RuntimeError("the check fails")


@case("6-7")
def check_fails(given: Any, context: DurableContext) -> Any:
    return polling(context, lambda state: True, 0, broken)


@case("6-8")
def check_fails_caught(given: Any, context: DurableContext) -> Any:
    try:
        return check_fails(given, context)
    except Exception:
        return "recovered"


@case("6-12")
def condition_then_step(given: Any, context: DurableContext) -> Any:
    found = count_up(given, context)
    return context.step(lambda step: found * 10)


# -- 7: wait_for_callback


def submitted(name: str | None, context: DurableContext, **config: Any) -> Any:
    spans = {key: seconds(value) for key, value in config.items()}
    return context.wait_for_callback(lambda callback_id, _: None, name=name, config=WaitForCallbackConfig(**spans))


@case("7-1", "7-4", "7-15")
def wait_for_callback(given: Any, context: DurableContext) -> Any:
    return submitted(given, context)


@case("7-2")
def wait_for_callback_named(given: Any, context: DurableContext) -> Any:
    return submitted("approval", context)


@case("7-3")
def wait_for_callback_anonymous(given: Any, context: DurableContext) -> Any:
    return submitted(None, context)


@case("7-5")
def wait_for_callback_timeout(given: Any, context: DurableContext) -> Any:
    return submitted(given, context, timeout=3)


@case("7-7")
def submitter_fails(given: Any, context: DurableContext) -> Any:
    def submit(callback_id: str, _: Any) -> None:
        raise RuntimeError("nobody to be told")

    config = WaitForCallbackConfig(retry_strategy=retrying(2).retry_strategy)
    return context.wait_for_callback(submit, name=given, config=config)


@case("7-8")
def wait_for_callback_in_child(given: Any, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: submitted(given, child), name="wrapper")


@case("7-12")
def wait_for_callback_heartbeat(given: Any, context: DurableContext) -> Any:
    return submitted(given, context, heartbeat_timeout=5)


@case("7-13")
def wait_for_callback_alive(given: Any, context: DurableContext) -> Any:
    return submitted(given, context, heartbeat_timeout=10)


@case("7-6")
def wait_for_callback_recovered(given: Any, context: DurableContext) -> Any:
    try:
        return submitted(given, context)
    except Exception:
        return "recovered"


@case("7-9")
def wait_for_callbacks_in_turn(given: Any, context: DurableContext) -> Any:
    return [submitted(name, context) for name in ("first", "second")]


@case("7-10")
def wait_step_and_callback(given: Any, context: DurableContext) -> Any:
    context.wait(seconds(1))
    context.step(lambda step: "between")
    return submitted(given, context)


@case("7-11")
def wait_for_callback_parsed(given: Any, context: DurableContext) -> Any:
    return json.loads(submitted(given, context))["status"]


@case("7-14")
def wait_for_callback_caught(given: Any, context: DurableContext) -> Any:
    try:
        return submitted(given, context, timeout=3)
    except Exception:
        return "timed-out-handled"


@durable_execution
def handler(event: Any, context: DurableContext) -> Any:
    which = os.environ.get("CASE")
    return CASES[which](event, context) if which else CASES[event["case"]](event["input"], context)
