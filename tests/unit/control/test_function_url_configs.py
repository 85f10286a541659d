"""CreateFunctionUrlConfig and its kin. Words and orders of refusals as AWS's, recorded by localstack-core 2026.3.0."""

import json
import re

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn

HOST = f".lambda-url.{REGION}.localhost:4566/"
CREATED = "2026-01-12T15:37:17.250000Z"
MISSING = "The resource you requested does not exist."
NOBODY = "Function does not exist"
PATTERN = "Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)"


@pytest.fixture
async def function(client):
    """A function "hello" with a version 1 and an alias "live" of it."""
    await client.create()
    await client("PublishVersion", FunctionName="hello")
    await client.control.settled()
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1")


async def refusal(client, operation: str, **parameters) -> tuple[int, str, str]:
    with pytest.raises(RefusedError) as refused:
        await client(operation, **parameters)
    return refused.value.status, refused.value.code, refused.value.message


def without_url(answer):
    assert re.fullmatch(r"http://[a-z0-9]{32}" + re.escape(HOST), answer.pop("FunctionUrl"))
    return answer


async def test_a_new_url_shows_what_was_given_and_no_default(client, function) -> None:
    created = await client("CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE")

    assert without_url(created) == {
        "FunctionArn": function_arn(),
        "AuthType": "NONE",
        "CreationTime": CREATED,
        "ResponseMetadata": {"HTTPStatusCode": 201},
    }


async def test_everything_that_was_given_is_shown_in_every_answer(client, function, clock) -> None:
    cors = {
        "AllowCredentials": True, "AllowHeaders": ["X-One"], "AllowMethods": ["GET", "POST"],
        "AllowOrigins": ["https://example.com"], "ExposeHeaders": ["X-Two"], "MaxAge": 60,
    }  # fmt: skip
    given = {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM", "Cors": cors}
    created = await client("CreateFunctionUrlConfig", FunctionName="hello", Qualifier="live", **given)
    url = created["FunctionUrl"]

    shown = {"FunctionUrl": url, "FunctionArn": function_arn(qualifier="live"), **given, "CreationTime": CREATED}
    assert created == {**shown, "ResponseMetadata": {"HTTPStatusCode": 201}}
    shown["LastModifiedTime"] = CREATED
    got = await client("GetFunctionUrlConfig", FunctionName="hello:live")
    assert got == {**shown, "ResponseMetadata": {"HTTPStatusCode": 200}}
    listed = await client("ListFunctionUrlConfigs", FunctionName="hello")
    assert listed["FunctionUrlConfigs"] == [shown]


async def test_an_update_changes_what_it_names_and_an_empty_cors_ends_it(client, function, clock) -> None:
    cors = {"AllowOrigins": ["*"]}
    created = await client(
        "CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE", Cors=cors, InvokeMode="BUFFERED"
    )
    clock.advance(60)

    updated = await client("UpdateFunctionUrlConfig", FunctionName="hello", AuthType="AWS_IAM")
    assert (updated["AuthType"], updated["Cors"], updated["InvokeMode"]) == ("AWS_IAM", cors, "BUFFERED")
    assert updated["FunctionUrl"] == created["FunctionUrl"]
    assert (updated["CreationTime"], updated["LastModifiedTime"]) == (CREATED, "2026-01-12T15:38:17.250000Z")

    updated = await client("UpdateFunctionUrlConfig", FunctionName="hello", Cors={}, InvokeMode="RESPONSE_STREAM")
    assert "Cors" not in updated
    assert (updated["AuthType"], updated["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")


async def test_a_second_url_for_the_same_qualifier_is_a_conflict(client, function) -> None:
    for qualifier, arn in ((None, function_arn()), ("live", function_arn(qualifier="live"))):
        asked = {"FunctionName": "hello", "AuthType": "NONE"} | ({"Qualifier": qualifier} if qualifier else {})
        await client("CreateFunctionUrlConfig", **asked)

        assert await refusal(client, "CreateFunctionUrlConfig", **asked) == (
            409,
            "ResourceConflictException",
            f"Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig exists "
            "for this Lambda function",
        )


@pytest.mark.parametrize(
    ("operation", "more", "function_missing"),
    [
        ("CreateFunctionUrlConfig", {"AuthType": "NONE"}, NOBODY),
        ("GetFunctionUrlConfig", {}, MISSING),
        ("UpdateFunctionUrlConfig", {"AuthType": "AWS_IAM"}, NOBODY),
        ("DeleteFunctionUrlConfig", {}, MISSING),
    ],
)
async def test_what_is_not_there_is_refused_in_the_words_of_the_operation(
    client, function, operation, more, function_missing
) -> None:
    not_there = (404, "ResourceNotFoundException", function_missing)
    arn = function_arn("doesnotexist")
    assert await refusal(client, operation, FunctionName="doesnotexist", **more) == not_there
    assert await refusal(client, operation, FunctionName=arn, **more) == not_there
    assert await refusal(client, operation, FunctionName="hello", Qualifier="v1", **more) == not_there
    for version in ("1", "2", "$LATEST"):
        message = f"1 validation error detected: Value '{version}' at 'qualifier' failed to satisfy constraint: "
        given = await refusal(client, operation, FunctionName="hello", Qualifier=version, **more)
        assert given == (400, "ValidationException", message + PATTERN)
    if operation != "CreateFunctionUrlConfig":
        assert (await refusal(client, operation, FunctionName="hello", **more))[2] == MISSING


async def test_a_qualifier_in_the_name_and_another_one_are_refused(client, function) -> None:
    asked = {"FunctionName": "hello:live", "Qualifier": "other", "AuthType": "NONE"}
    status, code, _ = await refusal(client, "CreateFunctionUrlConfig", **asked)
    assert (status, code) == (400, "InvalidParameterValueException")


async def test_lists_go_on_where_they_stopped_the_functions_own_url_first(client, function) -> None:
    assert (await client("ListFunctionUrlConfigs", FunctionName="hello"))["FunctionUrlConfigs"] == []
    await client("CreateAlias", FunctionName="hello", Name="beta", FunctionVersion="1")
    for more in ({}, {"Qualifier": "live"}, {"Qualifier": "beta"}):
        await client("CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE", **more)

    found, asked = [], {"FunctionName": "hello", "MaxItems": 1}
    for _ in range(3):
        page = await client("ListFunctionUrlConfigs", **asked)
        found += [url["FunctionArn"] for url in page["FunctionUrlConfigs"]]
        asked["Marker"] = page.get("NextMarker")
    assert asked["Marker"] is None
    assert found == [function_arn(), function_arn(qualifier="beta"), function_arn(qualifier="live")]
    assert len((await client("ListFunctionUrlConfigs", FunctionName="hello", MaxItems=2))["FunctionUrlConfigs"]) == 2
    assert (await refusal(client, "ListFunctionUrlConfigs", FunctionName="nobody"))[2] == NOBODY


async def test_a_deleted_url_is_gone_and_a_new_one_is_another(client, function) -> None:
    first = await client("CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE")
    deleted = await client("DeleteFunctionUrlConfig", FunctionName="hello")

    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert (await refusal(client, "GetFunctionUrlConfig", FunctionName="hello"))[2] == MISSING
    second = await client("CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE")
    assert second["FunctionUrl"] != first["FunctionUrl"]


async def test_a_url_goes_with_its_alias_and_with_its_function(client, function, stores) -> None:
    ids = []
    for more in ({}, {"Qualifier": "live"}):
        url = await client("CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE", **more)
        ids.append(url["FunctionUrl"].removeprefix("http://").partition(".")[0])

    await client("DeleteAlias", FunctionName="hello", Name="live")
    assert [bool(stores.function_urls.by_id(each)) for each in ids] == [True, False]
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1")
    assert (await refusal(client, "GetFunctionUrlConfig", FunctionName="hello", Qualifier="live"))[0] == 404
    await client("DeleteFunction", FunctionName="hello")
    assert stores.function_urls.by_id(ids[0]) is None


@pytest.mark.parametrize(
    ("cors", "message"),
    [
        (
            {"AllowMethods": ["GET", "*"]},
            "AllowMethods can hold the wildcard * only by itself.",
        ),
        (
            {"AllowOrigins": ["*", "https://example.com"]},
            "AllowOrigins can hold the wildcard * only by itself.",
        ),
        (
            {"AllowMethods": ["FETCH"]},
            "Invalid value FETCH in AllowMethods: it can hold GET, PUT, HEAD, POST, PATCH, DELETE, or * alone.",
        ),
        (
            {"AllowMethods": ["OPTIONS"]},
            "1 validation error detected: Value '[OPTIONS]' at 'cors.allowMethods' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must have length less than or equal to 6, Member must have length "
            "greater than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]",
        ),
        (
            {"MaxAge": 86_401},
            "1 validation error detected: Value '86401' at 'cors.maxAge' failed to satisfy constraint: Member must "
            "have value less than or equal to 86400",
        ),
    ],
)
async def test_cors_that_cannot_be_is_refused_and_nothing_is_made(client, function, cors, message) -> None:
    status, _, said = await refusal(client, "CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE", Cors=cors)
    assert (status, said) == (400, message)
    assert (await client("ListFunctionUrlConfigs", FunctionName="hello"))["FunctionUrlConfigs"] == []


async def test_values_outside_the_enumerations_are_refused(client, function) -> None:
    said = (await refusal(client, "CreateFunctionUrlConfig", FunctionName="hello", AuthType="JWT"))[2]
    assert "at 'authType' failed to satisfy constraint: Member must satisfy enum value set: [NONE, AWS_IAM]" in said
    asked = {"FunctionName": "hello", "AuthType": "NONE", "InvokeMode": "FAST"}
    said = (await refusal(client, "CreateFunctionUrlConfig", **asked))[2]
    assert "at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value set: " in said


async def test_urls_of_another_account_or_region_are_not_told(client, function) -> None:
    await client("CreateFunctionUrlConfig", FunctionName="hello", AuthType="NONE")

    status, code, _ = await refusal(client, "GetFunctionUrlConfig", FunctionName="hello", region="us-west-2")
    assert (status, code) == (404, "ResourceNotFoundException")
    assert ACCOUNT in function_arn()


async def test_a_policy_may_forbid_urls_that_everybody_could_call(client, function) -> None:
    """As AWS's guide has it for organisations ("Governance and access control")."""
    statement = {
        "Sid": "signed", "Effect": "Deny", "Principal": "*", "Resource": function_arn(),
        "Action": ["lambda:CreateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig"],
        "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await client("PutResourcePolicy", ResourceArn=function_arn(), Policy=policy)

    asked = {"FunctionName": "hello", "AuthType": "NONE"}
    status, code, said = await refusal(client, "CreateFunctionUrlConfig", **asked)
    assert (status, code) == (403, "AccessDeniedException")
    assert "not authorized to perform: lambda:CreateFunctionUrlConfig" in said
    await client("CreateFunctionUrlConfig", FunctionName="hello", AuthType="AWS_IAM")
    assert (await refusal(client, "UpdateFunctionUrlConfig", **asked))[0] == 403
    await client("UpdateFunctionUrlConfig", FunctionName="hello", InvokeMode="BUFFERED")
