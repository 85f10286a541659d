"""TenancyConfig: only at creation, shown wherever a function is, and not together with what tenants cannot have."""

import pytest
from control_client import RefusedError, creation

from lambent.control.documents import as_version

PER_TENANT = {"TenantIsolationMode": "PER_TENANT"}


@pytest.fixture
async def tenants(client):
    return await client.create(TenancyConfig=PER_TENANT)


async def refusal(call):
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value.status, caught.value.code, caught.value.message


async def test_it_is_shown_wherever_a_function_is(client, tenants):
    assert tenants["TenancyConfig"] == PER_TENANT
    published = await client("PublishVersion", FunctionName="hello")
    assert published["TenancyConfig"] == PER_TENANT
    for operation, parameters in (
        ("GetFunctionConfiguration", {}),
        ("UpdateFunctionConfiguration", {"Description": "new"}),
        ("GetFunctionConfiguration", {"Qualifier": "1"}),
    ):
        assert (await client(operation, FunctionName="hello", **parameters))["TenancyConfig"] == PER_TENANT
    assert (await client("ListFunctions"))["Functions"][0]["TenancyConfig"] == PER_TENANT


async def test_a_function_without_it_shows_nothing_of_it(client):
    assert "TenancyConfig" not in await client.create()


async def test_the_engine_knows(client, control, tenants):
    await client.create("other")
    account, region = tenants["FunctionArn"].split(":")[4], tenants["FunctionArn"].split(":")[3]
    assert as_version(control.functions.get_version(account, region, "hello")).per_tenant
    assert not as_version(control.functions.get_version(account, region, "other")).per_tenant


async def test_another_mode_is_refused_by_the_model(client):
    status, code, message = await refusal(
        client("CreateFunction", **creation(TenancyConfig={"TenantIsolationMode": "SHARED"}))
    )
    assert (status, code) == (400, "ValidationException")
    assert "tenancyConfig.tenantIsolationMode" in message
    assert "PER_TENANT" in message


async def test_tenants_have_no_snapshots(client, tenants):
    wanted = (
        400,
        "InvalidParameterValueException",
        "TenancyConfig is not supported for SnapStart enabled functions.",
    )
    both = creation("both", TenancyConfig=PER_TENANT, SnapStart={"ApplyOn": "PublishedVersions"})
    assert await refusal(client("CreateFunction", **both)) == wanted
    update = client(
        "UpdateFunctionConfiguration", FunctionName="hello", SnapStart={"ApplyOn": "PublishedVersions"}
    )  # fmt: skip
    assert await refusal(update) == wanted


async def test_tenants_have_no_provisioned_concurrency_and_no_url(client, tenants):
    await client("PublishVersion", FunctionName="hello")
    await client("CreateAlias", FunctionName="hello", Name="prod", FunctionVersion="1")
    for qualifier in ("1", "prod"):
        put = client(
            "PutProvisionedConcurrencyConfig", FunctionName="hello", Qualifier=qualifier,
            ProvisionedConcurrentExecutions=1,
        )  # fmt: skip
        assert await refusal(put) == (
            400,
            "InvalidParameterValueException",
            "Provisioned Concurrency is not supported for functions with tenant isolation.",
        )
    url = client("CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE")
    assert await refusal(url) == (
        400,
        "InvalidParameterValueException",
        "Function URLs are not supported for functions with tenant isolation.",
    )


async def test_no_queue_or_stream_names_tenants_so_none_is_mapped(client, tenants):
    mapping = client(
        "CreateEventSourceMapping", FunctionName="hello", EventSourceArn="arn:aws:sqs:eu-west-1:111111111111:queue"
    )  # fmt: skip
    assert await refusal(mapping) == (
        400,
        "InvalidParameterValueException",
        "Event source mappings are not supported for functions with tenant isolation.",
    )
