"""TagResource, UntagResource, ListTags and GetAccountSettings; and operations that are not built."""

import pytest
from botocore.loaders import Loader
from control_client import ACCOUNT, REGION, RefusedError, creation, function_arn, make_zip

from lambent.control.registry import operations


async def test_tags_are_added_overwritten_and_taken_away(client):
    await client.create(Tags={"a": "1"})
    answer = await client("TagResource", Resource=function_arn(), Tags={"a": "2", "b": "3"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert (await client("ListTags", Resource=function_arn()))["Tags"] == {"a": "2", "b": "3"}
    await client("UntagResource", Resource=function_arn(), TagKeys=["a", "never there"])
    assert (await client("ListTags", Resource=function_arn()))["Tags"] == {"b": "3"}


async def test_tagging_moves_the_revision(client):
    await client.create()
    before = (await client("GetFunctionConfiguration", FunctionName="hello"))["RevisionId"]
    await client("TagResource", Resource=function_arn(), Tags={"a": "1"})
    assert (await client("GetFunctionConfiguration", FunctionName="hello"))["RevisionId"] != before


async def test_tagging_while_a_function_is_made_does_not_keep_it_pending(client, capacity):
    capacity.hold()
    await client("CreateFunction", **creation())
    await client("TagResource", Resource=function_arn(), Tags={"a": "1"})
    capacity.let_go()
    await client.control.settled()
    assert (await client("GetFunctionConfiguration", FunctionName="hello"))["State"] == "Active"


async def test_the_tag_for_idempotency_keys_must_be_a_span(client):
    with pytest.raises(RefusedError, match="from 1s to 30d, like 90s, 30m, 1h or 7d; found 'yes'"):
        await client("CreateFunction", **creation(Tags={"lambent:idempotency": "yes"}))
    await client.create(Tags={"lambent:idempotency": "1h"})
    with pytest.raises(RefusedError, match="found '31d'"):
        await client("TagResource", Resource=function_arn(), Tags={"lambent:idempotency": "31d"})
    assert (await client("ListTags", Resource=function_arn()))["Tags"] == {"lambent:idempotency": "1h"}


async def test_fifty_tags_are_the_most(client):
    await client.create(Tags={f"tag{number}": "" for number in range(50)})
    await client("TagResource", Resource=function_arn(), Tags={"tag7": "changed"})
    with pytest.raises(RefusedError, match=r"Number of tags exceeds resource tag limit\."):
        await client("TagResource", Resource=function_arn(), Tags={"one": "more"})


MAPPING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:0f0f0f0f-0000-1111-2222-333333333333"
NOT_SUPPORTED = "Tags on function aliases and versions are not supported. Please specify a function ARN."


@pytest.mark.parametrize(
    ("operation", "parameters", "status", "code", "message"),
    [
        ("ListTags", {"Resource": function_arn("nobody")}, 404, "ResourceNotFoundException", function_arn("nobody")),
        ("ListTags", {"Resource": function_arn(qualifier="1")}, 400, "InvalidParameterValueException", NOT_SUPPORTED),
        (
            "TagResource",
            {"Resource": function_arn(qualifier="prod"), "Tags": {"a": "1"}},
            400,
            "InvalidParameterValueException",
            NOT_SUPPORTED,
        ),
        (
            "TagResource",
            {"Resource": function_arn(), "Tags": {}},
            400,
            "InvalidParameterValueException",
            "An error occurred and the request cannot be processed.",
        ),
        (
            "UntagResource",
            {"Resource": function_arn(), "TagKeys": []},
            400,
            "ValidationException",
            "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            "ListTags",
            {"Resource": MAPPING},
            404,
            "ResourceNotFoundException",
            "does not exist",
        ),
        (
            "ListTags",
            {"Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:foobar:x"},
            400,
            "ValidationException",
            "resource",
        ),
    ],
)
async def test_what_cannot_be_tagged_is_said_in_awss_words(client, operation, parameters, status, code, message):  # noqa: PLR0917
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert message in caught.value.message


async def test_the_account_s_use_adds_up(client):
    await client.create("a", Publish=True)
    await client.create("b", Code={"ZipFile": make_zip("other")})
    answer = await client("GetAccountSettings")
    assert answer["AccountLimit"] == {
        "TotalCodeSize": 80_530_636_800,
        "CodeSizeUnzipped": 262_144_000,
        "CodeSizeZipped": 52_428_800,
        "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 1000,
    }
    assert answer["AccountUsage"] == {
        "TotalCodeSize": 2 * len(make_zip()) + len(make_zip("other")),
        "FunctionCount": 2,
    }


async def test_an_operation_that_is_not_built_is_refused_by_name(client, monkeypatch):
    await client.create()
    monkeypatch.delitem(operations, "GetFunction")
    with pytest.raises(RefusedError) as caught:
        await client("GetFunction", FunctionName="hello")
    assert (caught.value.status, caught.value.code) == (501, "NotImplementedException")
    assert "GetFunction" in caught.value.message


def test_every_handler_is_for_an_operation_of_the_model():
    model = Loader().load_service_model("lambda", "service-2")
    assert set(operations) <= set(model["operations"])
