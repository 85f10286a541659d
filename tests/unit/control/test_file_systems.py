"""FileSystemConfigs in the control plane. Sources of AWS's words: cfn-lint pull request 4408, chalice issue 1453."""

import pytest
from control_client import RefusedError, creation
from msgspec.structs import replace

from lambent.control.documents import as_version

POINT = "arn:aws:elasticfilesystem:eu-west-1:111111111111:access-point/fsap-0123456789abcdef0"
OF_S3 = f"arn:aws:s3files:eu-west-1:111111111111:file-system/fs-{'0' * 17}/access-point/fsap-{'1' * 17}"
VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}


def at(path: str = "/mnt/data", arn: str = POINT, **more) -> list:
    return [{"Arn": arn, "LocalMountPath": path, **more}]


@pytest.fixture(autouse=True)
def points(control):
    control.settings = replace(control.settings, file_systems=f"{POINT}=/srv/one, {OF_S3}=/srv/two")


async def update(client, **changes):
    answer = await client("UpdateFunctionConfiguration", FunctionName="hello", **changes)
    await client.control.settled()
    return answer


async def refused(work) -> str:
    with pytest.raises(RefusedError) as caught:
        await work
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    return caught.value.message


async def test_a_file_system_is_shown_and_handed_to_the_engine(client, control):
    answer = await client.create(FileSystemConfigs=at(), VpcConfig=VPC)
    assert answer["FileSystemConfigs"] == at()
    stored = control.functions.get_version("111111111111", "eu-west-1", "hello")
    assert as_version(stored).file_systems == ((POINT, "/mnt/data"),)


async def test_it_may_be_given_later_changed_and_taken_away(client, control):
    await client.create(VpcConfig=VPC)
    assert "FileSystemConfigs" not in await client("GetFunctionConfiguration", FunctionName="hello")
    await update(client, FileSystemConfigs=at())
    assert (await update(client, Timeout=9))["FileSystemConfigs"] == at()
    moved = at("/mnt/other", OF_S3, S3FilesConfig={"DirectS3Read": "AUTO"})
    assert (await update(client, FileSystemConfigs=moved))["FileSystemConfigs"] == moved
    assert "FileSystemConfigs" not in await update(client, FileSystemConfigs=[])


async def test_a_published_version_keeps_its_own(client):
    await client.create(FileSystemConfigs=at(), VpcConfig=VPC, Publish=True)
    await update(client, FileSystemConfigs=[])
    first = await client("GetFunctionConfiguration", FunctionName="hello", Qualifier="1")
    assert first["FileSystemConfigs"] == at()


NO_VPC = (
    f"Function must be configured to execute in a VPC to reference access point {POINT}. Please update the function "
    "configuration to include VPC subnets and security groups."
)


async def test_it_needs_a_vpc(client):
    assert await refused(client("CreateFunction", **creation(FileSystemConfigs=at()))) == NO_VPC
    await client.create()
    assert await refused(update(client, FileSystemConfigs=at())) == NO_VPC
    await update(client, FileSystemConfigs=at(), VpcConfig=VPC)
    left = await refused(update(client, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}))
    assert left == f"Function VPC configuration cannot be removed with access point {POINT} referenced."
    await update(client, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}, FileSystemConfigs=[])


@pytest.mark.parametrize(
    ("configs", "sentence"),
    [
        (at(arn=POINT[:-1] + "9"), "does not exist. (The setting file_systems says"),
        (at("/mnt/."), "LocalMountPath must name a directory below /mnt; found /mnt/."),
        (at("/mnt/.."), "LocalMountPath must name a directory below /mnt; found /mnt/.."),
        (at(S3FilesConfig={"DirectS3Read": "AUTO"}), "S3FilesConfig can be given only with an access point of Amazon"),
        (at(arn=OF_S3, S3FilesConfig={"DirectS3Read": "ENABLED"}), "DirectS3Read is not available here but as AUTO"),
    ],
)
async def test_what_cannot_be_mounted_is_refused(client, configs, sentence):
    assert sentence in await refused(client("CreateFunction", **creation(FileSystemConfigs=configs, VpcConfig=VPC)))


async def test_a_machine_without_mounts_says_so(client, capacity):
    capacity.refusals["file systems"] = "no mounts here"
    asked = creation(FileSystemConfigs=at(), VpcConfig=VPC)
    assert await refused(client("CreateFunction", **asked)) == "no mounts here"


async def test_an_access_point_that_stands_for_nothing_any_more_does_not_hinder_other_changes(client, control):
    await client.create(FileSystemConfigs=at(), VpcConfig=VPC)
    control.settings = replace(control.settings, file_systems="")
    assert (await update(client, Timeout=9))["FileSystemConfigs"] == at()
