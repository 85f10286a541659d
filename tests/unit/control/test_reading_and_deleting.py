"""GetFunction, GetFunctionConfiguration, ListFunctions and DeleteFunction."""

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn, make_zip

from lambent.control import download

READERS = ["GetFunction", "GetFunctionConfiguration"]


def configuration(answer):
    return answer.get("Configuration", answer)


async def test_a_function_is_shown_with_its_states_its_code_and_its_tags(client, control):
    await client.create(Tags={"team": "a"})
    answer = await client("GetFunction", FunctionName="hello")
    shown = answer["Configuration"]
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Successful")
    assert not {"StateReason", "StateReasonCode", "LastUpdateStatusReason"} & set(shown)
    assert answer["Tags"] == {"team": "a"}
    assert answer["Code"]["RepositoryType"] == "S3"
    assert "Concurrency" not in answer


async def test_a_function_without_tags_shows_none(client):
    await client.create()
    assert "Tags" not in await client("GetFunction", FunctionName="hello")


async def test_the_code_s_location_leads_back_to_the_endpoint_that_was_asked(client, control, clock):
    await client.create()
    location = (await client("GetFunction", FunctionName="hello"))["Code"]["Location"]
    assert location.startswith("http://localhost:4566/_lambent/code/")
    path, _, query = location.removeprefix("http://localhost:4566").partition("?")
    digest = download.check(path, query, control.secret, clock.epoch())
    assert control.code.zip(digest).read_bytes() == make_zip()


@pytest.mark.parametrize("operation", READERS)
@pytest.mark.parametrize(
    ("name", "qualifier", "arn"),
    [
        ("hello", None, function_arn()),
        ("hello", "$LATEST", function_arn(qualifier="$LATEST")),
        ("hello:$LATEST", None, function_arn(qualifier="$LATEST")),
        ("hello:$LATEST", "$LATEST", function_arn(qualifier="$LATEST")),
        ("hello", "1", function_arn(qualifier="1")),
        (function_arn(qualifier="1"), None, function_arn(qualifier="1")),
        (f"{ACCOUNT}:function:hello", None, function_arn()),
    ],
)
async def test_the_arn_carries_the_qualifier_that_was_given(client, operation, name, qualifier, arn):
    await client.create(Publish=True)
    given = {"FunctionName": name} | ({"Qualifier": qualifier} if qualifier else {})
    assert configuration(await client(operation, **given))["FunctionArn"] == arn


# Wording: test_lambda_api's snapshots (LocalStack), also in errors.tsv.
@pytest.mark.parametrize("operation", READERS)
@pytest.mark.parametrize(
    ("name", "qualifier", "status", "code", "message"),
    [
        ("nobody", None, 404, "ResourceNotFoundException", f"Function not found: {function_arn('nobody')}"),
        (
            "nobody",
            "$LATEST",
            404,
            "ResourceNotFoundException",
            f"Function not found: {function_arn('nobody')}:$LATEST",
        ),
        ("hello", "1221", 404, "ResourceNotFoundException", f"Function not found: {function_arn()}:1221"),
        ("hello", "0", 404, "ResourceNotFoundException", f"Function not found: {function_arn()}:0"),
        ("hello", "9" * 40, 404, "ResourceNotFoundException", f"Function not found: {function_arn()}:{'9' * 40}"),
        ("hello", "$LATEST.PUBLISHED", 404, "ResourceNotFoundException", None),
        (
            "hello",
            "aliasdoesnotexist",
            404,
            "ResourceNotFoundException",
            f"Function not found: {function_arn()}:aliasdoesnotexist",
        ),
        (
            "hello:1",
            "2",
            400,
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        (
            f"arn:aws:lambda:ap-southeast-1:{ACCOUNT}:function:hello",
            None,
            404,
            "ResourceNotFoundException",
            f"Functions from 'ap-southeast-1' are not reachable in this region ('{REGION}')",
        ),
    ],
)
async def test_what_is_not_there_is_said_in_awss_words(client, operation, name, qualifier, status, code, message):  # noqa: PLR0917
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client(operation, FunctionName=name, **({"Qualifier": qualifier} if qualifier else {}))
    assert (caught.value.status, caught.value.code) == (status, code)
    assert message in (None, caught.value.message)


async def test_functions_are_listed_by_name_without_their_states(client):
    for name in ("b", "c", "a"):
        await client.create(name)
    listed = (await client("ListFunctions"))["Functions"]
    assert [each["FunctionName"] for each in listed] == ["a", "b", "c"]
    left_out = {"State", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig"}
    assert not left_out & set(listed[0])
    assert listed[0]["FunctionArn"] == function_arn("a")


async def test_pages_follow_one_another_to_the_end(client):
    for number in range(5):
        await client.create(f"f{number}")
    seen, marker = [], {}
    while True:
        page = await client("ListFunctions", MaxItems=2, **marker)
        seen += [each["FunctionName"] for each in page["Functions"]]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}
    assert seen == [f"f{number}" for number in range(5)]


async def test_a_page_holds_at_most_50_whatever_is_asked(client):
    for number in range(51):
        await client.create(f"f{number:02}")
    page = await client("ListFunctions", MaxItems=10000)
    assert (len(page["Functions"]), "NextMarker" in page) == (50, True)


async def test_all_versions_of_all_functions_page_as_well(client):
    for name in ("a", "b"):
        await client.create(name, Publish=True)
    first = await client("ListFunctions", FunctionVersion="ALL", MaxItems=3)
    second = await client("ListFunctions", FunctionVersion="ALL", MaxItems=3, Marker=first["NextMarker"])
    arns = [each["FunctionArn"] for each in first["Functions"] + second["Functions"]]
    assert arns == [
        function_arn("a", "$LATEST"),
        function_arn("a", "1"),
        function_arn("b", "$LATEST"),
        function_arn("b", "1"),
    ]
    assert "NextMarker" not in second


@pytest.mark.parametrize("marker", ["x", "AAAA", "%%%", "é", "aGVsbG8="])
async def test_a_made_up_marker_is_refused(client, marker):
    with pytest.raises(RefusedError, match="Invalid pagination token provided") as caught:
        await client("ListFunctions", Marker=marker)
    assert caught.value.code == "InvalidParameterValueException"


async def test_functions_of_another_region_are_out_of_sight(client):
    await client.create()
    assert (await client("ListFunctions", region="us-west-2"))["Functions"] == []


@pytest.mark.parametrize(("master", "names"), [("ALL", ["hello"]), (REGION, ["hello"]), ("us-west-2", [])])
async def test_nothing_is_replicated_from_another_region(client, master, names):
    await client.create()
    listed = await client("ListFunctions", MasterRegion=master, FunctionVersion="ALL")
    assert [each["FunctionName"] for each in listed["Functions"]] == names


async def test_a_wrong_function_version_is_refused_as_recorded(client):
    with pytest.raises(RefusedError) as caught:
        await client("ListFunctions", FunctionVersion="invalid")
    assert caught.value.code == "ValidationException"
    assert caught.value.message == (
        "1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ALL]"
    )


async def test_a_deleted_function_is_gone_with_its_versions(client, control):
    await client.create(Publish=True)
    answer = await client("DeleteFunction", FunctionName="hello")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    for qualifier in ({}, {"Qualifier": "1"}):
        with pytest.raises(RefusedError, match="Function not found"):
            await client("GetFunction", FunctionName="hello", **qualifier)
    await control.settled()
    assert control.code.digests() == []


async def test_a_version_can_be_deleted_alone_and_its_number_does_not_come_back(client):
    await client.create(Publish=True)
    await client("DeleteFunction", FunctionName="hello:1")
    assert (await client("GetFunction", FunctionName="hello"))["Configuration"]["Version"] == "$LATEST"
    assert (await client("PublishVersion", FunctionName="hello"))["Version"] == "2"


async def test_deleting_a_version_that_is_not_there_does_no_harm(client):
    await client.create()
    answer = await client("DeleteFunction", FunctionName="hello", Qualifier="7")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.parametrize(
    ("name", "qualifier", "status", "code", "message"),
    [
        ("nobody", None, 404, "ResourceNotFoundException", f"Function not found: {function_arn('nobody')}"),
        ("nobody", "1221", 404, "ResourceNotFoundException", f"Function not found: {function_arn('nobody')}"),
        (
            "hello",
            "$LATEST",
            400,
            "InvalidParameterValueException",
            "$LATEST version cannot be deleted without deleting the function.",
        ),
        ("hello", "prod", 400, "InvalidParameterValueException", "Deletion of aliases is not currently supported."),
        (
            "hello:1",
            "2",
            400,
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
    ],
)
async def test_what_cannot_be_deleted_is_said_in_awss_words(client, name, qualifier, status, code, message):  # noqa: PLR0917
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client("DeleteFunction", FunctionName=name, **({"Qualifier": qualifier} if qualifier else {}))
    assert (caught.value.status, caught.value.code, caught.value.message) == (status, code, message)
