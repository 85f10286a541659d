"""Durable functions among events: dead letters of their executions, and executions that a destination starts."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from real_server import Function, Server, client, wait_until

# Speaks the protocol by hand: it takes its input, and is done or has failed.
HANDLER = """
    import json

    def handler(event, context):
        given = event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]["InputPayload"]
        if json.loads(given).get("fail"):
            return {"Status": "FAILED", "Error": {"ErrorType": "Refused", "ErrorMessage": "no stock"}}
        return {"Status": "SUCCEEDED", "Result": given}
"""
DURABLE = {"ExecutionTimeout": 60, "RetentionPeriodInDays": 1}


def test_what_fails_for_nobody_goes_to_the_dead_letter_queue_with_its_input(
    server: Server, deploy: Callable[..., Function]
) -> None:
    sqs = client(server.endpoint, service="sqs")
    url = sqs.create_queue(QueueName=f"dead-{uuid.uuid4().hex}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    function = deploy(HANDLER, DurableConfig=DURABLE, DeadLetterConfig={"TargetArn": arn})
    called = server.client.invoke(
        FunctionName=function.name, Qualifier="$LATEST", InvocationType="Event", Payload=b'{"fail": true, "order": 7}'
    )
    message = wait_until(
        lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")
    )[0]  # fmt: skip
    assert json.loads(message["Body"]) == {"fail": True, "order": 7}
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert attributes["ErrorMessage"] == "no stock"
    assert attributes["RequestID"] == called["ResponseMetadata"]["RequestId"]
    found = server.client.get_durable_execution(DurableExecutionArn=called["DurableExecutionArn"])
    assert (found["Status"], found["Error"]["ErrorType"]) == ("FAILED", "Refused")


def test_a_destination_starts_one_execution_with_the_record(
    server: Server, deploy: Callable[..., Function]
) -> None:  # fmt: skip
    durable = deploy(HANDLER, DurableConfig=DURABLE)
    target = server.client.get_function(FunctionName=durable.name)["Configuration"]["FunctionArn"]
    first = deploy("def handler(event, context):\n    return event['n'] + 1\n")
    server.client.put_function_event_invoke_config(
        FunctionName=first.name, DestinationConfig={"OnSuccess": {"Destination": target}}
    )
    server.client.invoke(FunctionName=first.name, InvocationType="Event", Payload=b'{"n": 1}')

    def ended() -> Any:
        listed = server.client.list_durable_executions_by_function(FunctionName=durable.name)["DurableExecutions"]
        return [each for each in listed if each["Status"] == "SUCCEEDED"]

    (execution,) = wait_until(ended)
    found = server.client.get_durable_execution(DurableExecutionArn=execution["DurableExecutionArn"])
    record = json.loads(found["InputPayload"])
    assert (record["responsePayload"], record["requestPayload"]) == (2, {"n": 1})
    assert execution["DurableExecutionName"].count("-") == 4
