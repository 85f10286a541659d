"""UpdateFunctionCode and UpdateFunctionConfiguration."""

import asyncio
import base64
import hashlib

import pytest
from control_client import ACCOUNT, REGION, ROLE, RefusedError, creation, function_arn, make_zip

from lambent.control.documents import as_version

NEW = make_zip("def handler(event, context): return 2\n")
NEW_SHA = base64.b64encode(hashlib.sha256(NEW).digest()).decode()
STALE = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
    "the latest Revision Id"
)
UPDATES = [
    ("UpdateFunctionCode", {"ZipFile": NEW}),
    ("UpdateFunctionConfiguration", {"Description": "new"}),
]


async def settle(client):
    await client.control.settled()
    return await client("GetFunctionConfiguration", FunctionName="hello")


async def test_new_code_is_in_progress_and_then_successful(client, clock):
    created = await client.create()
    clock.advance(60)
    answer = await client("UpdateFunctionCode", FunctionName="hello", ZipFile=NEW)
    assert (answer["CodeSha256"], answer["CodeSize"]) == (NEW_SHA, len(NEW))
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "InProgress")
    assert answer["LastUpdateStatusReason"] == "The function is being created."
    assert answer["LastUpdateStatusReasonCode"] == "Creating"
    assert not {"StateReason", "StateReasonCode"} & set(answer)
    assert answer["LastModified"] == "2026-01-12T15:38:17.250+0000"
    after = await settle(client)
    assert (after["LastUpdateStatus"], "LastUpdateStatusReason" in after) == ("Successful", False)
    assert len({created["RevisionId"], answer["RevisionId"], after["RevisionId"]}) == 3


async def test_a_configuration_keeps_what_is_not_asked_for(client):
    await client.create(Description="old", Environment={"Variables": {"AA": "1"}}, Timeout=7)
    changes = {"MemorySize": 512, "Handler": "app.other", "Runtime": "python3.12", "Description": ""}
    answer = await client("UpdateFunctionConfiguration", FunctionName="hello", **changes)
    assert {name: answer[name] for name in changes} == changes
    assert (answer["Timeout"], answer["Environment"]["Variables"]) == (7, {"AA": "1"})
    assert answer["RuntimeVersionConfig"] != (await client.create("other"))["RuntimeVersionConfig"]


async def test_variables_are_replaced_as_a_whole(client):
    await client.create(Environment={"Variables": {"AA": "1", "BB": "2"}})
    changed = {"Variables": {"BB": "3"}}
    answer = await client("UpdateFunctionConfiguration", FunctionName="hello", Environment=changed)
    assert answer["Environment"] == changed


async def test_storage_and_role_can_be_changed(client):
    await client.create()
    changes = {"EphemeralStorage": {"Size": 1024}, "Role": f"{ROLE}2"}
    answer = await client("UpdateFunctionConfiguration", FunctionName="hello", **changes)
    assert {name: answer[name] for name in changes} == changes


@pytest.mark.parametrize(("operation", "changes"), UPDATES)
async def test_one_update_at_a_time(client, capacity, operation, changes):
    await client.create()
    capacity.hold()
    await client(operation, FunctionName="hello", **changes)
    for second, others in UPDATES:
        with pytest.raises(RefusedError) as caught:
            await client(second, FunctionName="hello", **others)
        assert (caught.value.status, caught.value.code) == (409, "ResourceConflictException")
        assert caught.value.message == (
            "The operation cannot be performed at this time. An update is in progress for resource: " + function_arn()
        )
    capacity.let_go()
    await settle(client)
    await client(operation, FunctionName="hello", **changes)


@pytest.mark.parametrize(("operation", "changes"), [*UPDATES, ("PublishVersion", {})])
async def test_a_function_in_the_making_cannot_be_changed(client, capacity, operation, changes):
    capacity.hold()
    await client("CreateFunction", **creation())
    with pytest.raises(RefusedError) as caught:
        await client(operation, FunctionName="hello", **changes)
    assert (caught.value.status, caught.value.code) == (409, "ResourceConflictException")
    assert caught.value.message.endswith("The function is currently in the following state: Pending")
    capacity.let_go()


async def test_of_many_updates_at_once_one_wins(client, capacity):
    await client.create()
    capacity.hold()
    asked = [
        client("UpdateFunctionConfiguration", FunctionName="hello", Description=str(number)) for number in range(10)
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, dict)]
    assert len(won) == 1
    assert {answer.status for answer in answers if isinstance(answer, RefusedError)} == {409}
    capacity.let_go()
    assert (await settle(client))["Description"] == won[0]["Description"]


@pytest.mark.parametrize(("operation", "changes"), [*UPDATES, ("PublishVersion", {})])
async def test_a_stale_revision_changes_nothing(client, operation, changes):
    created = await client.create()  # its RevisionId moved on when the function became Active
    with pytest.raises(RefusedError) as caught:
        await client(operation, FunctionName="hello", RevisionId=created["RevisionId"], **changes)
    assert (caught.value.status, caught.value.code) == (412, "PreconditionFailedException")
    assert caught.value.message == STALE


@pytest.mark.parametrize(("operation", "changes"), [*UPDATES, ("PublishVersion", {})])
async def test_the_latest_revision_is_taken(client, operation, changes):
    await client.create()
    now = (await client("GetFunctionConfiguration", FunctionName="hello"))["RevisionId"]
    await client(operation, FunctionName="hello", RevisionId=now, **changes)


@pytest.mark.parametrize(("operation", "changes"), [*UPDATES, ("PublishVersion", {})])
async def test_what_is_not_there_cannot_be_changed(client, operation, changes):
    with pytest.raises(RefusedError) as caught:
        await client(operation, FunctionName="nobody", **changes)
    assert (caught.value.status, caught.value.code) == (404, "ResourceNotFoundException")
    assert caught.value.message == f"Function not found: {function_arn('nobody')}"


@pytest.mark.parametrize(("operation", "changes"), [*UPDATES, ("PublishVersion", {})])
async def test_versions_cannot_be_changed(client, operation, changes):
    await client.create(Publish=True)
    with pytest.raises(RefusedError, match="This operation is permitted on Lambda functions only"):
        await client(operation, FunctionName="hello:1", **changes)


async def test_a_dry_run_shows_what_would_be_and_keeps_nothing(client, control):
    await client.create()
    before = await client("GetFunctionConfiguration", FunctionName="hello")
    answer = await client("UpdateFunctionCode", FunctionName="hello", ZipFile=NEW, DryRun=True)
    assert answer["CodeSha256"] == NEW_SHA
    after = await settle(client)
    assert after == before
    assert control.code.digests() == [hashlib.sha256(make_zip()).hexdigest()]


async def test_a_dry_run_refuses_what_the_real_run_would(client):
    await client.create()
    with pytest.raises(RefusedError, match="Could not unzip uploaded file"):
        await client("UpdateFunctionCode", FunctionName="hello", ZipFile=b"no zip", DryRun=True)


@pytest.mark.parametrize(
    ("operation", "changes", "status", "message"),
    [
        ("UpdateFunctionCode", {}, 400, "Please provide a source for function code."),
        ("UpdateFunctionCode", {"ZipFile": b"no zip"}, 400, "Could not unzip uploaded file."),
        (
            "UpdateFunctionCode",
            {"ImageUri": "x"},
            400,
            "Please don't provide ImageUri when updating a function with packageType Zip.",
        ),
        ("UpdateFunctionCode", {"S3Bucket": "bucket", "S3Key": "key"}, 400, "S3 Error Code: NoSuchBucket"),
        ("UpdateFunctionCode", {"ZipFile": NEW, "Architectures": ["arm64"]}, 400, "cannot run arm64 functions"),
        ("UpdateFunctionConfiguration", {"MemorySize": 10241}, 400, "'MemorySize' value failed"),
        ("UpdateFunctionConfiguration", {"Timeout": 901}, 400, "Value '901' at 'timeout' failed"),
        ("UpdateFunctionConfiguration", {"Runtime": "java8"}, 400, None),
        ("UpdateFunctionConfiguration", {"Runtime": "nodejs12.x"}, 400, "nodejs12.x is no longer supported"),
        ("UpdateFunctionConfiguration", {"Runtime": "java21"}, 400, "does not run java21"),
        ("UpdateFunctionConfiguration", {"Environment": {"Variables": {"AWS_REGION": "x"}}}, 400, "reserved keys"),
        (
            "UpdateFunctionConfiguration",
            {"Layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:tools:1"]},
            400,
            "does not exist.",
        ),
    ],
)
async def test_what_is_refused_changes_nothing(client, capacity, operation, changes, status, message):  # noqa: PLR0917
    capacity.refusals["java8"] = "java8 is not here"  # AWS blocks updates with it from 2027-03-03 on only
    await client.create()
    before = await client("GetFunctionConfiguration", FunctionName="hello")
    with pytest.raises(RefusedError) as caught:
        await client(operation, FunctionName="hello", **changes)
    assert caught.value.status == status
    assert message is None or message in caught.value.message
    assert await settle(client) == before


async def test_a_runtime_that_is_gone_from_the_machine_does_not_hinder_other_changes(client, capacity):
    await client.create()
    capacity.refusals["python3.13"] = "Python 3.13 is not installed on this machine."
    await client("UpdateFunctionConfiguration", FunctionName="hello", Timeout=9)


@pytest.mark.parametrize(("operation", "changes"), UPDATES)
async def test_a_function_whose_runtime_aws_has_blocked_can_no_longer_be_updated(client, clock, operation, changes):
    await client.create(Runtime="python3.9")
    clock.advance(500 * 86400)  # beyond 2027-03-03
    with pytest.raises(RefusedError, match=r"runtime parameter of python3\.9 is no longer supported"):
        await client(operation, FunctionName="hello", **changes)


async def test_new_code_can_be_published_at_once(client):
    await client.create()
    answer = await client("UpdateFunctionCode", FunctionName="hello", ZipFile=NEW, Publish=True)
    assert (answer["Version"], answer["State"]) == ("1", "Pending")
    assert answer["FunctionArn"] == function_arn(qualifier="1")
    assert "LastUpdateStatus" not in answer
    latest = await settle(client)
    assert latest["CodeSha256"] == answer["CodeSha256"] == NEW_SHA
    first = await client("GetFunctionConfiguration", FunctionName="hello", Qualifier="1")
    assert (first["State"], first["LastUpdateStatus"]) == ("Active", "Successful")


async def test_every_update_is_a_new_deployment_but_settling_it_is_not(client, control, capacity):
    def deployed():
        return as_version(control.functions.get_version(ACCOUNT, REGION, "hello")).pool_key

    await client.create()
    seen = [deployed()]
    for operation, changes in [*UPDATES, *UPDATES]:
        await client(operation, FunctionName="hello", **changes)
        at_once = deployed()
        await settle(client)
        assert deployed() == at_once
        seen.append(at_once)
    assert len(set(seen)) == 5


async def test_tags_and_publishing_leave_warm_sandboxes_alone(client, control):
    await client.create()
    before = control.functions.get_version(ACCOUNT, REGION, "hello")
    await client("TagResource", Resource=function_arn(), Tags={"team": "a"})
    await client("PublishVersion", FunctionName="hello")
    after = control.functions.get_version(ACCOUNT, REGION, "hello")
    assert before.revision != after.revision
    assert as_version(before).pool_key == as_version(after).pool_key


async def test_the_engine_is_told_once_of_each_change_and_of_nothing_else(client, capacity):
    await client.create(Publish=True)
    await client("TagResource", Resource=function_arn(), Tags={"team": "a"})
    await client("PublishVersion", FunctionName="hello")
    assert capacity.changes == []
    await client("UpdateFunctionConfiguration", FunctionName="hello", Timeout=9)
    await settle(client)
    assert capacity.changes == [(ACCOUNT, REGION, "hello")]
    await client("DeleteFunction", FunctionName="hello:1")
    await client("DeleteFunction", FunctionName="hello")
    assert capacity.changes == [(ACCOUNT, REGION, "hello")] * 3


class TestLogging:
    async def change(self, client, **config):
        answer = await client("UpdateFunctionConfiguration", FunctionName="hello", LoggingConfig=config)
        await client.control.settled()
        return answer["LoggingConfig"]

    async def test_json_brings_both_levels(self, client):
        await client.create()
        assert await self.change(client, LogFormat="JSON") == {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "INFO",
            "LogGroup": "/aws/lambda/hello",
        }

    async def test_a_level_can_be_changed_alone(self, client):
        await client.create(LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"})
        changed = await self.change(client, ApplicationLogLevel="TRACE")
        assert (changed["ApplicationLogLevel"], changed["SystemLogLevel"]) == ("TRACE", "WARN")

    async def test_text_drops_the_levels(self, client):
        await client.create(LoggingConfig={"LogFormat": "JSON"})
        assert await self.change(client, LogFormat="Text") == {"LogFormat": "Text", "LogGroup": "/aws/lambda/hello"}

    async def test_a_level_for_text_is_refused(self, client):
        await client.create()
        with pytest.raises(RefusedError, match="LogLevel is not supported when LogFormat is set to"):
            await self.change(client, ApplicationLogLevel="INFO")

    async def test_the_group_may_not_pretend_to_be_awss(self, client):
        await client.create()
        with pytest.raises(RefusedError, match="reserved for AWS"):
            await self.change(client, LogGroup="aws/mine")
