"""Executions and their histories as the API shows them. No I/O.

Sources: the service model with its documentation; AWS's own local runner (aws-durable-execution-sdk-python-testing
1.4.0) for Truncated, which is true where the data were left out.
"""

from typing import Any

from lambent.durable.drafts import error_document
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

_DATA = frozenset({"Input", "Result", "Error", "Reason"})  # members of an event's details that carry data


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
        document["ExpectedExecutionTimeoutTimestamp"] = found.deadline
    return document | (_payloads(found, input_payload) if include else {})


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


def event(found: HistoryEvent, *, include: bool) -> Document:
    """An entry of GetDurableExecutionHistory; without `include`, its payloads are only said to be left out."""
    document: Document = {
        "EventType": found.type,
        "EventId": found.number,
        "EventTimestamp": found.at,
    }
    for member, details in found.details.items():
        document[member] = {name: _data(name, value, include=include) for name, value in details.items()}
    named = {"Id": found.id, "ParentId": found.parent, "Name": found.name, "SubType": found.sub_type}
    return document | {name: value for name, value in named.items() if value is not None}


def _payloads(found: Execution, input_payload: str | None) -> Document:
    document: Document = {} if input_payload is None else {"InputPayload": input_payload}
    if found.status == SUCCEEDED and found.result is not None:
        document["Result"] = found.result
    if found.status in {FAILED, TIMED_OUT, STOPPED} and found.error is not None:
        document["Error"] = error_document(found.error)
    return document


def _pause(found: Execution, *, include: bool) -> Document:
    assert found.pause is not None
    details: Document = {
        "PauseRequestTimestamp": found.pause.requested,
        "ExecutionTimeoutPaused": found.pause.timeout_paused,
    }
    return details | ({"Reason": found.pause.reason} if include and found.pause.reason is not None else {})


def _data(name: str, value: Any, *, include: bool) -> Any:
    """A member of an event's details; of what carries data, only that they were left out."""
    if name not in _DATA:
        return value
    return {"Truncated": False} | value if include else {"Truncated": True}
