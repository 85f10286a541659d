"""PublishVersion and ListVersionsByFunction."""

import asyncio

import pytest
from control_client import RefusedError, function_arn, make_zip

from lambent.control.documents import SOURCE


async def update(client, **changes):
    await client("UpdateFunctionConfiguration", FunctionName="hello", **changes)
    await client.control.settled()


async def test_a_published_version_is_active_at_once(client):
    created = await client.create()
    answer = await client("PublishVersion", FunctionName="hello", Description="first")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (answer["Version"], answer["FunctionArn"]) == ("1", function_arn(qualifier="1"))
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "Successful")
    assert (answer["Description"], answer["CodeSha256"]) == ("first", created["CodeSha256"])
    assert SOURCE not in answer
    latest = await client("GetFunctionConfiguration", FunctionName="hello")
    assert latest["Description"] == ""


async def test_publishing_moves_the_revision_of_latest(client):
    await client.create()
    before = await client("GetFunctionConfiguration", FunctionName="hello")
    await client("PublishVersion", FunctionName="hello")
    after = await client("GetFunctionConfiguration", FunctionName="hello")
    assert before.pop("RevisionId") != after.pop("RevisionId")
    assert before == after


async def test_publishing_again_without_a_change_gives_the_same_version(client):
    await client.create()
    first = await client("PublishVersion", FunctionName="hello", Description="first")
    again = await client("PublishVersion", FunctionName="hello", Description="second")
    assert again == first


async def test_changing_something_to_what_it_was_is_no_change(client):
    await client.create(Timeout=5)
    first = await client("PublishVersion", FunctionName="hello")
    await update(client, Timeout=5)
    assert (await client("PublishVersion", FunctionName="hello"))["Version"] == first["Version"]


async def test_a_change_gives_the_next_number_and_old_versions_stay_as_they_were(client):
    await client.create(Description="one")
    await client("PublishVersion", FunctionName="hello")
    await update(client, Description="two")
    assert (await client("PublishVersion", FunctionName="hello"))["Version"] == "2"
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=make_zip("x = 1"))
    await client.control.settled()
    assert (await client("PublishVersion", FunctionName="hello"))["Version"] == "3"
    one = await client("GetFunctionConfiguration", FunctionName="hello", Qualifier="1")
    assert one["Description"] == "one"


async def test_the_next_version_after_a_deleted_one_is_new_though_nothing_changed(client):
    await client.create()
    await client("PublishVersion", FunctionName="hello")
    await client("DeleteFunction", FunctionName="hello", Qualifier="1")
    assert (await client("PublishVersion", FunctionName="hello"))["Version"] == "2"


async def test_many_at_once_publish_one_version(client):
    await client.create()
    answers = await asyncio.gather(*(client("PublishVersion", FunctionName="hello") for _ in range(8)))
    assert {answer["Version"] for answer in answers} == {"1"}


async def test_the_code_must_be_the_one_that_was_meant(client):
    created = await client.create()
    with pytest.raises(RefusedError) as caught:
        await client("PublishVersion", FunctionName="hello", CodeSha256="somenonexistentsha256")
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    assert caught.value.message == (
        "CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST "
        f"({created['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
    )
    assert (await client("PublishVersion", FunctionName="hello", CodeSha256=created["CodeSha256"]))["Version"] == "1"


async def test_the_managed_latest_version_is_refused(client):
    await client.create()
    with pytest.raises(RefusedError, match="PublishTo"):
        await client("PublishVersion", FunctionName="hello", PublishTo="LATEST_PUBLISHED")


async def test_versions_are_listed_from_latest_on_without_states(client):
    await client.create(Publish=True)
    await update(client, Timeout=9)
    await client("PublishVersion", FunctionName="hello")
    listed = (await client("ListVersionsByFunction", FunctionName="hello"))["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1", "2"]
    assert [each["FunctionArn"] for each in listed] == [
        function_arn(qualifier="$LATEST"),
        function_arn(qualifier="1"),
        function_arn(qualifier="2"),
    ]
    assert not {"State", "LastUpdateStatus", "RuntimeVersionConfig"} & set(listed[1])


async def test_lists_of_versions_have_pages(client):
    await client.create(Publish=True)
    first = await client("ListVersionsByFunction", FunctionName="hello", MaxItems=1)
    second = await client("ListVersionsByFunction", FunctionName="hello", MaxItems=1, Marker=first["NextMarker"])
    assert [page["Versions"][0]["Version"] for page in (first, second)] == ["$LATEST", "1"]
    assert "NextMarker" not in second


async def test_versions_of_nobody_are_not_found(client):
    with pytest.raises(RefusedError) as caught:
        await client("ListVersionsByFunction", FunctionName="nobody")
    assert caught.value.message == f"Function not found: {function_arn('nobody')}"
