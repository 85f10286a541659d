"""Qualifiers, wherever the service model takes them: as a parameter, or behind the function's name, and never two."""

from typing import Any

import pytest
from control_client import MODEL, RefusedError, function_arn

LET_IN = {"StatementId": "more", "Action": "lambda:InvokeFunction", "Principal": "222222222222"}
# What else each operation must have. Not here: those of other parts of the house.
ASKED: dict[str, dict[str, Any]] = {
    "AddPermission": LET_IN,
    "CreateFunctionUrlConfig": {"AuthType": "AWS_IAM"},
    "DeleteFunction": {},
    "DeleteFunctionEventInvokeConfig": {},
    "DeleteFunctionUrlConfig": {},
    "DeleteProvisionedConcurrencyConfig": {},
    "GetFunction": {},
    "GetFunctionConfiguration": {},
    "GetFunctionEventInvokeConfig": {},
    "GetFunctionScalingConfig": {},
    "GetFunctionUrlConfig": {},
    "GetPolicy": {},
    "GetProvisionedConcurrencyConfig": {},
    "GetRuntimeManagementConfig": {},
    "PutFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
    "PutFunctionScalingConfig": {},
    "PutProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1},
    "PutRuntimeManagementConfig": {"UpdateRuntimeOn": "Auto"},
    "RemovePermission": {"StatementId": "more"},
    "UpdateFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
    "UpdateFunctionUrlConfig": {"AuthType": "AWS_IAM"},
}
ELSEWHERE = {"Invoke", "InvokeWithResponseStream", "ListDurableExecutionsByFunction"}
NAMES = ("hello:{}", "111111111111:function:hello:{}", "arn:aws:lambda:eu-west-1:111111111111:function:hello:{}")
READS = ("GetFunction", "GetFunctionConfiguration", "GetRuntimeManagementConfig")


@pytest.fixture
async def house(client):
    await client.create(Publish=True)
    await client("UpdateFunctionConfiguration", FunctionName="hello", Description="changed since")
    await client.control.settled()
    await client("PublishVersion", FunctionName="hello")
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1")
    return client


def test_every_operation_of_the_model_that_takes_one_is_here():
    takes = {
        name
        for name in MODEL.operation_names
        if (shape := MODEL.operation_model(name).input_shape) and "Qualifier" in shape.members
    }
    assert takes == set(ASKED) | ELSEWHERE


@pytest.mark.parametrize("operation", ASKED)
async def test_two_different_ones_are_refused(house, operation):
    with pytest.raises(RefusedError) as caught:
        await house(operation, FunctionName="hello:1", Qualifier="live", **ASKED[operation])
    assert caught.value.status == 400
    if _takes_bare_names_only(operation):
        assert "Value 'hello:1' at 'functionName' failed to satisfy constraint" in caught.value.message
        return
    assert (caught.value.code, caught.value.message) == (
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


def _takes_bare_names_only(operation: str) -> bool:
    """Does the service model leave no place for a qualifier behind the name?"""
    shape = MODEL.operation_model(operation).input_shape
    return "LATEST" not in shape.members["FunctionName"].metadata["pattern"]


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("qualifier", ["1", "2", "$LATEST"])
async def test_one_behind_the_name_is_the_same_as_one_beside_it(house, operation, qualifier):
    beside = await house(operation, FunctionName="hello", Qualifier=qualifier)
    shown = beside.get("Configuration", beside)
    assert shown["FunctionArn"] == function_arn(qualifier=qualifier)
    for name in NAMES:
        assert await house(operation, FunctionName=name.format(qualifier)) == beside
        assert await house(operation, FunctionName=name.format(qualifier), Qualifier=qualifier) == beside


@pytest.mark.parametrize("operation", ASKED)
@pytest.mark.parametrize("qualifier", ["7", "nobody"])
async def test_one_that_is_not_there_is_found_nowhere(house, operation, qualifier):
    if (operation, qualifier) == ("DeleteFunction", "7"):  # what is not there counts as deleted
        await house(operation, FunctionName="hello", Qualifier=qualifier)
        return
    with pytest.raises(RefusedError) as caught:
        await house(operation, FunctionName="hello", Qualifier=qualifier, **ASKED[operation])
    assert caught.value.status in (400, 404)
    assert caught.value.code in ("ResourceNotFoundException", "InvalidParameterValueException", "ValidationException")
