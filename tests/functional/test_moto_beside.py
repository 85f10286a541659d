"""Services that are not ours, through moto, as clients and functions see them."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import Function, Server, client

READER = """
    import boto3

    def handler(event, context):
        return boto3.client("ssm").get_parameter(Name=event["name"], WithDecryption=True)["Parameter"]["Value"]
"""


def test_a_function_reads_a_parameter_that_a_client_has_put(server: Server, deploy: Callable[..., Function]) -> None:
    name = f"/for/{uuid.uuid4().hex}"
    ssm = client(server.endpoint, service="ssm")
    ssm.put_parameter(Name=name, Value="säcret", Type="SecureString")
    answer = deploy(READER).call({"name": name})
    assert (answer.value, answer.error) == ("säcret", None)


def test_each_account_and_each_region_has_its_own(server: Server) -> None:
    name = f"secret-{uuid.uuid4().hex}"
    made = client(server.endpoint, "111122223333", "eu-west-1", service="secretsmanager")
    assert made.create_secret(Name=name, SecretString="x")["ARN"].startswith(
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:secret-"
    )
    for other in (("444455556666", "eu-west-1"), ("111122223333", "us-east-1")):
        with pytest.raises(ClientError) as caught:
            client(server.endpoint, *other, service="secretsmanager").get_secret_value(SecretId=name)
        assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert made.get_secret_value(SecretId=name)["SecretString"] == "x"


def test_a_table_keeps_items_and_conditions(server: Server) -> None:
    dynamodb, name = client(server.endpoint, service="dynamodb"), f"table-{uuid.uuid4().hex}"
    dynamodb.create_table(
        TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    put: dict[str, Any] = {"TableName": name, "Item": {"id": {"S": "ä"}, "n": {"N": "1"}}}
    dynamodb.put_item(**put)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(**put, ConditionExpression="attribute_not_exists(id)")
    assert dynamodb.get_item(TableName=name, Key={"id": {"S": "ä"}})["Item"] == put["Item"]


def test_other_services_say_that_they_are_not_built(server: Server) -> None:
    with pytest.raises(ClientError) as caught:
        client(server.endpoint, service="cloudformation").list_stacks()
    assert caught.value.response["Error"]["Code"] == "NotImplementedException"
    assert "cloudformation:ListStacks is not built yet" in caught.value.response["Error"]["Message"]


def test_nothing_is_brought_in_before_the_first_call_and_then_the_log_warns(
    serve: Callable[..., Server],
) -> None:
    server = serve()
    assert "moto" not in server.said()
    client(server.endpoint, service="iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    assert "moto answers iam from now on: NOTHING of that is kept when this server ends" in server.said()
