"""Executions and history events as the API shows them: what is there, what is left out, and in which words."""

from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from msgspec.structs import replace

from lambent.durable import api_documents
from lambent.durable.nouns import ErrorObject, Execution, HistoryEvent, Pause

MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")
START = 1_768_000_000.0
RUNNING = Execution(
    number=7, account="111111111111", region="eu-west-1", function="hello", version="3", name="order-1", id="a1b2",
    started=START, timeout_s=600, retention_days=5, deadline=START + 600, trace="Root=1-2-3",
)  # fmt: skip
ARN = "arn:aws:lambda:eu-west-1:111111111111:function:hello:3"


def test_a_running_execution_says_when_it_will_time_out_and_not_when_it_ended() -> None:
    assert api_documents.execution(RUNNING, '{"a": 1}', include=True) == {
        "DurableExecutionArn": f"{ARN}/durable-execution/order-1/a1b2",
        "DurableExecutionName": "order-1",
        "FunctionArn": ARN,
        "Version": "3",
        "InputPayload": '{"a": 1}',
        "Status": "RUNNING",
        "StartTimestamp": START,
        "TraceHeader": {"XAmznTraceId": "Root=1-2-3"},
        "ExecutionDataIncluded": True,
        "DurableConfig": {"RetentionPeriodInDays": 5, "ExecutionTimeout": 600},
        "ExpectedExecutionTimeoutTimestamp": START + 600,
    }


def test_an_execution_that_is_over_has_its_result_or_its_error_and_never_both() -> None:
    error = ErrorObject(error_message="no", error_type="Refused", stack_trace=("here", "there"))
    over = replace(RUNNING, ended=START + 9, result='"yes"', error=error)
    succeeded = api_documents.execution(replace(over, status="SUCCEEDED"), None, include=True)
    assert (succeeded["Result"], succeeded["EndTimestamp"]) == ('"yes"', START + 9)
    assert not {"Error", "InputPayload", "ExpectedExecutionTimeoutTimestamp"} & set(succeeded)
    for status in ("FAILED", "TIMED_OUT", "STOPPED"):
        failed = api_documents.execution(replace(over, status=status), None, include=True)
        assert failed["Error"] == {"ErrorMessage": "no", "ErrorType": "Refused", "StackTrace": ["here", "there"]}
        assert "Result" not in failed


def test_data_are_left_out_when_they_are_not_wanted() -> None:
    over = replace(RUNNING, status="SUCCEEDED", ended=START + 9, result='"yes"')
    document = api_documents.execution(over, "{}", include=False)
    assert not {"InputPayload", "Result", "Error"} & set(document)
    assert document["ExecutionDataIncluded"] is False


def test_a_pause_is_shown_while_it_lasts() -> None:
    pausing = replace(RUNNING, status="PAUSING", pause=Pause(requested=START + 5, reason="a look"))
    document = api_documents.execution(pausing, None, include=True)
    assert document["PauseDetails"] == {
        "PauseRequestTimestamp": START + 5, "Reason": "a look", "ExecutionTimeoutPaused": True,
    }  # fmt: skip
    assert document["ExpectedExecutionTimeoutTimestamp"] == START + 600
    paused = api_documents.execution(replace(pausing, status="PAUSED"), None, include=False)
    assert paused["PauseDetails"] == {"PauseRequestTimestamp": START + 5, "ExecutionTimeoutPaused": True}


def test_a_list_names_the_key_and_nothing_that_is_long() -> None:
    sealed = replace(RUNNING, kms_key="arn:aws:kms:eu-west-1:111111111111:key/k", result="x", status="SUCCEEDED")
    assert set(api_documents.listed(sealed)) <= set(MODEL.shape_for("Execution").members)
    assert api_documents.listed(sealed)["KMSKeyArn"].endswith("key/k")
    assert "KMSKeyArn" not in api_documents.listed(RUNNING)
    assert "KMSKeyArn" not in api_documents.execution(sealed, None, include=True)


def sample(shape: Any) -> Any:
    """A value of a shape with every member that it has."""
    if shape.type_name == "structure":
        return {name: sample(member) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [sample(shape.member)]
    return {"string": "text", "integer": 1, "boolean": True, "timestamp": START}[shape.type_name]


@pytest.mark.parametrize("kind", MODEL.shape_for("EventType").enum)
def test_every_type_of_event_is_shown_with_its_details(kind: str) -> None:
    members = MODEL.shape_for("Event").members
    details = sample(members[f"{kind}Details"])
    event = HistoryEvent(
        number=4, type=kind, at=START, id="o1", parent="o0", name="n", sub_type="Step",
        details={f"{kind}Details": details},
    )  # fmt: skip
    shown = api_documents.event(event, include=True)
    assert set(shown) == {
        "EventType", "EventId", "EventTimestamp", "Id", "ParentId", "Name", "SubType", f"{kind}Details",
    }  # fmt: skip
    assert set(shown[f"{kind}Details"]) == set(details)
    bare = api_documents.event(event, include=False)[f"{kind}Details"]
    for name, value in bare.items():
        assert value == ({"Truncated": True} if name in ("Input", "Result", "Error", "Reason") else details[name])


def test_an_event_says_only_what_it_has() -> None:
    event = HistoryEvent(number=1, type="StepSucceeded", at=START, details={"StepSucceededDetails": {"Result": {}}})
    assert api_documents.event(event, include=True) == {
        "EventType": "StepSucceeded", "EventId": 1, "EventTimestamp": START,
        "StepSucceededDetails": {"Result": {"Truncated": False}},
    }  # fmt: skip
