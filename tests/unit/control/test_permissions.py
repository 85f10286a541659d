"""AddPermission, RemovePermission and GetPolicy. Recorded: shared/oracles/errors.tsv and the recordings
cloudformation__resources__test_lambda.json and logs__test_logs_subscription_filters.json (what a statement looks like).
"""

import asyncio
import json

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn

OTHER = "222222222222"
TOPIC = "arn:aws:sns:eu-west-1:111111111111:topic"
S3 = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}


@pytest.fixture
async def hello(client):
    return await client.create()


async def refusal(call):
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value.status, caught.value.code, caught.value.message


async def add(client, name="hello", **changes):
    given = {name: value for name, value in (S3 | changes).items() if value is not None}
    return json.loads((await client("AddPermission", FunctionName=name, **given))["Statement"])


async def policy(client, name="hello", **parameters):
    return json.loads((await client("GetPolicy", FunctionName=name, **parameters))["Policy"])


async def test_a_service_with_its_source_is_shown_as_recorded(client, hello):
    added = await client(
        "AddPermission", FunctionName="hello", StatementId="logs", Action="lambda:InvokeFunction",
        Principal="logs.eu-west-1.amazonaws.com", SourceAccount=ACCOUNT, SourceArn=TOPIC,
    )  # fmt: skip
    assert added["Statement"] == json.dumps(
        {
            "Sid": "logs",
            "Effect": "Allow",
            "Principal": {"Service": "logs.eu-west-1.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": function_arn(),
            "Condition": {
                "StringEquals": {"AWS:SourceAccount": ACCOUNT},
                "ArnLike": {"AWS:SourceArn": TOPIC},
            },
        },
        separators=(",", ":"),
    )
    assert added["ResponseMetadata"]["HTTPStatusCode"] == 201
    answer = await client("GetPolicy", FunctionName="hello")
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [json.loads(added["Statement"])],
    }
    assert list(json.loads(answer["Policy"])) == ["Version", "Id", "Statement"]


@pytest.mark.parametrize(
    ("changes", "principal", "condition"),
    [
        ({"Principal": "*"}, "*", None),
        ({"Principal": OTHER}, {"AWS": f"arn:aws:iam::{OTHER}:root"}, None),
        ({"Principal": f"arn:aws:iam::{OTHER}:role/r"}, {"AWS": f"arn:aws:iam::{OTHER}:role/r"}, None),
        (
            {"Principal": "*", "PrincipalOrgID": "o-1234567890"},
            "*",
            {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
        ),
        (
            {"Principal": "alexa-appkit.amazon.com", "EventSourceToken": "amzn1.ask.skill.x"},
            {"Service": "alexa-appkit.amazon.com"},
            {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask.skill.x"}},
        ),
        (
            {"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
            "*",
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
        (
            {"Principal": "*", "InvokedViaFunctionUrl": True},
            "*",
            {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        ),
    ],
)
async def test_every_condition_is_shown_in_its_own_key(client, hello, changes, principal, condition):
    statement = await add(client, **changes)
    assert statement["Principal"] == principal
    assert statement.get("Condition") == condition


async def test_statements_stand_in_the_order_in_which_they_came(client, hello):
    await add(client, StatementId="b")
    await add(client, StatementId="a")
    assert [each["Sid"] for each in (await policy(client))["Statement"]] == ["b", "a"]


async def test_a_statement_id_is_taken_once_for_each_qualifier(client, hello):
    version = (await client("PublishVersion", FunctionName="hello"))["Version"]
    await add(client)
    assert await refusal(add(client)) == (
        409,
        "ResourceConflictException",
        "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing "
        "statement.",
    )
    assert (await add(client, Qualifier=version))["Resource"] == function_arn("hello", version)
    assert (await add(client, FunctionName=None, name=f"hello:{version}", StatementId="x"))["Sid"] == "x"


async def test_each_change_gives_the_function_another_revision(client, hello):
    seen = {hello["RevisionId"], (await client("GetFunction", FunctionName="hello"))["Configuration"]["RevisionId"]}
    await add(client)
    first = (await client("GetPolicy", FunctionName="hello"))["RevisionId"]
    assert first not in seen
    shown = (await client("GetFunctionConfiguration", FunctionName="hello"))["RevisionId"]
    assert shown == first
    await add(client, StatementId="second", RevisionId=first)
    second = (await client("GetPolicy", FunctionName="hello"))["RevisionId"]
    assert second != first
    assert await refusal(add(client, StatementId="third", RevisionId=first)) == (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest "
        "Revision Id",
    )
    stale = client("RemovePermission", FunctionName="hello", StatementId="s3", RevisionId=first)
    assert await refusal(stale) == (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
    )
    await client("RemovePermission", FunctionName="hello", StatementId="s3", RevisionId=second)


async def test_the_revision_of_an_alias_is_its_own(client, hello):
    await client("PublishVersion", FunctionName="hello")
    alias = await client("CreateAlias", FunctionName="hello", Name="prod", FunctionVersion="1")
    before = (await client("GetFunctionConfiguration", FunctionName="hello"))["RevisionId"]
    await add(client, Qualifier="prod", RevisionId=alias["RevisionId"])
    after = (await client("GetPolicy", FunctionName="hello", Qualifier="prod"))["RevisionId"]
    assert (await client("GetAlias", FunctionName="hello", Name="prod"))["RevisionId"] == after != alias["RevisionId"]
    assert (await client("GetFunctionConfiguration", FunctionName="hello"))["RevisionId"] == before


async def test_a_policy_is_gone_with_its_last_statement(client, hello):
    await add(client)
    await add(client, StatementId="sqs", Principal="sqs.amazonaws.com")
    missing = client("RemovePermission", FunctionName="hello", StatementId="doesnotexist")
    assert await refusal(missing) == (
        404, "ResourceNotFoundException", "Statement doesnotexist is not found in resource policy.",
    )  # fmt: skip
    answer = await client("RemovePermission", FunctionName="hello", StatementId="sqs")
    assert answer == {"ResponseMetadata": {"HTTPStatusCode": 204}}
    assert [each["Sid"] for each in (await policy(client))["Statement"]] == ["s3"]
    await client("RemovePermission", FunctionName="hello", StatementId="s3")
    assert await refusal(policy(client)) == (
        404, "ResourceNotFoundException", "The resource you requested does not exist.",
    )  # fmt: skip


NOT_THERE = f"Function not found: {function_arn('doesnotexist')}"


@pytest.mark.parametrize(
    ("operation", "parameters", "refused"),
    [
        ("GetPolicy", {"FunctionName": "doesnotexist"}, (404, "ResourceNotFoundException", NOT_THERE)),
        ("AddPermission", S3 | {"FunctionName": "doesnotexist"}, (404, "ResourceNotFoundException", NOT_THERE)),
        (
            "RemovePermission",
            {"FunctionName": "doesnotexist", "StatementId": "s3"},
            (404, "ResourceNotFoundException", f"No policy found for: {function_arn('doesnotexist')}"),
        ),
        (
            "RemovePermission",
            {"FunctionName": "hello", "StatementId": "s3"},
            (404, "ResourceNotFoundException", "No policy is associated with the given resource."),
        ),
        (
            "GetPolicy",
            {"FunctionName": "hello", "Qualifier": "prod"},
            (404, "ResourceNotFoundException", "The resource you requested does not exist."),
        ),
        (
            "AddPermission",
            S3 | {"FunctionName": "hello", "Qualifier": "$LATEST"},
            (400, "InvalidParameterValueException", "We currently do not support adding policies for $LATEST."),
        ),
        (
            "AddPermission",
            S3 | {"FunctionName": "hello", "Qualifier": "alias-doesnotexist"},
            (
                404,
                "ResourceNotFoundException",
                f"Cannot find alias arn: {function_arn('hello', 'alias-doesnotexist')}",
            ),
        ),
        (
            "AddPermission",
            S3 | {"FunctionName": "hello", "Qualifier": "42"},
            (404, "ResourceNotFoundException", f"Function not found: {function_arn('hello', '42')}"),
        ),
        (
            "AddPermission",
            S3 | {"FunctionName": "hello:prod", "Qualifier": "42"},
            (
                400,
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match the specified qualifier.",
            ),
        ),
        (
            "AddPermission",
            S3 | {"FunctionName": "hello", "Principal": "invalid.nonaws.com"},
            (
                400,
                "InvalidParameterValueException",
                "The provided principal was invalid. Please check the principal and try again.",
            ),
        ),
        (
            "AddPermission",
            S3 | {"FunctionName": "hello", "StatementId": "example.com"},
            (
                400,
                "ValidationException",
                "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)",
            ),
        ),
        (
            "AddPermission",
            S3 | {"FunctionName": "hello", "FunctionUrlAuthType": "NONE"},
            (
                400,
                "InvalidParameterValueException",
                "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
            ),
        ),
    ],
)
async def test_what_cannot_be_is_refused_in_awss_words(client, hello, operation, parameters, refused):
    assert await refusal(client(operation, **parameters)) == refused


async def test_a_policy_has_an_end(client, hello):
    long = "arn:aws:s3:::" + "x" * 9_900
    await add(client, StatementId="one", SourceArn=long)
    await add(client, StatementId="two", SourceArn=long)
    status, code, message = await refusal(add(client, StatementId="three", SourceArn=long))
    assert (status, code) == (400, "PolicyLengthExceededException")
    assert message.startswith("The final policy size (3")
    assert message.endswith(") is bigger than the limit (20480).")
    assert len((await policy(client))["Statement"]) == 2


async def test_a_policy_goes_with_what_it_belongs_to(client, hello):
    await client("PublishVersion", FunctionName="hello")
    await client("CreateAlias", FunctionName="hello", Name="prod", FunctionVersion="1")
    for qualifier in (None, "1", "prod"):
        await add(client, Qualifier=qualifier)
    await client("DeleteAlias", FunctionName="hello", Name="prod")
    await client("CreateAlias", FunctionName="hello", Name="prod", FunctionVersion="$LATEST")
    assert (await refusal(policy(client, Qualifier="prod")))[0] == 404
    await client("DeleteFunction", FunctionName="hello", Qualifier="1")
    assert (await refusal(policy(client, Qualifier="1")))[0] == 404
    assert len((await policy(client))["Statement"]) == 1
    await client("DeleteFunction", FunctionName="hello")
    await client.create()
    assert (await refusal(policy(client)))[0] == 404


async def test_publishing_takes_no_policy_along(client, hello):
    await add(client)
    await client("PublishVersion", FunctionName="hello")
    assert (await refusal(policy(client, Qualifier="1")))[0] == 404
    assert len((await policy(client, Qualifier="$LATEST"))["Statement"]) == 1


async def test_statements_that_come_at_once_are_all_there(client, hello):
    await asyncio.gather(*(add(client, StatementId=f"s{number}") for number in range(10)))
    assert len((await policy(client))["Statement"]) == 10


async def test_regions_have_policies_of_their_own(client, hello):
    await add(client)
    status, code, _ = await refusal(client("GetPolicy", region="us-east-1", FunctionName="hello"))
    assert (status, code, REGION) == (404, "ResourceNotFoundException", "eu-west-1")
