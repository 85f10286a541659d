"""CreateFunction: the answer, the defaults and every refusal."""

import asyncio
import base64
import hashlib
import re

import pytest
from control_client import ACCOUNT, REGION, ROLE, RefusedError, creation, function_arn, make_zip

from lambent.control import rules

LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:tools:1"
MANDATORY = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
UNCONFIGURABLE = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
)


async def test_the_answer_is_a_pending_function_with_awss_defaults(client):
    answer = await client("CreateFunction", **creation())
    status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
    assert status == 201
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.pop("RevisionId"))
    assert answer.pop("RuntimeVersionConfig")["RuntimeVersionArn"].startswith(f"arn:aws:lambda:{REGION}::runtime:")
    assert answer == {
        "Architectures": ["x86_64"],
        "CodeSha256": base64.b64encode(hashlib.sha256(make_zip()).digest()).decode(),
        "CodeSize": len(make_zip()),
        "Description": "",
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": function_arn(),
        "FunctionName": "hello",
        "Handler": "app.handler",
        "LastModified": "2026-01-12T15:37:17.250+0000",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/hello"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "Role": ROLE,
        "Runtime": "python3.13",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
    }


async def test_what_is_asked_for_is_what_it_gets(client):
    asked = {
        "Description": "greets",
        "Timeout": 900,
        "MemorySize": 10240,
        "Environment": {"Variables": {"NAME": "world"}},
        "EphemeralStorage": {"Size": 10240},
        "Architectures": ["x86_64"],
        "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "LogGroup": "mine"},
    }
    answer = await client.create(**asked, Tags={"team": "a"})
    asked["LoggingConfig"]["SystemLogLevel"] = "INFO"
    assert {name: answer[name] for name in asked} == asked
    assert (await client("GetFunction", FunctionName="hello"))["Tags"] == {"team": "a"}


async def test_empty_variables_are_shown_and_absent_ones_are_not(client):
    assert "Environment" not in await client.create("absent")
    assert (await client.create("empty", Environment={"Variables": {}}))["Environment"] == {"Variables": {}}


async def test_options_that_ask_for_nothing_are_taken(client):
    answer = await client.create(
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        DeadLetterConfig={},
        KMSKeyArn="",
        TracingConfig={"Mode": "PassThrough"},
        FileSystemConfigs=[],
        Layers=[],
        SnapStart={"ApplyOn": "None"},
        ImageConfig={},
        PackageType="Zip",
    )
    assert not {"VpcConfig", "DeadLetterConfig", "KMSKeyArn", "Layers", "ImageConfigResponse"} & set(answer)


@pytest.mark.parametrize(
    "name",
    ["hello", function_arn(), f"{ACCOUNT}:function:hello", "function:hello", f"{REGION}:{ACCOUNT}:function:hello"],
)
async def test_every_form_of_a_name_makes_the_same_function(client, name):
    assert (await client.create(name))["FunctionArn"] == function_arn()


# request changes | status | code | message | source of the sentence
REFUSALS = [
    ({"Runtime": None}, 400, "InvalidParameterValueException", MANDATORY, "aws docs"),
    ({"Handler": None}, 400, "InvalidParameterValueException", MANDATORY, "aws docs"),
    (
        {"Runtime": "java8"},
        400,
        "InvalidParameterValueException",
        "The runtime parameter of java8 is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions.",
        "errors.tsv",
    ),
    ({"Runtime": "java21"}, 400, "InvalidParameterValueException", "Lambent does not run java21 itself.", "capacity"),
    (
        {"MemorySize": 10241},
        400,
        "InvalidParameterValueException",
        "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240",
        "cdk-preflight pf-lambda-memory-max",
    ),
    (
        {"Timeout": 901},
        400,
        "ValidationException",
        "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: "
        "Member must have value less than or equal to 900",
        "reported from AWS",
    ),
    (
        {"MemorySize": 127},
        400,
        "ValidationException",
        "1 validation error detected: Value '127' at 'memorySize' failed to satisfy constraint: "
        "Member must have value greater than or equal to 128",
        "service model",
    ),
    (
        {"EphemeralStorage": {"Size": 10241}},
        400,
        "InvalidParameterValueException",
        "'EphemeralStorage.Size' value failed to satisfy constraint: "
        "Member must have value less than or equal to 10240",
        "ours, after the one for memory",
    ),
    (
        {"Environment": {"Variables": {"LARGE_VAR": "x" * 4100}}},
        400,
        "InvalidParameterValueException",
        UNCONFIGURABLE + 'exceeded the 4KB limit. String measured: {"LARGE_VAR":"' + "x" * 4100 + '"}',
        "errors.tsv",
    ),
    (
        {"Environment": {"Variables": {"AWS_REGION": "x", "OK": "1", "AWS_ACCESS_KEY_ID": "y"}}},
        400,
        "InvalidParameterValueException",
        UNCONFIGURABLE + "contains reserved keys that are currently not supported for modification. "
        "Reserved keys used in this request: AWS_REGION, AWS_ACCESS_KEY_ID",
        "reported from AWS",
    ),
    (
        {"Layers": [LAYER]},
        400,
        "InvalidParameterValueException",
        f"Layer version {LAYER} does not exist.",
        "errors.tsv",
    ),
    (
        {"Layers": [LAYER.replace(REGION, "us-east-1")]},
        400,
        "InvalidParameterValueException",
        f"Layers are not in the same region as the function. Layers are expected to be in region {REGION}.",
        "errors.tsv",
    ),
    ({"Layers": [LAYER] * 6}, 400, "InvalidParameterValueException", "Cannot reference more than 5 layers.", "LS"),
    (
        {"Code": {"ZipFile": b"no zip"}},
        400,
        "InvalidParameterValueException",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
        "errors.tsv",
    ),
    ({"Code": {}}, 400, "InvalidParameterValueException", "Please provide a source for function code.", "AWS"),
    (
        {"Code": {"ZipFile": make_zip(), "S3Bucket": "bucket", "S3Key": "key"}},
        400,
        "InvalidParameterValueException",
        "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        "AWS",
    ),
    (
        {"LoggingConfig": {"LogFormat": "Text", "ApplicationLogLevel": "INFO"}},
        400,
        "InvalidParameterValueException",
        'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the '
        'LogFormat to "JSON" and try again.',
        "LS",
    ),
    (
        {"Tags": {f"tag{number}": "" for number in range(51)}},
        400,
        "InvalidParameterValueException",
        "Number of tags exceeds resource tag limit.",
        "LS",
    ),
    (
        {"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": "nodejs22.x"},
        400,
        "InvalidParameterValueException",
        "nodejs22.x is not supported for SnapStart enabled functions.",
        "LS",
    ),
    (
        {"FunctionName": "x" * 65},
        400,
        "ValidationException",
        f"1 validation error detected: Value '{'x' * 65}' at 'functionName' failed to satisfy constraint: "
        "Member must have length less than or equal to 64",
        "cdk-preflight",
    ),
]


@pytest.mark.parametrize(("changes", "status", "code", "message", "source"), REFUSALS)
async def test_what_aws_refuses_is_refused_in_its_words(client, changes, status, code, message, source):  # noqa: PLR0917
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(**changes))
    assert (caught.value.status, caught.value.code, caught.value.message) == (status, code, message)
    assert (await client("ListFunctions"))["Functions"] == []


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"VpcConfig": {"Ipv6AllowedForDualStack": True}}, "Ipv6AllowedForDualStack"),
    ],
)
async def test_what_would_not_be_obeyed_is_refused_by_name(client, changes, option):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(**changes))
    assert (caught.value.status, caught.value.code) == (501, "NotImplementedException")
    assert option in caught.value.message


async def test_code_for_another_machine_is_refused(client):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(Architectures=["arm64"]))
    assert caught.value.code == "InvalidParameterValueException"
    assert caught.value.message.startswith("This machine is x86_64 and cannot run arm64 functions.")


@pytest.mark.parametrize("name", ["hello:1", "hello:$LATEST", "hello:prod"])
async def test_a_qualified_name_makes_no_function(client, name):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(name))
    assert caught.value.code == "InvalidParameterValueException"
    assert caught.value.message.startswith("This operation is permitted on Lambda functions only.")


async def test_a_taken_name_is_refused_before_the_code_is_looked_at(client):
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(Code={"ZipFile": b"no zip"}))
    assert (caught.value.status, caught.value.code) == (409, "ResourceConflictException")
    assert caught.value.message == "Function already exist: hello"


async def test_of_two_requests_for_a_name_at_once_one_wins(client):
    answers = await asyncio.gather(*(client.create() for _ in range(5)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, RefusedError)]
    assert len(refused) == 4
    assert {refusal.message for refusal in refused} == {"Function already exist: hello"}


async def test_a_request_body_beyond_awss_limit_is_refused(client, monkeypatch):
    monkeypatch.setattr(rules, "REQUEST_BYTES", 100)
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation())
    assert (caught.value.status, caught.value.code) == (413, "RequestEntityTooLargeException")
    assert caught.value.message == "Request must be smaller than 100 bytes for the CreateFunction operation"


async def test_a_zip_beyond_50_mb_is_refused(client, monkeypatch):
    monkeypatch.setattr(rules, "ZIPPED_BYTES", 100)
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation())
    assert (caught.value.status, caught.value.code) == (413, "RequestEntityTooLargeException")
    assert caught.value.message == "Zipped size must be smaller than 100 bytes"


def test_the_limits_are_awss():
    assert (rules.REQUEST_BYTES, rules.ZIPPED_BYTES, rules.UNZIPPED_BYTES) == (70167211, 52428800, 262144000)


async def test_environments_of_exactly_4_kb_are_taken(client):
    overhead = len('{"NAME":""}')
    await client.create(Environment={"Variables": {"NAME": "x" * (4096 - overhead)}})


async def test_publishing_at_once_answers_with_version_1(client):
    answer = await client("CreateFunction", **creation(Publish=True))
    assert (answer["Version"], answer["FunctionArn"], answer["State"]) == ("1", function_arn(), "Pending")
    await client.control.settled()
    first = await client("GetFunctionConfiguration", FunctionName="hello", Qualifier="1")
    assert (first["State"], first["LastUpdateStatus"]) == ("Active", "Successful")
    assert first["FunctionArn"] == function_arn(qualifier="1")
    latest = await client("GetFunctionConfiguration", FunctionName="hello")
    assert (latest["State"], latest["Version"]) == ("Active", "$LATEST")


async def test_the_runtimes_of_a_later_day_are_judged_by_that_day(client, clock):
    clock.advance(400 * 86400)  # python3.9 can be created until 2027-02-01
    with pytest.raises(RefusedError, match=r"runtime parameter of python3\.9 is no longer supported"):
        await client.create(Runtime="python3.9")
