"""VpcConfig as CreateFunction and UpdateFunctionConfiguration take, keep and show it."""

import pytest
from control_client import ACCOUNT, REGION, RefusedError, creation

from lambent.control.vpc import vpc_id

VPC = {"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-01"]}
SHOWN = VPC | {"VpcId": vpc_id(ACCOUNT, REGION), "Ipv6AllowedForDualStack": False}


async def test_a_vpc_is_kept_and_shown_with_its_id(client):
    created = await client("CreateFunction", **creation(VpcConfig=VPC))
    found = await client("GetFunctionConfiguration", FunctionName=created["FunctionName"])

    assert created["VpcConfig"] == found["VpcConfig"] == SHOWN


async def test_the_id_of_a_vpc_is_one_for_each_account_and_region():
    ids = {vpc_id(account, region) for account in ("1" * 12, "2" * 12) for region in ("us-east-1", "eu-west-1")}
    assert len(ids) == 4
    assert all(each.startswith("vpc-") and len(each) == 21 for each in ids)
    assert vpc_id("1" * 12, "us-east-1") in ids


@pytest.mark.parametrize("given", [{"SubnetIds": ["subnet-0a"]}, {"SecurityGroupIds": ["sg-01"], "SubnetIds": []}])
async def test_subnets_and_security_groups_come_together(client, given):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(VpcConfig=given))
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    assert caught.value.message == "SubnetIds and SecurityIds must coexist or be both empty list."


async def test_a_function_enters_and_leaves_a_vpc_by_updates(client):
    name = (await client("CreateFunction", **creation()))["FunctionName"]
    await client.control.settled()

    entered = await client("UpdateFunctionConfiguration", FunctionName=name, VpcConfig=VPC)
    await client.control.settled()
    untouched = await client("UpdateFunctionConfiguration", FunctionName=name, Timeout=9)
    await client.control.settled()
    left = await client(
        "UpdateFunctionConfiguration", FunctionName=name, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}
    )

    assert entered["VpcConfig"] == untouched["VpcConfig"] == SHOWN
    nothing = {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
    assert left["VpcConfig"] == nothing


async def test_the_engine_is_told_which_subnets_a_version_is_in(client):
    created = await client("CreateFunction", **creation(VpcConfig=VPC))
    await client.control.settled()

    assert client.control.capacity.prepared[-1].name == created["FunctionName"]
    assert client.control.capacity.prepared[-1].subnets == ("subnet-0a", "subnet-0b")
