"""Code storage: what counts, who is refused, and what is given back."""

import asyncio

import pytest
from control_client import RefusedError, creation, make_zip

from lambent.control.code_quota import CodeQuota
from lambent.errors import AwsError

ONE = make_zip("# " + "one" * 50)
SIZE = len(ONE)
TWO = make_zip("# " + "two" * 50)
assert len(TWO) == SIZE


def limit(control, packages: float) -> None:
    control.code_quota.limit_bytes = int(SIZE * packages)


async def used(client) -> int:
    return int((await client("GetAccountSettings"))["AccountUsage"]["TotalCodeSize"])


async def full(work) -> None:
    with pytest.raises(RefusedError) as caught:
        await work
    assert (caught.value.status, caught.value.code) == (400, "CodeStorageExceededException")
    assert caught.value.message == "Code storage limit exceeded."


async def test_functions_versions_and_layers_count_together(client, control):
    await client.create(Code={"ZipFile": ONE}, Publish=True)
    await client("PublishLayerVersion", LayerName="tools", Content={"ZipFile": ONE})
    assert await used(client) == 3 * SIZE  # the same zip, but counted for each
    limit(control, 3.5)
    await full(client("CreateFunction", **creation("other", Code={"ZipFile": TWO})))
    await full(client("PublishLayerVersion", LayerName="tools", Content={"ZipFile": TWO}))
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=TWO)  # in the place of as much
    await control.settled()
    await full(client("PublishVersion", FunctionName="hello"))
    assert await used(client) == 3 * SIZE


async def test_a_request_that_also_publishes_needs_room_for_both_or_does_nothing(client, control):
    limit(control, 1.5)
    await full(client("CreateFunction", **creation(Code={"ZipFile": ONE}, Publish=True)))
    assert (await client("ListFunctions"))["Functions"] == []
    await client.create(Code={"ZipFile": ONE})
    before = await client("GetFunctionConfiguration", FunctionName="hello")
    await full(client("UpdateFunctionCode", FunctionName="hello", ZipFile=TWO, Publish=True))
    assert await client("GetFunctionConfiguration", FunctionName="hello") == before
    limit(control, 2)
    answer = await client("UpdateFunctionCode", FunctionName="hello", ZipFile=TWO, Publish=True)
    await control.settled()
    assert answer["Version"] == "1"
    assert await used(client) == 2 * SIZE


async def test_what_is_deleted_makes_room_at_once(client, control):
    limit(control, 2)
    await client.create(Code={"ZipFile": ONE})
    await client("PublishLayerVersion", LayerName="tools", Content={"ZipFile": ONE})
    await full(client("CreateFunction", **creation("other", Code={"ZipFile": ONE})))
    await client("DeleteLayerVersion", LayerName="tools", VersionNumber=1)
    await client.create("other", Code={"ZipFile": ONE})
    await client("DeleteFunction", FunctionName="other")
    assert await used(client) == SIZE


async def test_two_at_once_cannot_both_have_the_last_room(client, control):
    limit(control, 1.5)
    both = [
        client("CreateFunction", **creation(name, Code={"ZipFile": zip_})) for name, zip_ in (("a", ONE), ("b", TWO))
    ]
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["RefusedError", "dict"]
    await control.settled()
    assert await used(client) == SIZE


async def test_a_failed_request_gives_its_claim_back(client, control):
    limit(control, 1.5)
    for _ in range(3):
        with pytest.raises(RefusedError, match="Could not unzip"):
            await client("CreateFunction", **creation(Code={"ZipFile": b"x" * SIZE}))
    await client.create(Code={"ZipFile": ONE})


async def test_a_package_goes_with_the_last_version_that_needs_it(client, control, waits):
    await client.create("a", Code={"ZipFile": ONE})
    await client.create("b", Code={"ZipFile": ONE})
    (digest,) = control.code.digests()
    await client("DeleteFunction", FunctionName="a")
    await control.settled()
    assert control.code.digests() == [digest]
    await client("DeleteFunction", FunctionName="b")
    await control.settled()
    assert control.code.digests() == []


def test_accounts_and_regions_have_quotas_of_their_own():
    quota = CodeQuota(lambda account, region: 0, 10)
    with (
        quota.claiming("1", "eu", 10), quota.claiming("2", "eu", 10), quota.claiming("1", "us", 10),
        pytest.raises(AwsError), quota.claiming("1", "eu", 1),
    ):  # fmt: skip
        pass
    with quota.claiming("1", "eu", 10):
        pass


async def test_the_limit_is_the_setting(client, control):
    of_settings = control.settings.code_storage_mb * 1024 * 1024
    assert (await client("GetAccountSettings"))["AccountLimit"]["TotalCodeSize"] == of_settings == 80_530_636_800
