"""PutResourcePolicy, GetResourcePolicy and DeleteResourcePolicy."""

import json

import pytest
from control_client import ACCOUNT, REGION, START, Client, RefusedError, function_arn

from lambent.clock import FixedClock
from lambent.control.control import Control
from lambent.control.testing import MemoryCapacity
from lambent.settings import Settings

STATEMENT = {
    "Sid": "all",
    "Effect": "Allow",
    "Principal": {"AWS": "222222222222"},
    "Action": ["lambda:InvokeFunction", "lambda:Get*"],
    "Resource": function_arn(),
    "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
}
EVERYBODY = STATEMENT | {"Principal": "*", "Condition": {}}


def document(*statements, **changes):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements or (STATEMENT,))} | changes, indent=1)


@pytest.fixture
async def hello(client):
    return await client.create()


async def put(client, policy=None, arn=None, **changes):
    return await client("PutResourcePolicy", ResourceArn=arn or function_arn(), Policy=policy or document(), **changes)


async def refusal(call):
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value.status, caught.value.code, caught.value.message


async def test_a_policy_is_kept_whole_and_shown_by_both_operations(client, hello):
    answer = await put(client)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert json.loads(answer["Policy"]) == json.loads(document())
    got = await client("GetResourcePolicy", ResourceArn=function_arn())
    assert got == answer
    old = await client("GetPolicy", FunctionName="hello")
    assert (old["Policy"], old["RevisionId"]) == (got["Policy"], got["RevisionId"])


async def test_it_replaces_what_was_added_and_more_can_be_added_to_it(client, hello):
    grant = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    await client("AddPermission", FunctionName="hello", StatementId="before", **grant)
    await put(client)
    await client("AddPermission", FunctionName="hello", StatementId="after", **grant)
    shown = json.loads((await client("GetResourcePolicy", ResourceArn=function_arn()))["Policy"])
    assert [each["Sid"] for each in shown["Statement"]] == ["all", "after"]
    taken = client("AddPermission", FunctionName="hello", StatementId="all", **grant)
    assert (await refusal(taken))[:2] == (409, "ResourceConflictException")
    await client("RemovePermission", FunctionName="hello", StatementId="all")


async def test_a_single_statement_without_a_list_can_be_added_to(client, hello):
    await put(client, document(Statement=STATEMENT))
    await client(
        "AddPermission", FunctionName="hello", StatementId="s", Action="lambda:InvokeFunction", Principal="*"
    )  # fmt: skip
    shown = json.loads((await client("GetPolicy", FunctionName="hello"))["Policy"])
    assert [each["Sid"] for each in shown["Statement"]] == ["all", "s"]


async def test_the_same_policy_once_more_changes_nothing(client, hello):
    first = await put(client)
    assert await put(client, document()) == first
    assert (await put(client, document(Id="other")))["RevisionId"] != first["RevisionId"]


async def test_it_is_replaced_and_deleted_only_at_the_revision_that_was_asked_for(client, hello):
    first = await put(client)
    second = await put(client, document(Id="two"), RevisionId=first["RevisionId"])
    refused = (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetResourcePolicy API to retrieve "
        "the latest Revision Id",
    )
    assert await refusal(put(client, document(Id="three"), RevisionId=first["RevisionId"])) == refused
    stale = client("DeleteResourcePolicy", ResourceArn=function_arn(), RevisionId=first["RevisionId"])
    assert await refusal(stale) == refused
    deleted = await client("DeleteResourcePolicy", ResourceArn=function_arn(), RevisionId=second["RevisionId"])
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    gone = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
    assert await refusal(client("GetResourcePolicy", ResourceArn=function_arn())) == gone
    assert (await refusal(client("DeleteResourcePolicy", ResourceArn=function_arn())))[:2] == gone[:2]


async def test_versions_and_aliases_have_policies_of_their_own(client, hello):
    await client("PublishVersion", FunctionName="hello")
    await client("CreateAlias", FunctionName="hello", Name="prod", FunctionVersion="1")
    for qualifier in ("1", "prod"):
        arn = function_arn("hello", qualifier)
        await put(client, document(STATEMENT | {"Resource": arn}), arn)
        assert arn in (await client("GetResourcePolicy", ResourceArn=arn))["Policy"]
    assert (await refusal(client("GetResourcePolicy", ResourceArn=function_arn())))[0] == 404


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("x", "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", "Policies must be valid JSON"),
        ("[" * 20_000, "Policies must be valid JSON"),
        (document(Version="2020-01-01"), "Version"),
        (document(Statement=[]), "Statement"),
        (document(STATEMENT, STATEMENT), "all is there twice"),
        (document(STATEMENT | {"Effect": "Maybe"}), "Effect"),
        (document(STATEMENT | {"Action": "s3:GetObject"}), "s3:GetObject is not an action of Lambda"),
        (document(STATEMENT | {"Resource": function_arn("other")}), "a Resource has to be or include"),
        (document(STATEMENT | {"Principal": {"AWS": "nobody"}}), "nobody"),
        (document(STATEMENT | {"Condition": {"StringIs": {"a": "b"}}}), "StringIs"),
    ],
)
async def test_what_is_no_policy_is_refused_and_nothing_changes(client, hello, policy, words):
    before = await put(client)
    status, code, message = await refusal(put(client, policy))
    assert (status, code) == (400, "InvalidParameterValueException")
    assert words in message
    assert await client("GetResourcePolicy", ResourceArn=function_arn()) == before


@pytest.mark.parametrize("action", ["*", "lambda:*", "lam*", "Lambda:GetFunction"])
async def test_actions_of_lambda_are_taken_with_wildcards(client, hello, action):
    await put(client, document(STATEMENT | {"Action": action}))


@pytest.mark.parametrize(
    ("arn", "refused"),
    [
        (function_arn("doesnotexist"), (404, "ResourceNotFoundException")),
        (function_arn("hello", "7"), (404, "ResourceNotFoundException")),
        (function_arn("hello", "nobody"), (404, "ResourceNotFoundException")),
        (function_arn("hello", "$LATEST"), (400, "InvalidParameterValueException")),
        (f"arn:aws:lambda:{REGION}:{ACCOUNT}:runtime/mine", (404, "ResourceNotFoundException")),
        ("arn:aws:lambda:us-east-1:111111111111:function:hello", (404, "ResourceNotFoundException")),
        ("hello", (400, "ValidationException")),
    ],
)
async def test_it_needs_the_arn_of_something_that_is_there(client, hello, arn, refused):
    assert (await refusal(put(client, arn=arn)))[:2] == refused


async def test_a_policy_for_everybody_is_refused_where_the_operator_wants_that(stores, tmp_path):
    settings = Settings(data=str(tmp_path), region=REGION, block_public_policies=True)
    control = Control(stores, MemoryCapacity(), FixedClock(START), settings, architecture="x86_64")
    client = Client(control)
    await client.create()
    for policy in (
        document(EVERYBODY),
        document(STATEMENT, EVERYBODY | {"Sid": "b", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        document(EVERYBODY | {"Condition": {"StringLike": {"aws:SourceArn": "*"}}}),
        document(EVERYBODY | {"Condition": {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}}),
        document(EVERYBODY | {"Condition": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}}),
    ):
        status, code, message = await refusal(put(client, policy))
        assert (status, code) == (400, "PublicPolicyException")
        assert message.startswith("Lambda blocked the creation of this policy because it would grant public access")
    public = client("AddPermission", FunctionName="hello", StatementId="s", Action="lambda:*", Principal="*")
    assert (await refusal(public))[:2] == (400, "PublicPolicyException")
    for policy in (
        document(),
        document(EVERYBODY | {"Effect": "Deny"}),
        document(EVERYBODY | {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}),
        document(EVERYBODY | {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}),
    ):
        await put(client, policy)
    await control.close()
