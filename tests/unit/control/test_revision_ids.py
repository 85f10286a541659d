"""RevisionId, wherever the service model takes it: a stale one changes nothing, and of two requests with the same one
only one is carried out."""

import asyncio
import json
from typing import Any

import pytest
from control_client import MODEL, RefusedError, function_arn, make_zip

STALE = "11111111-2222-3333-4444-555555555555"
LET_IN = {"StatementId": "more", "Action": "lambda:InvokeFunction", "Principal": "222222222222"}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "other", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
         "Action": "lambda:InvokeFunction", "Resource": function_arn()},
    ],
}  # fmt: skip

# Operation -> (its parameters, whose revision it takes)
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "AddLayerVersionPermission": (
        {"LayerName": "tools", "VersionNumber": 1, "StatementId": "more", "Principal": "*",
         "Action": "lambda:GetLayerVersion"}, "layer",
    ),
    "AddPermission": ({"FunctionName": "hello", **LET_IN}, "policy"),
    "DeleteResourcePolicy": ({"ResourceArn": function_arn()}, "policy"),
    "PublishVersion": ({"FunctionName": "hello", "Description": "new"}, "function"),
    "PutResourcePolicy": ({"ResourceArn": function_arn(), "Policy": POLICY}, "policy"),
    "RemoveLayerVersionPermission": ({"LayerName": "tools", "VersionNumber": 1, "StatementId": "first"}, "layer"),
    "RemovePermission": ({"FunctionName": "hello", "StatementId": "first"}, "policy"),
    "UpdateAlias": ({"FunctionName": "hello", "Name": "live", "Description": "new"}, "alias"),
    "UpdateFunctionCode": ({"FunctionName": "hello", "ZipFile": make_zip("new")}, "function"),
    "UpdateFunctionConfiguration": ({"FunctionName": "hello", "Timeout": 9}, "function"),
}  # fmt: skip


@pytest.fixture
async def house(client):
    await client.create(Publish=True)
    await client("UpdateFunctionConfiguration", FunctionName="hello", Description="changed since")
    await client.control.settled()
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1")
    await client("PublishLayerVersion", LayerName="tools", Content={"ZipFile": make_zip()})
    grant = {"StatementId": "first", "Principal": "222222222222", "Action": "lambda:GetLayerVersion"}
    await client("AddLayerVersionPermission", LayerName="tools", VersionNumber=1, **grant)
    await client("AddPermission", FunctionName="hello", **(LET_IN | {"StatementId": "first"}))
    return client


async def ask(client, operation: str, revision: str) -> Any:
    parameters = ASKED[operation][0]
    if "Policy" in parameters:
        parameters = parameters | {"Policy": json.dumps(parameters["Policy"])}
    return await client(operation, **parameters, RevisionId=revision)


async def revision_of(client, what: str) -> str:
    if what == "layer":
        return str((await client("GetLayerVersionPolicy", LayerName="tools", VersionNumber=1))["RevisionId"])
    if what == "alias":
        return str((await client("GetAlias", FunctionName="hello", Name="live"))["RevisionId"])
    if what == "policy":
        return str((await client("GetPolicy", FunctionName="hello"))["RevisionId"])
    return str((await client("GetFunctionConfiguration", FunctionName="hello"))["RevisionId"])


async def state(client) -> list[Any]:
    return [
        await client("ListVersionsByFunction", FunctionName="hello"),
        await client("GetPolicy", FunctionName="hello"),
        await client("ListAliases", FunctionName="hello"),
        await client("GetLayerVersionPolicy", LayerName="tools", VersionNumber=1),
    ]


def test_every_operation_of_the_model_that_takes_one_is_here():
    takes = {
        name
        for name in MODEL.operation_names
        if (shape := MODEL.operation_model(name).input_shape) and "RevisionId" in shape.members
    }
    assert takes == set(ASKED)


@pytest.mark.parametrize("operation", ASKED)
async def test_a_stale_revision_changes_nothing(house, operation):
    before = await state(house)
    with pytest.raises(RefusedError, match="The Revision Id provided does not match the latest Revision Id") as caught:
        await ask(house, operation, STALE)
    assert (caught.value.status, caught.value.code) == (412, "PreconditionFailedException")
    await house.control.settled()
    assert await state(house) == before


@pytest.mark.parametrize("operation", ASKED)
async def test_of_two_at_once_with_the_latest_revision_one_is_carried_out(house, operation):
    latest = await revision_of(house, ASKED[operation][1])
    both = await asyncio.gather(*(ask(house, operation, latest) for _ in range(2)), return_exceptions=True)
    refused = [answer for answer in both if isinstance(answer, RefusedError)]
    if operation == "PublishVersion" and not refused:  # the same code twice is the same version
        assert both[0]["Version"] == both[1]["Version"] == "2"
        return
    assert len(refused) == 1, both
    # One that is being changed answers 409 rather than 412, and a statement that is gone 404.
    assert refused[0].status in (404, 409, 412)
    await house.control.settled()
