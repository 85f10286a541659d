"""When the runtime of a version may be replaced. Source of shapes: "Configuring Lambda runtime management settings",
AWS Lambda Developer Guide."""

import pytest
from control_client import REGION, RefusedError, creation, function_arn

from lambent.arns import runtime_version_arn

OURS = runtime_version_arn("python3.13", REGION)
AWSS = f"arn:aws:lambda:{REGION}::runtime:8eeff65f6809a3ce81507fe733fe09b835899b99481ba22fd75b5a7338290ec1"


async def get(client, **qualifier):
    answer = await client("GetRuntimeManagementConfig", FunctionName="hello", **qualifier)
    del answer["ResponseMetadata"]
    return answer


async def put(client, on, **more):
    answer = await client("PutRuntimeManagementConfig", FunctionName="hello", UpdateRuntimeOn=on, **more)
    del answer["ResponseMetadata"]
    return answer


async def test_a_function_is_on_auto_until_something_else_is_said(client):
    await client.create()
    auto = {"UpdateRuntimeOn": "Auto", "FunctionArn": function_arn()}
    assert await get(client) == auto
    updating = {"UpdateRuntimeOn": "FunctionUpdate", "FunctionArn": function_arn()}
    assert await put(client, "FunctionUpdate") == updating == await get(client)
    assert await put(client, "Auto") == auto == await get(client)


async def test_manual_names_the_build_that_get_function_shows(client):
    await client.create()
    shown = (await client("GetFunctionConfiguration", FunctionName="hello"))["RuntimeVersionConfig"]
    assert shown == {"RuntimeVersionArn": OURS}
    manual = {"UpdateRuntimeOn": "Manual", "FunctionArn": function_arn(), "RuntimeVersionArn": OURS}
    assert await put(client, "Manual", RuntimeVersionArn=OURS) == manual == await get(client)


async def test_each_version_has_its_own(client):
    await client.create()
    await put(client, "FunctionUpdate")
    await client("PublishVersion", FunctionName="hello")
    assert await get(client, Qualifier="1") == {"UpdateRuntimeOn": "Auto", "FunctionArn": function_arn(qualifier="1")}
    await put(client, "Manual", RuntimeVersionArn=OURS, Qualifier="1")
    assert (await get(client, Qualifier="1"))["UpdateRuntimeOn"] == "Manual"
    assert (await get(client, Qualifier="$LATEST"))["FunctionArn"] == function_arn(qualifier="$LATEST")
    assert (await get(client))["UpdateRuntimeOn"] == "FunctionUpdate"


async def test_what_was_said_goes_with_its_function(client):
    await client.create()
    await put(client, "FunctionUpdate")
    await client("DeleteFunction", FunctionName="hello")
    await client.create()
    assert (await get(client))["UpdateRuntimeOn"] == "Auto"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"UpdateRuntimeOn": "Manual"}, "RuntimeVersionArn is required when UpdateRuntimeOn is Manual."),
        ({"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": OURS}, "only when UpdateRuntimeOn is Manual."),
        ({"UpdateRuntimeOn": "FunctionUpdate", "RuntimeVersionArn": OURS}, "only when UpdateRuntimeOn is Manual."),
        ({"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": AWSS}, f"build of each runtime, and this one's is {OURS}"),
        ({"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": OURS.replace(REGION, "us-east-1")}, "does not exist"),
        ({"UpdateRuntimeOn": "Auto", "Qualifier": "live"}, "live is an alias"),
    ],
)  # fmt: skip
async def test_what_could_not_be_kept_is_refused(client, asked, sentence):
    await client.create(Publish=True)
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1")
    with pytest.raises(RefusedError) as caught:
        await client("PutRuntimeManagementConfig", FunctionName="hello", **asked)
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    assert sentence in caught.value.message
    assert (await get(client))["UpdateRuntimeOn"] == "Auto"


@pytest.mark.parametrize("qualifier", ["7", "$LATEST.PUBLISHED"])
async def test_a_version_that_is_not_there_is_not_found(client, qualifier):
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await get(client, Qualifier=qualifier)
    assert (caught.value.status, caught.value.message) == (
        404,
        f"Function not found: {function_arn(qualifier=qualifier)}",
    )


async def test_a_function_that_is_being_changed_is_left_alone(client, capacity):
    capacity.hold()
    await client("CreateFunction", **creation())
    with pytest.raises(RefusedError) as caught:
        await put(client, "FunctionUpdate")
    assert caught.value.code == "ResourceConflictException"
    capacity.let_go()
