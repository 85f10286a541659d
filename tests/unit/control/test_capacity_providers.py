"""Capacity providers, which are kept and listed, and functions on them, which are refused (decision 0031)."""

import asyncio

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from control_client import ACCOUNT, REGION, RefusedError, creation

VPC = {"SubnetIds": ["subnet-0a"], "SecurityGroupIds": ["sg-0a"]}
OPERATOR = {"CapacityProviderOperatorRoleArn": f"arn:aws:iam::{ACCOUNT}:role/operator"}
CPU = {"PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 50.0}
MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")


def arn(name: str = "fleet", account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:lambda:{region}:{account}:capacity-provider:{name}"


async def create(client, name="fleet", **changes):
    given = {"CapacityProviderName": name, "VpcConfig": VPC, "PermissionsConfig": OPERATOR} | changes
    return (await client("CreateCapacityProvider", **given))["CapacityProvider"]


async def test_a_new_provider_shows_what_was_asked_for_with_the_defaults_of_aws(client):
    answer = await client(
        "CreateCapacityProvider", CapacityProviderName="fleet", VpcConfig=VPC, PermissionsConfig=OPERATOR
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    expected = {
        "CapacityProviderArn": arn(),
        "State": "Pending",
        "VpcConfig": VPC,
        "PermissionsConfig": OPERATOR,
        "InstanceRequirements": {"Architectures": ["x86_64"]},
        "CapacityProviderScalingConfig": {"MaxVCpuCount": 400, "ScalingMode": "Auto"},
        "LastModified": "2026-01-12T15:37:17.250+0000",
    }
    assert answer["CapacityProvider"] == expected
    found = (await client("GetCapacityProvider", CapacityProviderName="fleet"))["CapacityProvider"]
    assert found == expected | {"State": "Active"}
    assert (await client("GetCapacityProvider", CapacityProviderName=arn()))["CapacityProvider"] == found


async def test_every_member_that_the_model_has_is_kept_and_shown(client):
    asked = {
        "InstanceRequirements": {"Architectures": ["arm64"], "AllowedInstanceTypes": ["m7g.*"]},
        "CapacityProviderScalingConfig": {"MaxVCpuCount": 64, "ScalingMode": "Manual", "ScalingPolicies": [CPU]},
        "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
        "PropagateTags": {"Mode": "Explicit", "ExplicitTags": {"team": "blue"}},
        "TelemetryConfig": {"LoggingConfig": {"SystemLogLevel": "DEBUG", "LogGroup": "/fleet"}},
    }
    await create(client, **asked)
    found = (await client("GetCapacityProvider", CapacityProviderName="fleet"))["CapacityProvider"]
    assert asked.items() <= found.items()
    assert set(found) == set(MODEL.shape_for("CapacityProvider").members)


async def test_telemetry_without_a_log_group_goes_to_the_one_that_aws_names(client):
    provider = await create(client, TelemetryConfig={"LoggingConfig": {}})
    assert provider["TelemetryConfig"] == {
        "LoggingConfig": {"SystemLogLevel": "INFO", "LogGroup": "/aws/lambda/capacity-provider/fleet"}
    }


async def test_an_update_replaces_what_it_names_and_keeps_the_rest(client, clock):
    await create(client, PropagateTags={"Mode": "Explicit", "ExplicitTags": {"a": "1"}})
    clock.advance(60)
    answer = await client(
        "UpdateCapacityProvider", CapacityProviderName="fleet", CapacityProviderScalingConfig={"MaxVCpuCount": 8}
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    changed = answer["CapacityProvider"]
    assert changed["CapacityProviderScalingConfig"] == {"MaxVCpuCount": 8, "ScalingMode": "Auto"}
    assert changed["PropagateTags"] == {"Mode": "Explicit", "ExplicitTags": {"a": "1"}}
    assert changed["LastModified"] == "2026-01-12T15:38:17.250+0000"
    await client("UpdateCapacityProvider", CapacityProviderName="fleet", PropagateTags={"Mode": "None"})
    found = (await client("GetCapacityProvider", CapacityProviderName="fleet"))["CapacityProvider"]
    assert found["PropagateTags"] == {"Mode": "None"}
    assert found["CapacityProviderScalingConfig"]["MaxVCpuCount"] == 8


async def test_lists_go_on_where_they_stopped_and_stay_within_an_account_and_a_region(client):
    for name in ("c", "a", "b"):
        await create(client, name)
    await client(
        "CreateCapacityProvider", region="us-east-1",
        CapacityProviderName="elsewhere", VpcConfig=VPC, PermissionsConfig=OPERATOR,
    )  # fmt: skip
    first = await client("ListCapacityProviders", MaxItems=2)
    assert [each["CapacityProviderArn"] for each in first["CapacityProviders"]] == [arn("a"), arn("b")]
    rest = await client("ListCapacityProviders", MaxItems=2, Marker=first["NextMarker"])
    assert [each["CapacityProviderArn"] for each in rest["CapacityProviders"]] == [arn("c")]
    assert "NextMarker" not in rest
    with pytest.raises(RefusedError, match="Invalid pagination token"):
        await client("ListCapacityProviders", Marker=first["NextMarker"][:-4] + "AAAA")


async def test_lists_are_filtered_by_state(client):
    await create(client)
    assert len((await client("ListCapacityProviders", State="Active"))["CapacityProviders"]) == 1
    assert (await client("ListCapacityProviders", State="Failed"))["CapacityProviders"] == []


async def test_a_deleted_provider_is_gone_and_its_name_is_free(client):
    await create(client)
    answer = await client("DeleteCapacityProvider", CapacityProviderName="fleet")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["CapacityProvider"]["State"] == "Deleting"
    for operation in ("GetCapacityProvider", "DeleteCapacityProvider", "UpdateCapacityProvider"):
        with pytest.raises(RefusedError) as refused:
            await client(operation, CapacityProviderName="fleet")
        assert (refused.value.status, refused.value.code) == (404, "ResourceNotFoundException")
        assert refused.value.message == f"Capacity provider not found: {arn()}"
    await create(client)


async def test_no_function_version_is_ever_on_a_provider(client):
    await create(client)
    answer = await client("ListFunctionVersionsByCapacityProvider", CapacityProviderName="fleet")
    assert (answer["CapacityProviderArn"], answer["FunctionVersions"]) == (arn(), [])
    with pytest.raises(RefusedError, match="Capacity provider not found"):
        await client("ListFunctionVersionsByCapacityProvider", CapacityProviderName="nobody")


async def test_providers_have_tags(client):
    await create(client, Tags={"a": "1"})
    await client("TagResource", Resource=arn(), Tags={"b": "2"})
    assert (await client("ListTags", Resource=arn()))["Tags"] == {"a": "1", "b": "2"}
    await client("UntagResource", Resource=arn(), TagKeys=["a"])
    assert (await client("ListTags", Resource=arn()))["Tags"] == {"b": "2"}
    with pytest.raises(RefusedError, match="Number of tags exceeds"):
        await client("TagResource", Resource=arn(), Tags={f"tag{number}": "" for number in range(50)})
    for operation, more in (
        ("ListTags", {}),
        ("TagResource", {"Tags": {"a": "1"}}),
        ("UntagResource", {"TagKeys": ["a"]}),
    ):
        with pytest.raises(RefusedError, match="Capacity provider not found"):
            await client(operation, Resource=arn("nobody"), **more)


async def test_tags_given_at_once_are_all_kept(client):
    await create(client)
    await asyncio.gather(*(client("TagResource", Resource=arn(), Tags={f"tag{n}": "x"}) for n in range(10)))
    assert len((await client("ListTags", Resource=arn()))["Tags"]) == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"CapacityProviderScalingConfig": {"ScalingMode": "Auto", "ScalingPolicies": [CPU]}},
            "A scaling policy can't be specified when the scalingMode is set to Auto",
        ),
        (
            {"CapacityProviderScalingConfig": {"ScalingMode": "Manual"}},
            "A scaling policy must be specified when the scalingMode is set to Manual",
        ),
        (
            {"InstanceRequirements": {"AllowedInstanceTypes": ["m7i.*"], "ExcludedInstanceTypes": ["c7i.*"]}},
            "AllowedInstanceTypes and ExcludedInstanceTypes can't be specified together",
        ),
        (
            {"PropagateTags": {"Mode": "Explicit"}},
            "ExplicitTags must be specified if, and only if, the Mode is set to Explicit",
        ),
        ({"Tags": {f"tag{number}": "" for number in range(51)}}, "Number of tags exceeds resource tag limit."),
        (
            {"CapacityProviderScalingConfig": {"MaxVCpuCount": 1}},
            "1 validation error detected: Value '1' at 'capacityProviderScalingConfig.maxVCpuCount' failed to satisfy "
            "constraint: Member must have value greater than or equal to 2",
        ),
    ],
)  # fmt: skip
async def test_what_contradicts_itself_is_refused_and_nothing_is_kept(client, changes, message):
    with pytest.raises(RefusedError) as refused:
        await create(client, **changes)
    assert (refused.value.status, refused.value.message) == (400, message)
    assert (await client("ListCapacityProviders"))["CapacityProviders"] == []


async def test_a_name_is_taken_once_and_belongs_to_whoever_asks(client):
    await create(client)
    with pytest.raises(RefusedError) as refused:
        await create(client)
    assert (refused.value.status, refused.value.code) == (409, "ResourceConflictException")
    assert refused.value.message == f"Capacity provider already exists: {arn()}"
    with pytest.raises(RefusedError, match="in the account and the Region of the request"):
        await create(client, arn(account="222222222222"))
    with pytest.raises(RefusedError, match="Capacity provider not found: arn:aws:lambda:us-east-1"):
        await client("GetCapacityProvider", CapacityProviderName=arn(region="us-east-1"))


async def test_a_function_on_a_provider_is_refused_in_a_sentence_that_says_why(client):
    await create(client)
    config = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn()}}
    with pytest.raises(RefusedError) as refused:
        await client("CreateFunction", **creation(CapacityProviderConfig=config))
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameterValueException")
    assert refused.value.message == (
        f"Lambent cannot run a function on the capacity provider {arn()}: it runs functions on this machine and starts "
        "no EC2 instances. Remove CapacityProviderConfig from the request and try again."
    )
    config = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn("nobody")}}
    with pytest.raises(RefusedError, match="Capacity provider not found") as refused:
        await client("CreateFunction", **creation(CapacityProviderConfig=config))
    assert refused.value.status == 404
    assert (await client("ListFunctions"))["Functions"] == []


async def test_a_function_cannot_be_moved_to_a_provider(client):
    await create(client)
    await client.create()
    config = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn()}}
    with pytest.raises(RefusedError) as refused:
        await client("UpdateFunctionConfiguration", FunctionName="hello", CapacityProviderConfig=config)
    assert refused.value.message == "CapacityProviderConfig isn't supported for Lambda Default functions."


async def test_scaling_of_a_function_that_is_on_no_provider_is_refused_after_the_request_is_checked(client):
    await client.create(Publish=True)

    async def refusal(name="hello", qualifier="1", **bounds):
        with pytest.raises(RefusedError) as refused:
            await client(
                "PutFunctionScalingConfig", FunctionName=name, Qualifier=qualifier, FunctionScalingConfig=bounds
            )
        return refused.value.status, refused.value.message

    right = {"MinExecutionEnvironments": 1, "MaxExecutionEnvironments": 2}
    status, message = await refusal(**right)
    assert (status, message.split(".")[0]) == (
        400, "FunctionScalingConfig isn't supported for Lambda Default functions",
    )  # fmt: skip
    assert "PutProvisionedConcurrencyConfig" in message
    assert (await refusal(MinExecutionEnvironments=3, MaxExecutionEnvironments=2))[1].startswith(
        "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments"
    )
    assert (await refusal(MinExecutionEnvironments=0, MaxExecutionEnvironments=2))[1].startswith(
        "MinExecutionEnvironments can be 0 only if"
    )
    assert await refusal("nobody", **right) == (
        404, f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:nobody:1",
    )  # fmt: skip
    assert (await refusal(qualifier="2", **right))[0] == 404
    assert (await refusal(qualifier="$LATEST.PUBLISHED", **right))[0] == 404
    assert (await refusal(qualifier="prod", **right))[1].startswith("1 validation error detected: Value 'prod'")


async def test_nothing_is_scaled_so_nothing_is_shown(client):
    await client.create(Publish=True)
    answer = await client("GetFunctionScalingConfig", FunctionName="hello", Qualifier="1")
    assert answer == {
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello:1",
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }
