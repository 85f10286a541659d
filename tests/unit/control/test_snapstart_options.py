"""SnapStart in the control plane: its setting, its refusals, and the life of a version that has it."""

import pytest
from control_client import RefusedError, creation

from lambent.control.documents import as_version
from lambent.errors import SnapshotFailed
from lambent.store.functions import LATEST

ON = {"ApplyOn": "PublishedVersions"}
PYTHON = {"Runtime": "python3.13", "SnapStart": ON}


async def shown(client, version: str = "") -> dict:
    qualifier = {"Qualifier": version} if version else {}
    return await client("GetFunctionConfiguration", FunctionName="hello", **qualifier)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"Runtime": "nodejs22.x"}, "nodejs22.x"),
        ({"Runtime": "provided.al2023"}, "provided.al2023"),
        ({"EphemeralStorage": {"Size": 513}}, "EphemeralStorage of more than 512 MB"),
    ],
)
async def test_what_snapstart_cannot_be_combined_with_is_refused_in_awss_words(client, changes, what):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(**(PYTHON | changes)))
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    assert caught.value.message == f"{what} is not supported for SnapStart enabled functions."


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({"Runtime": "nodejs22.x"}, {"SnapStart": ON}),
        (PYTHON, {"Runtime": "nodejs22.x"}),
        (PYTHON, {"EphemeralStorage": {"Size": 1024}}),
        ({"Runtime": "python3.13", "EphemeralStorage": {"Size": 1024}}, {"SnapStart": ON}),
    ],
)
async def test_an_update_is_judged_with_what_the_function_already_has(client, before, change):
    await client.create(**before)
    with pytest.raises(RefusedError) as caught:
        await client("UpdateFunctionConfiguration", FunctionName="hello", **change)
    assert caught.value.message.endswith("is not supported for SnapStart enabled functions.")


async def test_a_machine_that_cannot_do_it_says_why(client, capacity):
    capacity.no_snapshots = "user namespaces are switched off"
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(**PYTHON))
    assert caught.value.message == "SnapStart is not possible on this machine: user namespaces are switched off"


async def test_latest_is_never_optimised_and_runs_on_demand(client):
    created = await client.create(**PYTHON)
    assert created["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert (await shown(client))["SnapStart"]["OptimizationStatus"] == "Off"
    assert not client.control.capacity.prepared[-1].snap_start


async def test_a_version_is_pending_until_it_has_been_initialised_and_then_on(client, capacity):
    await client.create(**PYTHON)
    capacity.hold()
    published = await client("PublishVersion", FunctionName="hello")
    assert (published["State"], published["SnapStart"]["OptimizationStatus"]) == ("Pending", "Off")
    capacity.let_go()
    await client.control.settled()
    version = await shown(client, "1")
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")
    assert version["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert [each.version for each in capacity.prepared if each.snap_start] == ["1"]


@pytest.mark.parametrize("operation", ["CreateFunction", "UpdateFunctionCode"])
async def test_publishing_with_a_change_of_the_function_initialises_too(client, capacity, operation):
    if operation == "CreateFunction":
        await client.create(**PYTHON, Publish=True)
    else:
        await client.create(**PYTHON)
        await client(operation, FunctionName="hello", ZipFile=creation()["Code"]["ZipFile"], Publish=True)
        await client.control.settled()
    assert [each.version for each in capacity.prepared if each.snap_start] == ["1"]
    assert (await shown(client, "1"))["SnapStart"]["OptimizationStatus"] == "On"


async def test_a_version_whose_init_throws_is_failed_and_can_be_published_again(client, capacity):
    await client.create(**PYTHON)
    capacity.failure = SnapshotFailed()
    await client("PublishVersion", FunctionName="hello")
    await client.control.settled()
    version = await shown(client, "1")
    reason = "An error occurred during function initialization."
    assert (version["State"], version["StateReason"], version["StateReasonCode"]) == ("Failed", reason, "FunctionError")
    assert (version["LastUpdateStatus"], version["LastUpdateStatusReasonCode"]) == ("Failed", "FunctionError")
    assert version["SnapStart"]["OptimizationStatus"] == "Off"
    capacity.failure = None
    assert (await client("PublishVersion", FunctionName="hello"))["Version"] == "2"


async def test_switching_it_off_concerns_the_next_version_only(client):
    await client.create(**PYTHON, Publish=True)
    await client("UpdateFunctionConfiguration", FunctionName="hello", SnapStart={"ApplyOn": "None"})
    await client.control.settled()
    assert (await client("PublishVersion", FunctionName="hello"))["State"] == "Active"
    assert (await shown(client, "1"))["SnapStart"]["ApplyOn"] == "PublishedVersions"
    assert (await shown(client, "2"))["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}


async def test_the_engine_is_told_of_snapstart_only_with_published_versions(client):
    await client.create(**PYTHON, Publish=True)
    functions = client.control.functions
    stored = {version: functions.get_version(*_key(client), version=version) for version in (LATEST, "1")}
    assert [as_version(stored[version]).snap_start for version in (LATEST, "1")] == [False, True]


def _key(client) -> tuple[str, str, str]:
    latest = client.control.functions.all_latest()[0]
    return latest.account, latest.region, latest.name
