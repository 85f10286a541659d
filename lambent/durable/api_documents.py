"""Executions and their histories as the API shows them. No I/O.

Sources: the service model with its documentation; AWS's own local runner (aws-durable-execution-sdk-python-testing
1.4.0) for Truncated, which is true where the data were left out.
"""

from typing import Any

import msgspec

from lambent.durable.nouns import (
    DELETING,
    FAILED,
    PAUSED,
    PAUSING,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    Execution,
    HistoryEvent,
)
from lambent.model import Document

LONGEST_S = 366 * 86_400  # an execution whose timeout is paused ends after that

_PAYLOADS = frozenset({"Input", "Result", "Error", "Reason"})  # members of details that carry data


def execution(found: Execution, input_payload: str | None, *, include: bool) -> Document:
    """GetDurableExecution's answer; without `include`, without payloads and errors."""
    document = summary(found) | {
        "Version": found.version,
        "ExecutionDataIncluded": include,
        "DurableConfig": config(found),
    }
    if found.trace:
        document["TraceHeader"] = {"XAmznTraceId": found.trace}
    if found.pause is not None and found.status in {PAUSING, PAUSED}:
        document["PauseDetails"] = _pause(found, include=include)
    if not found.over:
        document["ExpectedExecutionTimeoutTimestamp"] = expected_timeout(found)
    return document | (_data(found, input_payload) if include else {})


def summary(found: Execution) -> Document:
    """What every answer about an execution has."""
    document: Document = {
        "DurableExecutionArn": found.arn,
        "DurableExecutionName": found.name,
        "FunctionArn": found.function_arn,
        "Status": found.status,
        "StartTimestamp": found.started,
    }
    if found.ended is not None and found.status != DELETING:
        document["EndTimestamp"] = found.ended
    return document


def listed(found: Execution) -> Document:
    """An entry of ListDurableExecutionsByFunction."""
    return summary(found) | ({"KMSKeyArn": found.kms_key} if found.kms_key else {})


def config(found: Execution) -> Document:
    """The DurableConfig that the execution was started with."""
    shown: Document = {"RetentionPeriodInDays": found.retention_days, "ExecutionTimeout": found.timeout_s}
    return shown | ({"KMSKeyArn": found.kms_key} if found.kms_key else {})


def expected_timeout(found: Execution) -> float:
    """When it will time out, as far as is known now."""
    waits = found.status == PAUSED and found.pause is not None and found.pause.timeout_paused
    return found.started + LONGEST_S if waits else found.deadline


def event(found: HistoryEvent, *, include: bool) -> Document:
    """An entry of GetDurableExecutionHistory; without `include`, its payloads are only said to be left out."""
    document: Document = {
        "EventType": found.type,
        "EventId": found.number,
        "EventTimestamp": found.at,
        f"{found.type}Details": found.details if include else _without_data(found.details),
    }
    named = {"Id": found.id, "ParentId": found.parent, "Name": found.name, "SubType": found.sub_type}
    return document | {name: value for name, value in named.items() if value is not None}


def error(found: Any) -> Document:
    """An ErrorObject as the API has it, without what it has not."""
    shown: Document = msgspec.to_builtins(found)
    return shown


def _data(found: Execution, input_payload: str | None) -> Document:
    document: Document = {} if input_payload is None else {"InputPayload": input_payload}
    if found.status == SUCCEEDED and found.result is not None:
        document["Result"] = found.result
    if found.status in {FAILED, TIMED_OUT, STOPPED} and found.error is not None:
        document["Error"] = error(found.error)
    return document


def _pause(found: Execution, *, include: bool) -> Document:
    assert found.pause is not None
    details: Document = {
        "PauseRequestTimestamp": found.pause.requested,
        "ExecutionTimeoutPaused": found.pause.timeout_paused,
    }
    return details | ({"Reason": found.pause.reason} if include and found.pause.reason is not None else {})


def _without_data(details: Document) -> Document:
    return {name: {"Truncated": True} if name in _PAYLOADS else value for name, value in details.items()}
