"""Event invoke configs: Put, Update, Get, List and Delete, for $LATEST, versions and aliases."""

import datetime

import pytest
from control_client import ACCOUNT, REGION, START, RefusedError, creation, function_arn

from lambent.model import InvokeConfig

AT = datetime.datetime.fromtimestamp(START, datetime.UTC)
QUEUE, TOPIC = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders", f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
BUS, BUCKET = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default", "arn:aws:s3:::failures"
NOTHING_SAID = "You must specify at least one of error handling or destination setting."
NOBODY = "The function doesn't exist."
ITSELF = "You can't specify the function as a destination for itself."


def none_of(arn: str) -> str:
    return f"The function {arn} doesn't have an EventInvokeConfig"


async def put(client, name: str = "hello", **settings):
    return await client("PutFunctionEventInvokeConfig", FunctionName=name, **settings)


async def update(client, name: str = "hello", **settings):
    return await client("UpdateFunctionEventInvokeConfig", FunctionName=name, **settings)


async def get(client, name: str = "hello", **qualifier):
    return await client("GetFunctionEventInvokeConfig", FunctionName=name, **qualifier)


def body(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


async def refusal(asked) -> tuple[int, str, str]:
    with pytest.raises(RefusedError) as caught:
        await asked
    return caught.value.status, caught.value.code, caught.value.message


@pytest.fixture
async def hello(client):
    """A function with a version and an alias for it, and another function."""
    await client.create("hello", Publish=True)
    await client.create("other", Publish=True)
    await client("CreateAlias", FunctionName="hello", Name="prod", FunctionVersion="1")
    await client("CreateAlias", FunctionName="other", Name="prod", FunctionVersion="1")


async def test_an_answer_has_both_sides_of_the_destinations_and_only_what_was_said(client, hello):
    answer = await put(client, MaximumRetryAttempts=0)
    assert answer == {
        "LastModified": AT,
        "FunctionArn": function_arn(qualifier="$LATEST"),
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }
    assert await get(client) == answer
    assert await get(client, Qualifier="$LATEST") == answer


async def test_a_put_takes_the_place_of_everything(client, hello, clock):
    await put(client, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": QUEUE}})
    clock.advance(5)
    answer = await put(client, MaximumEventAgeInSeconds=60)
    assert body(answer) == {
        "LastModified": AT + datetime.timedelta(seconds=5),
        "FunctionArn": function_arn(qualifier="$LATEST"),
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }


async def test_an_update_leaves_what_it_does_not_speak_of(client, hello, clock):
    await put(client, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": QUEUE}})
    clock.advance(5)
    answer = await update(client, MaximumEventAgeInSeconds=21_600)
    assert body(answer) == {
        "LastModified": AT + datetime.timedelta(seconds=5),
        "FunctionArn": function_arn(qualifier="$LATEST"),
        "MaximumEventAgeInSeconds": 21_600,
        "MaximumRetryAttempts": 1,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}},
    }
    assert body(await get(client)) == body(answer)


async def test_an_update_of_the_destinations_is_about_both(client, hello):
    await put(client, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": QUEUE}})
    answer = await update(client, DestinationConfig={"OnSuccess": {"Destination": TOPIC}})
    assert answer["DestinationConfig"] == {"OnSuccess": {"Destination": TOPIC}, "OnFailure": {}}
    assert answer["MaximumRetryAttempts"] == 1
    answer = await update(client, DestinationConfig={"OnSuccess": {"Destination": ""}})
    assert answer["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}


@pytest.mark.parametrize(
    ("named", "qualifier", "about"),
    [
        ("hello", "1", "1"),
        ("hello:1", None, "1"),
        ("hello", "prod", "prod"),
        ("hello:prod", "prod", "prod"),
        (function_arn(qualifier="prod"), None, "prod"),
        ("hello:$LATEST", "$LATEST", "$LATEST"),
        ("hello", None, "$LATEST"),
    ],
)
async def test_each_qualifier_has_a_config_of_its_own(client, hello, named, qualifier, about):
    """All of these are recorded."""
    given = {"Qualifier": qualifier} if qualifier else {}
    answer = await put(client, named, MaximumRetryAttempts=2, **given)
    assert answer["FunctionArn"] == function_arn(qualifier=about)
    listed = await client("ListFunctionEventInvokeConfigs", FunctionName="hello")
    assert listed == {"FunctionEventInvokeConfigs": [body(answer)], "ResponseMetadata": {"HTTPStatusCode": 200}}
    deleted = await client("DeleteFunctionEventInvokeConfig", FunctionName=named, **given)
    assert deleted == {"ResponseMetadata": {"HTTPStatusCode": 204}}
    assert await refusal(get(client, named, **given)) == (
        404, "ResourceNotFoundException", none_of(function_arn(qualifier=about)),
    )  # fmt: skip


async def test_the_list_comes_page_by_page(client, hello):
    for qualifier in ("prod", "1", "$LATEST"):
        await put(client, Qualifier=qualifier, MaximumRetryAttempts=0)
    await put(client, "other", MaximumRetryAttempts=0)
    found, marker = [], {}
    while True:
        page = await client("ListFunctionEventInvokeConfigs", FunctionName="hello", MaxItems=1, **marker)
        found += [each["FunctionArn"] for each in page["FunctionEventInvokeConfigs"]]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}
    assert found == [function_arn(qualifier=each) for each in ("$LATEST", "1", "prod")]


@pytest.mark.parametrize("side", ["OnSuccess", "OnFailure"])
@pytest.mark.parametrize(
    "target",
    [
        QUEUE,
        TOPIC,
        BUS,
        function_arn("other"),
        function_arn("other", "1"),
        function_arn("other", "prod"),
    ],
)
async def test_what_may_be_a_destination_is_kept_as_it_was_given(client, hello, side, target):
    answer = await put(client, DestinationConfig={side: {"Destination": target}})
    assert answer["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}} | {side: {"Destination": target}}


async def test_a_bucket_may_be_a_destination_of_failures(client, hello):
    answer = await put(client, DestinationConfig={"OnFailure": {"Destination": BUCKET}})
    assert answer["DestinationConfig"]["OnFailure"] == {"Destination": BUCKET}


@pytest.mark.parametrize(
    ("asked", "message", "source"),
    [
        (("OnSuccess", function_arn("nobody")), f"The destination ARN {function_arn('nobody')} is invalid.", "ls"),
        (("OnSuccess", function_arn()), ITSELF, "ls"),
        (("OnFailure", function_arn(qualifier="prod")), ITSELF, "ls"),
        (
            ("OnFailure", function_arn("other", "9")),
            f"The destination ARN {function_arn('other', '9')} is invalid.",
            "ls",
        ),
        (
            ("OnSuccess", function_arn().replace(":lambda:", ":iam:")),
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="
            f"{function_arn().replace(':lambda:', ':iam:')}), onFailure=null) is invalid.",
            "localstack-core, recorded",
        ),
        (
            ("OnSuccess", BUCKET),
            f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={BUCKET}), "
            "onFailure=null) is invalid.",
            "cdk-preflight: refused",
        ),
        (
            ("OnFailure", "kafka://topic"),
            "The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination="
            "kafka://topic)) is invalid.",
            "for event source mappings only",
        ),
        (("OnFailure", f"{QUEUE}.fifo"), f"The destination ARN {QUEUE}.fifo is invalid.", "cdk-preflight: refused"),
        (("OnFailure", f"{TOPIC}.fifo"), f"The destination ARN {TOPIC}.fifo is invalid.", "cdk-preflight: refused"),
        (("OnFailure", f"{TOPIC}:1"), f"The destination ARN {TOPIC}:1 is invalid.", "a subscription"),
        (
            ("OnFailure", QUEUE.replace(REGION, "us-east-1")),
            f"The destination ARN {QUEUE.replace(REGION, 'us-east-1')} is invalid.",
            "cdk-preflight: refused",
        ),
        (
            ("OnFailure", function_arn("other").replace(REGION, "us-east-1")),
            f"The destination ARN {function_arn('other').replace(REGION, 'us-east-1')} is invalid.",
            "cdk-preflight: refused",
        ),
        (
            ("OnFailure", BUS.replace("default", "aws.partner/example.com/1")),
            f"The destination ARN {BUS.replace('default', 'aws.partner/example.com/1')} is invalid.",
            "issue 7507 of serverless",
        ),
        (("OnFailure", f"{BUCKET}/folder"), f"The destination ARN {BUCKET}/folder is invalid.", "not a bucket"),
    ],
)
async def test_what_may_not_be_a_destination_is_refused(client, hello, asked, message, source):
    side, target = asked
    refused = await refusal(put(client, DestinationConfig={side: {"Destination": target}}))
    assert refused == (400, "InvalidParameterValueException", message)
    assert await refusal(get(client)) == (404, "ResourceNotFoundException", none_of(function_arn(qualifier="$LATEST")))


async def test_a_layer_is_not_taken_for_a_function_of_that_name(client, hello):
    await client.create("layer", Publish=True)
    await client("CreateAlias", FunctionName="layer", Name="tools", FunctionVersion="1")
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:tools"
    status, _, message = await refusal(put(client, DestinationConfig={"OnFailure": {"Destination": layer}}))
    assert (status, message) == (400, f"The destination ARN {layer} is invalid.")


async def test_another_accounts_function_is_refused_though_it_is_there(client, hello):
    theirs = function_arn("theirs").replace(ACCOUNT, "222222222222")
    await client("CreateFunction", account="222222222222", **creation(theirs))
    await client.control.settled()
    refused = await refusal(put(client, DestinationConfig={"OnFailure": {"Destination": theirs}}))
    assert refused == (400, "InvalidParameterValueException", f"The destination ARN {theirs} is invalid.")
    namesake = function_arn().replace(ACCOUNT, "222222222222")  # it is not the function itself, but not there either
    refused = await refusal(put(client, DestinationConfig={"OnFailure": {"Destination": namesake}}))
    assert refused == (400, "InvalidParameterValueException", f"The destination ARN {namesake} is invalid.")


async def test_what_is_no_arn_is_refused_by_the_model(client, hello):
    wrong = function_arn().replace(":lambda:", ":_-/!lambda:")
    status, code, message = await refusal(put(client, DestinationConfig={"OnFailure": {"Destination": wrong}}))
    assert (status, code) == (400, "ValidationException")
    assert message.startswith(
        f"1 validation error detected: Value '{wrong}' at 'destinationConfig.onFailure.destination' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
    )


MISMATCH = "The derived qualifier from the function name does not match the specified qualifier."


@pytest.mark.parametrize(
    ("operation", "parameters", "status", "code", "message", "source"),
    [
        ("Put", {"FunctionName": "nobody"}, 400, "InvalidParameterValueException", NOTHING_SAID, "errors.tsv"),
        ("Update", {"FunctionName": "hello"}, 400, "InvalidParameterValueException", NOTHING_SAID, "errors.tsv"),
        (
            "Put",
            {"FunctionName": "nobody", "MaximumRetryAttempts": 1},
            404,
            "ResourceNotFoundException",
            NOBODY,
            "errors.tsv",
        ),
        (
            "Put",
            {"FunctionName": "hello", "Qualifier": "9", "MaximumRetryAttempts": 1},
            404,
            "ResourceNotFoundException",
            NOBODY,
            "localstack-core",
        ),
        (
            "Put",
            {"FunctionName": "hello", "Qualifier": "prodnot", "MaximumRetryAttempts": 1},
            404,
            "ResourceNotFoundException",
            NOBODY,
            "errors.tsv",
        ),
        (
            "Put",
            {"FunctionName": "hello:prod", "Qualifier": "1", "MaximumRetryAttempts": 1},
            400,
            "InvalidParameterValueException",
            MISMATCH,
            "errors.tsv",
        ),
        (
            "Update",
            {"FunctionName": "hello", "MaximumRetryAttempts": 1},
            404,
            "ResourceNotFoundException",
            none_of(function_arn(qualifier="$LATEST")),
            "errors.tsv",
        ),
        (
            "Update",
            {"FunctionName": "hello", "Qualifier": "doesnotexist", "MaximumRetryAttempts": 1},
            404,
            "ResourceNotFoundException",
            NOBODY,
            "localstack-core",
        ),
        (
            "Get",
            {"FunctionName": "hello", "Qualifier": "doesnotexist"},
            404,
            "ResourceNotFoundException",
            none_of(function_arn(qualifier="doesnotexist")),
            "errors.tsv",
        ),
        (
            "Delete",
            {"FunctionName": "hello", "Qualifier": "prod"},
            404,
            "ResourceNotFoundException",
            none_of(function_arn(qualifier="prod")),
            "errors.tsv",
        ),
        (
            "Delete",
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            none_of(function_arn("nobody", "$LATEST")),
            "errors.tsv",
        ),
        (
            "Put",
            {"FunctionName": "hello", "MaximumEventAgeInSeconds": 59},
            400,
            "ValidationException",
            "1 validation error detected: Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 60",
            "service model",
        ),
        (
            "Put",
            {"FunctionName": "hello", "MaximumRetryAttempts": 3},
            400,
            "ValidationException",
            "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: "
            "Member must have value less than or equal to 2",
            "service model",
        ),
    ],
)
async def test_what_aws_refuses_is_refused_in_its_words(  # noqa: PLR0917
    client, hello, operation, parameters, status, code, message, source
):
    refused = await refusal(client(f"{operation}FunctionEventInvokeConfig", **parameters))
    assert refused == (status, code, message)


async def test_a_list_for_nobody_is_refused(client):
    refused = await refusal(client("ListFunctionEventInvokeConfigs", FunctionName="nobody"))
    assert refused == (404, "ResourceNotFoundException", NOBODY)


async def test_the_engine_sees_what_was_set_with_awss_defaults_for_the_rest(client, control, hello):
    key = (ACCOUNT, REGION, "hello")
    assert control.invoke_configs.get(*key, "") == InvokeConfig(max_age_s=21_600, max_retries=2)
    await put(client, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": QUEUE}})
    await put(client, Qualifier="prod", MaximumEventAgeInSeconds=60)
    assert control.invoke_configs.get(*key, "") == InvokeConfig(max_retries=0, on_failure=QUEUE)
    assert control.invoke_configs.get(*key, "$LATEST") == InvokeConfig(max_retries=0, on_failure=QUEUE)
    assert control.invoke_configs.get(*key, "prod") == InvokeConfig(max_age_s=60)
    assert control.invoke_configs.get(*key, "1") == InvokeConfig()


async def test_it_goes_with_its_version_its_alias_or_its_function(client, hello):
    for qualifier in ("$LATEST", "1", "prod"):
        await put(client, Qualifier=qualifier, MaximumRetryAttempts=0)

    async def left() -> list[str]:
        listed = await client("ListFunctionEventInvokeConfigs", FunctionName="hello")
        return [each["FunctionArn"].rpartition(":")[2] for each in listed["FunctionEventInvokeConfigs"]]

    await client("DeleteAlias", FunctionName="hello", Name="prod")
    assert await left() == ["$LATEST", "1"]
    await client("DeleteFunction", FunctionName="hello", Qualifier="1")
    assert await left() == ["$LATEST"]
    await client("DeleteFunction", FunctionName="hello")
    await client.create("hello")
    assert await left() == []
