"""What one account has in one region is nowhere else: every operation that reads or changes something by its name is
tried from another account and from another region."""

import json
from typing import Any

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn, make_zip
from mapping_samples import REQUESTS

from lambent.control.registry import operations

NAME = "isolated-thing"
ELSEWHERE = [("222222222222", REGION), (ACCOUNT, "us-west-2")]
LAYER_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{NAME}"
FUNCTION: dict[str, Any] = {"FunctionName": NAME}
ALIAS = {**FUNCTION, "Qualifier": "live"}
# Reads of something by its name: 404 elsewhere.
READS: dict[str, dict[str, Any]] = {
    "GetAlias": {**FUNCTION, "Name": "live"},
    "GetCapacityProvider": {"CapacityProviderName": NAME},
    "GetFunction": FUNCTION,
    "GetFunctionCodeSigningConfig": FUNCTION,
    "GetFunctionConcurrency": FUNCTION,
    "GetFunctionConfiguration": ALIAS,
    "GetFunctionEventInvokeConfig": FUNCTION,
    "GetFunctionRecursionConfig": FUNCTION,
    "GetFunctionScalingConfig": {**FUNCTION, "Qualifier": "1"},
    "GetFunctionUrlConfig": FUNCTION,
    "GetLayerVersion": {"LayerName": NAME, "VersionNumber": 1},
    "GetLayerVersionPolicy": {"LayerName": NAME, "VersionNumber": 1},
    "GetPolicy": FUNCTION,
    "GetProvisionedConcurrencyConfig": ALIAS,
    "GetRuntimeManagementConfig": FUNCTION,
    "ListAliases": FUNCTION,
    "ListDurableExecutionsByFunction": FUNCTION,
    "ListFunctionEventInvokeConfigs": FUNCTION,
    "ListFunctionUrlConfigs": FUNCTION,
    "ListFunctionVersionsByCapacityProvider": {"CapacityProviderName": NAME},
    "ListProvisionedConcurrencyConfigs": FUNCTION,
    "ListVersionsByFunction": FUNCTION,
}  # fmt: skip
# Lists of whatever there is: nothing of it elsewhere.
LISTS: dict[str, dict[str, Any]] = {
    "GetAccountSettings": {},
    "ListCapacityProviders": {},
    "ListCodeSigningConfigs": {},
    "ListEventSourceMappings": {},
    "ListFunctions": {"FunctionVersion": "ALL"},
    "ListLayerVersions": {"LayerName": NAME},
    "ListLayers": {},
}
# Those that take nothing but an ARN or an id, which say where the thing is: they have tests of their own, and the UUID
# of a mapping is below.
BY_ARN = {
    "GetCodeSigningConfig", "GetDurableExecution", "GetDurableExecutionHistory", "GetDurableExecutionState",
    "GetEventSourceMapping", "GetLayerVersionByArn", "GetResourcePolicy", "ListFunctionsByCodeSigningConfig",
    "ListTags",
}  # fmt: skip
WRITES: dict[str, dict[str, Any]] = {
    "AddPermission": {**FUNCTION, "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"},
    "CreateAlias": {**FUNCTION, "Name": "other", "FunctionVersion": "1"},
    "CreateFunctionUrlConfig": {**FUNCTION, "AuthType": "NONE"},
    "DeleteAlias": {**FUNCTION, "Name": "live"},
    "DeleteCapacityProvider": {"CapacityProviderName": NAME},
    "DeleteFunction": FUNCTION,
    "DeleteFunctionConcurrency": FUNCTION,
    "DeleteFunctionEventInvokeConfig": FUNCTION,
    "DeleteFunctionUrlConfig": FUNCTION,
    "DeleteLayerVersion": {"LayerName": NAME, "VersionNumber": 1},
    "DeleteProvisionedConcurrencyConfig": ALIAS,
    "PublishVersion": FUNCTION,
    "PutFunctionConcurrency": {**FUNCTION, "ReservedConcurrentExecutions": 5},
    "PutFunctionEventInvokeConfig": {**FUNCTION, "MaximumRetryAttempts": 0},
    "PutFunctionRecursionConfig": {**FUNCTION, "RecursiveLoop": "Allow"},
    "PutProvisionedConcurrencyConfig": {**ALIAS, "ProvisionedConcurrentExecutions": 1},
    "RemovePermission": {**FUNCTION, "StatementId": "first"},
    "UpdateAlias": {**FUNCTION, "Name": "live", "Description": "mine now"},
    "UpdateFunctionCode": {**FUNCTION, "ZipFile": make_zip("other = 1\n")},
    "UpdateFunctionConfiguration": {**FUNCTION, "Description": "mine now"},
    "UpdateFunctionEventInvokeConfig": {**FUNCTION, "MaximumRetryAttempts": 0},
    "UpdateFunctionUrlConfig": {**FUNCTION, "AuthType": "NONE"},
}


@pytest.fixture
async def mapping(client) -> str:
    """One of everything in ACCOUNT and REGION; the UUID of its event source mapping."""
    await client.create(NAME, Publish=True)
    await client("CreateAlias", **FUNCTION, Name="live", FunctionVersion="1")
    await client("PutFunctionConcurrency", **FUNCTION, ReservedConcurrentExecutions=9)
    await client("PutProvisionedConcurrencyConfig", **ALIAS, ProvisionedConcurrentExecutions=1)
    await client("PutFunctionEventInvokeConfig", **FUNCTION, MaximumRetryAttempts=1)
    await client("CreateFunctionUrlConfig", **FUNCTION, AuthType="AWS_IAM")
    await client("AddPermission", **FUNCTION, StatementId="first", Action="lambda:InvokeFunction", Principal=ACCOUNT)
    await client("PublishLayerVersion", LayerName=NAME, Content={"ZipFile": make_zip()})
    await client(
        "CreateCapacityProvider", CapacityProviderName=NAME,
        VpcConfig={"SubnetIds": ["subnet-0a"], "SecurityGroupIds": ["sg-0a"]},
        PermissionsConfig={"CapacityProviderOperatorRoleArn": f"arn:aws:iam::{ACCOUNT}:role/operator"},
    )  # fmt: skip
    made = await client("CreateEventSourceMapping", **FUNCTION, **REQUESTS["kinesis"])
    return str(made["UUID"])


async def everything(client) -> str:
    """All that can be read of it where it is."""
    found = [await client(name, **asked) for name, asked in {**READS, **LISTS}.items() if await _there(client, name)]
    return json.dumps(found, sort_keys=True, default=str)


async def _there(client, name: str) -> bool:
    try:
        await client(name, **{**READS, **LISTS}[name])
    except RefusedError:
        return False
    return True


async def _said(client, name: str, account: str, region: str, asked: dict[str, Any]) -> str:
    """The code of the refusal, or else what was answered."""
    try:
        return str(await client(name, account=account, region=region, **asked))
    except RefusedError as error:
        return error.code


def test_every_operation_that_reads_is_tried_here() -> None:
    reads = {name for name in operations if name.startswith(("Get", "List"))}

    assert reads - set(READS) - set(LISTS) - BY_ARN == set(), "add a row for these, above"


@pytest.mark.parametrize(("account", "region"), ELSEWHERE, ids=["another account", "another region"])
async def test_nothing_is_found_or_changed_from_elsewhere(client, mapping: str, account: str, region: str) -> None:
    before = await everything(client)

    tried = {name: asked for name, asked in {**READS, **WRITES}.items() if name in operations}
    answers = {name: await _said(client, name, account, region, asked) for name, asked in tried.items()}
    del answers["DeleteLayerVersion"]  # 204 whether there is one or not, as on AWS
    assert {name: said for name, said in answers.items() if said != "ResourceNotFoundException"} == {}
    for name, asked in LISTS.items():
        if name in operations:
            found = await client(name, account=account, region=region, **asked)
            assert NAME not in json.dumps(found, default=str), name
    with pytest.raises(RefusedError, match="ResourceNotFoundException"):
        await client("GetEventSourceMapping", account=account, region=region, UUID=mapping)
    with pytest.raises(RefusedError, match="ResourceNotFoundException"):
        await client("DeleteEventSourceMapping", account=account, region=region, UUID=mapping)
    usage = await client("GetAccountSettings", account=account, region=region)
    assert usage["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    assert usage["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000

    assert NAME in before
    assert await everything(client) == before


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("GetFunction", {"FunctionName": function_arn(NAME)}),
        ("UpdateFunctionConfiguration", {"FunctionName": function_arn(NAME), "Description": "mine now"}),
        ("DeleteFunction", {"FunctionName": function_arn(NAME)}),
        ("ListTags", {"Resource": function_arn(NAME)}),
        ("TagResource", {"Resource": function_arn(NAME), "Tags": {"a": "b"}}),
        ("GetResourcePolicy", {"ResourceArn": function_arn(NAME)}),
        ("GetLayerVersionByArn", {"Arn": f"{LAYER_ARN}:1"}),
    ],
)
async def test_an_arn_of_another_account_opens_nothing(client, mapping, operation: str, asked: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        await client(operation, account="222222222222", **asked)

    assert caught.value.status in (403, 404)


async def test_the_same_name_is_free_elsewhere(client, mapping) -> None:
    for account, region in ELSEWHERE:
        made = await client(
            "CreateFunction", account=account, region=region, FunctionName=NAME, Runtime="python3.13",
            Role=f"arn:aws:iam::{account}:role/r", Handler="app.handler", Code={"ZipFile": make_zip()},
        )  # fmt: skip
        assert made["FunctionArn"] == f"arn:aws:lambda:{region}:{account}:function:{NAME}"
        await client.control.settled()
        await client("DeleteFunction", account=account, region=region, FunctionName=NAME)

    assert (await client("GetFunction", FunctionName=NAME))["Configuration"]["FunctionArn"] == function_arn(NAME)
