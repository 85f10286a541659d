"""Our answers against those that the real AWS was recorded to give, member for member."""

import json
import re
from pathlib import Path

import pytest
from control_client import ACCOUNT, REGION, RefusedError, creation, function_arn, make_zip

from lambent.control import rules

RECORDED = json.loads((Path(__file__).parent / "recorded_answers.json").read_text())
ROLE = f"arn:aws:iam::{ACCOUNT}:role/made-up"

# What differs at each run: in the recordings a placeholder, here checked for being there and of the right kind.
VARYING = {"CodeSha256": str, "CodeSize": int, "LastModified": str, "RevisionId": str, "RuntimeVersionConfig": dict}


def comparable(answer, **names):
    """An answer or recording with everything that varies replaced by its type, and the recorder's names by ours."""
    if isinstance(answer, dict):
        fixed = {key: comparable(value, **names) for key, value in answer.items() if key != "HTTPHeaders"}
        return fixed | {key: kind.__name__ for key, kind in VARYING.items() if key in fixed}
    if isinstance(answer, list):
        return [comparable(value, **names) for value in answer]
    for placeholder, name in names.items():
        if isinstance(answer, str):
            answer = answer.replace(f"<{placeholder.replace('_', '-').replace('-of-', ':')}>", name)
    return answer


def ours(recorded, **names):
    known = {"partition": "aws", "region": REGION, **names}
    return comparable(recorded, **known)


def typed(answer):
    """Ours, after checking that what varies is of the right type."""
    for key, kind in VARYING.items():
        assert isinstance(answer.get(key, kind()), kind)
    return comparable(answer)


@pytest.mark.parametrize("runtime", list(RECORDED["create"]))
async def test_create_function_answers_as_recorded(client, runtime):
    expected = ours(RECORDED["create"][runtime], function_name_of_1="hello", resource_of_1="made-up")
    asked = creation(
        Runtime=runtime,
        Handler=expected["Handler"],
        MemorySize=1024,
        Role=ROLE,
        Environment={"Variables": {"TEST_KEY": "TEST_VAL"}},
    )
    assert typed(await client("CreateFunction", **asked)) == expected


async def test_get_function_with_tags_answers_as_recorded(client):
    expected = ours(RECORDED["get_with_tags"], resource_of_1="hello", resource_of_2="made-up")
    expected["Tags"] = {key: re.sub("[<>]", "", value) for key, value in expected["Tags"].items()}
    await client.create(Runtime="python3.11", Handler="index.handler", Role=ROLE)
    await client.control.functions.put_tags(
        ACCOUNT, REGION, "hello", expected["Tags"]
    )  # CloudFormation's begin with aws:
    answer = typed(await client("GetFunction", FunctionName="hello"))
    answer["Code"]["Location"] = expected["Code"]["Location"]
    assert answer == expected


async def make_versions(client):
    recorded = RECORDED["get_version"]["Configuration"]
    changes = {"Runtime": recorded["Runtime"], "Handler": recorded["Handler"], "Role": ROLE}
    await client.create(**changes)
    await client("PublishVersion", FunctionName="hello", Description=recorded["Description"])


async def test_a_version_answers_as_recorded(client):
    names = {"resource_of_2": "hello:1", "resource_of_3": "hello", "resource_of_4": "made-up"}
    expected = ours(RECORDED["get_version"], **names)
    await make_versions(client)
    answer = typed(await client("GetFunction", FunctionName="hello", Qualifier="1"))
    answer["Code"]["Location"] = expected["Code"]["Location"]
    assert answer == expected


async def test_the_list_of_versions_answers_as_recorded(client):
    names = {"resource_of_2": "hello:1", "resource_of_3": "hello", "resource_of_4": "made-up"}
    expected = ours(RECORDED["list_versions"], **names)
    await make_versions(client)
    assert typed(await client("ListVersionsByFunction", FunctionName="hello")) == expected


async def test_an_alias_answers_as_recorded(client):
    expected = ours(RECORDED["alias"], resource_of_1="hello:live", alias_name="live")
    await make_versions(client)
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1")
    assert typed(await client("GetAlias", FunctionName="hello", Name="live")) == expected


async def test_json_logging_is_filled_in_as_recorded(client):
    answer = await client.create(LoggingConfig={"LogFormat": "JSON"})
    assert answer["LoggingConfig"] == ours(RECORDED["json_logging"], function_name="hello")


NO_LONGER = (
    "The runtime parameter of {} is no longer supported for creating or updating AWS Lambda functions. "
    "We recommend you use a supported runtime while creating or updating functions."
)
BLOCKED = ["java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "nodejs12.x"]
STALE = "0" * 8 + "-0000-0000-0000-" + "0" * 12
INVALID, NOT_FOUND, VALIDATION = "InvalidParameterValueException", "ResourceNotFoundException", "ValidationException"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer"

# operation | parameters | status | code | message as in ../shared/oracles/errors.tsv, with our names filled in
ERRORS = [
    ("GetFunction", {"FunctionName": "nobody"}, 404, NOT_FOUND, f"Function not found: {function_arn('nobody')}"),
    (
        "GetFunction",
        {"FunctionName": "some-function", "Qualifier": "$LATEST"},
        404,
        NOT_FOUND,
        f"Function not found: {function_arn('some-function')}:$LATEST",
    ),
    (
        "GetFunctionConfiguration",
        {"FunctionName": "hello", "Qualifier": "1221"},
        404,
        NOT_FOUND,
        f"Function not found: {function_arn()}:1221",
    ),
    (
        "GetFunction",
        {"FunctionName": "hello:aliasdoesnotexist"},
        404,
        NOT_FOUND,
        f"Function not found: {function_arn()}:aliasdoesnotexist",
    ),
    (
        "DeleteFunction",
        {"FunctionName": "hello:1", "Qualifier": "$LATEST"},
        400,
        INVALID,
        "The derived qualifier from the function name does not match the specified qualifier.",
    ),
    (
        "DeleteFunction",
        {"FunctionName": "hello:$LATEST", "Qualifier": "$LATEST"},
        400,
        INVALID,
        "$LATEST version cannot be deleted without deleting the function.",
    ),
    (
        "GetFunction",
        {"FunctionName": f"arn:aws:lambda:ap-southeast-1:{ACCOUNT}:function:hello"},
        404,
        NOT_FOUND,
        f"Functions from 'ap-southeast-1' are not reachable in this region ('{REGION}')",
    ),
    (
        "PublishVersion",
        {"FunctionName": "hello", "RevisionId": STALE},
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
    ),
    (
        "CreateFunction",
        creation("new", Environment={"Variables": {"LARGE_VAR": "x" * 4083}}),
        400,
        INVALID,
        "Lambda was unable to configure your environment variables because the environment variables you have provided "
        'exceeded the 4KB limit. String measured: {"LARGE_VAR":"' + "x" * 4083 + '"}',
    ),
    (
        "TagResource",
        {"Resource": function_arn(qualifier="1"), "Tags": {"a": "b"}},
        400,
        INVALID,
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    ),
    (
        "UntagResource",
        {"Resource": function_arn(), "TagKeys": []},
        400,
        VALIDATION,
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
    ),
    (
        "TagResource",
        {"Resource": function_arn(), "Tags": {}},
        400,
        INVALID,
        "An error occurred and the request cannot be processed.",
    ),
    (
        "CreateFunction",
        creation("new", Architectures=["X86_64"]),
        400,
        VALIDATION,
        "1 validation error detected: Value '[X86_64]' at 'architectures' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
        "Member must not be null]",
    ),
    (
        "CreateFunction",
        creation("new", Code={"ZipFile": b"this is not a zip file"}),
        400,
        INVALID,
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    ),
    (
        "ListFunctions",
        {"FunctionVersion": "invalid"},
        400,
        VALIDATION,
        "1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ALL]",
    ),
    (
        "CreateFunction",
        creation("new", Layers=[f"{LAYER}:doesnotexist:1"]),
        400,
        INVALID,
        f"Layer version {LAYER}:doesnotexist:1 does not exist.",
    ),
    (
        "UpdateFunctionConfiguration",
        {"FunctionName": "hello", "Layers": [f"arn:aws:lambda:us-west-2:{ACCOUNT}:layer:there:1"]},
        400,
        INVALID,
        f"Layers are not in the same region as the function. Layers are expected to be in region {REGION}.",
    ),
    (
        "UpdateFunctionCode",
        {"FunctionName": "hello", "ImageUri": "image"},
        400,
        INVALID,
        "Please don't provide ImageUri when updating a function with packageType Zip.",
    ),
    *[("CreateFunction", creation("new", Runtime=name), 400, INVALID, NO_LONGER.format(name)) for name in BLOCKED],
]


@pytest.mark.parametrize(("operation", "parameters", "status", "code", "message"), ERRORS)
async def test_errors_read_as_recorded(client, operation, parameters, status, code, message):  # noqa: PLR0917
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    assert (caught.value.status, caught.value.code, caught.value.message) == (status, code, message)


async def test_an_update_in_progress_reads_as_recorded(client, capacity):
    await client.create()
    capacity.hold()
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=make_zip("x = 1"))
    with pytest.raises(RefusedError) as caught:
        await client("UpdateFunctionConfiguration", FunctionName="hello", Timeout=9)
    assert (caught.value.status, caught.value.code) == (409, "ResourceConflictException")
    assert caught.value.message == (
        f"The operation cannot be performed at this time. An update is in progress for resource: {function_arn()}"
    )
    capacity.let_go()


async def test_too_large_a_request_reads_as_recorded(client):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(Code={"ZipFile": bytes(rules.REQUEST_BYTES * 3 // 4)}))
    assert (caught.value.status, caught.value.code) == (413, "RequestEntityTooLargeException")
    assert caught.value.message == "Request must be smaller than 70167211 bytes for the CreateFunction operation"


# The spelling of the members beside Error: LocalStack's snapshots of the same suite.
@pytest.mark.parametrize(
    ("operation", "parameters", "spelling"),
    [
        ("GetFunction", {"FunctionName": "nobody"}, "Message"),
        ("DeleteFunction", {"FunctionName": "hello:$LATEST"}, "message"),
        ("PublishVersion", {"FunctionName": "hello", "RevisionId": STALE}, "message"),
        ("CreateFunction", creation("hello"), "message"),
    ],
)
async def test_errors_carry_the_members_that_awss_do(client, operation, parameters, spelling):
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    assert (caught.value.answer["Type"], caught.value.answer[spelling]) == ("User", caught.value.message)
