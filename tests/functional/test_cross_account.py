"""Two accounts on one server, with the ordinary boto3 and AWS CLI: what a resource policy lets through."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import botocore.exceptions
import pytest
from real_server import Function, Server, client, zip_of

Aws = Callable[..., "CompletedProcess[str]"]
Deploy = Callable[..., Function]

ECHO = "def handler(event, context): return event"
THEM = "222222222222"


def refusal(call: Callable[[], Any]) -> tuple[int, str, str]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_another_account_invokes_what_it_was_let_in_to_and_nothing_else(server: Server, deploy: Deploy) -> None:
    function, them = deploy(ECHO, Publish=True), client(server.endpoint, THEM)
    ours, name = server.client, function.name
    arn = ours.get_function_configuration(FunctionName=name)["FunctionArn"]

    def invoke(target: str = arn, **more: Any) -> Any:
        return json.loads(them.invoke(FunctionName=target, Payload=b'"hi"', **more)["Payload"].read() or b"null")

    no = (
        403,
        "AccessDeniedException",
        f"User: arn:aws:iam::{THEM}:root is not authorized to perform: lambda:InvokeFunction on resource: {arn} "
        "because no resource-based policy allows the lambda:InvokeFunction action",
    )
    assert refusal(invoke) == no
    assert refusal(lambda: invoke(InvocationType="Event")) == no
    assert refusal(lambda: invoke(InvocationType="DryRun")) == no
    assert refusal(lambda: them.invoke_with_response_stream(FunctionName=arn)) == no
    assert refusal(lambda: them.get_function(FunctionName=arn))[:2] == no[:2]
    assert refusal(lambda: them.delete_function(FunctionName=arn))[:2] == no[:2]
    assert refusal(lambda: them.invoke(FunctionName=name))[:2] == (404, "ResourceNotFoundException")

    grant = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": THEM}
    ours.add_permission(StatementId="them", **grant)
    assert invoke() == "hi"
    assert invoke(InvocationType="Event") is None
    assert refusal(lambda: invoke(f"{arn}:1"))[:2] == no[:2]
    ours.add_permission(StatementId="them", Qualifier="1", **grant)
    assert invoke(f"{arn}:1") == "hi"

    ours.remove_permission(FunctionName=name, StatementId="them")
    assert refusal(invoke) == no
    assert invoke(f"{arn}:1") == "hi"
    assert function.call("ours").value == "ours"


CALLER = """
    import boto3, json
    lambdas = boto3.client("lambda")
    def handler(event, context):
        try:
            return json.loads(lambdas.invoke(FunctionName=event, Payload=b'"from afar"')["Payload"].read())
        except lambdas.exceptions.ClientError as error:
            return error.response["Error"]["Message"]
"""


def test_a_function_of_another_account_is_let_in_by_the_role_that_it_has(server: Server, deploy: Deploy) -> None:
    function, them = deploy(ECHO), client(server.endpoint, THEM)
    arn = server.client.get_function_configuration(FunctionName=function.name)["FunctionArn"]
    role, name = f"arn:aws:iam::{THEM}:role/visitor", f"visitor-of-{function.name}"
    them.create_function(
        FunctionName=name, Role=role, Code={"ZipFile": zip_of({"app.py": CALLER})}, Runtime=server.runtime,
        Handler="app.handler", Timeout=60, MemorySize=1769,
    )  # fmt: skip
    them.get_waiter("function_active_v2").wait(FunctionName=name)

    def visit() -> Any:
        return json.loads(them.invoke(FunctionName=name, Payload=json.dumps(arn))["Payload"].read())

    try:
        assert visit().startswith(f"User: arn:aws:sts::{THEM}:assumed-role/visitor/{name} is not authorized to perform")
        grant = {"FunctionName": function.name, "Action": "lambda:InvokeFunction"}
        server.client.add_permission(StatementId="other", Principal=f"{role}-2", **grant)
        assert "is not authorized" in visit()
        server.client.add_permission(StatementId="visitor", Principal=role, **grant)
        assert visit() == "from afar"
    finally:
        them.delete_function(FunctionName=name)


def test_a_deny_stops_warm_calls_of_ones_own_at_once_until_it_is_taken_back(server: Server, deploy: Deploy) -> None:
    function, ours = deploy(ECHO), server.client
    assert function.call(1).value == 1
    arn = ours.get_function_configuration(FunctionName=function.name)["FunctionArn"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    put = ours.put_resource_policy(ResourceArn=arn, Policy=policy)
    status, code, message = refusal(lambda: function.call(2))
    assert (status, code) == (403, "AccessDeniedException")
    assert message.endswith("with an explicit deny in a resource-based policy")
    ours.delete_resource_policy(ResourceArn=arn, RevisionId=put["RevisionId"])
    assert function.call(3).value == 3


def test_permissions_with_the_aws_cli(server: Server, deploy: Deploy, aws: Aws) -> None:
    name = deploy(ECHO).name
    added = aws(
        "lambda", "add-permission", "--function-name", name, "--statement-id", "sns", "--action",
        "lambda:InvokeFunction", "--principal", "sns.amazonaws.com", "--source-account", "000000000000",
        "--source-arn", "arn:aws:sns:us-east-1:000000000000:topic",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    policy = json.loads(server.client.get_policy(FunctionName=name)["Policy"])
    assert policy["Statement"] == [json.loads(json.loads(added.stdout)["Statement"])]
