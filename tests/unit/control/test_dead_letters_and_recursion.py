"""DeadLetterConfig of functions and versions, and Put- and GetFunctionRecursionConfig."""

import pytest
from control_client import ACCOUNT, REGION, RefusedError, creation, function_arn

from lambent.control.documents import as_version

QUEUE, TOPIC = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead", f"arn:aws:sns:{REGION}:{ACCOUNT}:dead"
BAD = "Invalid dead letter queue ARN: "


async def configure(client, **changes):
    answer = await client("UpdateFunctionConfiguration", FunctionName="hello", **changes)
    await client.control.settled()
    return answer


async def shown(client, **qualifier):
    return (await client("GetFunctionConfiguration", FunctionName="hello", **qualifier)).get("DeadLetterConfig")


@pytest.mark.parametrize("target", [QUEUE, TOPIC])
async def test_a_standard_queue_or_topic_may_take_dead_letters(client, control, target):
    answer = await client.create(DeadLetterConfig={"TargetArn": target})
    assert answer["DeadLetterConfig"] == {"TargetArn": target}
    assert await shown(client) == {"TargetArn": target}
    assert as_version(control.functions.get_version(ACCOUNT, REGION, "hello")).dead_letter == target


@pytest.mark.parametrize("given", [None, {}, {"TargetArn": ""}])
async def test_without_a_target_it_is_not_shown(client, control, given):
    answer = await client.create(DeadLetterConfig=given)
    assert "DeadLetterConfig" not in answer
    assert await shown(client) is None
    assert as_version(control.functions.get_version(ACCOUNT, REGION, "hello")).dead_letter == ""


async def test_an_update_sets_it_leaves_it_and_an_empty_target_ends_it(client):
    await client.create()
    assert (await configure(client, DeadLetterConfig={"TargetArn": QUEUE}))["DeadLetterConfig"] == {"TargetArn": QUEUE}
    await configure(client, Timeout=5)
    assert (await configure(client, DeadLetterConfig={}))["DeadLetterConfig"] == {"TargetArn": QUEUE}  # recorded
    await configure(client, DeadLetterConfig={"TargetArn": TOPIC})
    assert await shown(client) == {"TargetArn": TOPIC}
    assert "DeadLetterConfig" not in await configure(client, DeadLetterConfig={"TargetArn": ""})
    assert await shown(client) is None


async def test_versions_keep_the_one_that_they_were_published_with(client, control):
    await client.create(DeadLetterConfig={"TargetArn": QUEUE}, Publish=True)
    await configure(client, DeadLetterConfig={"TargetArn": ""})
    second = await client("PublishVersion", FunctionName="hello")
    assert second["Version"] == "2"
    assert await shown(client, Qualifier="1") == {"TargetArn": QUEUE}
    assert await shown(client, Qualifier="2") is None
    assert as_version(control.functions.get_version(ACCOUNT, REGION, "hello", "1")).dead_letter == QUEUE


REFUSALS = [
    (
        function_arn("other"),
        BAD + "The service specified by the TargetArn is not supported for dead letter configuration.",
        "cdk-preflight (pf-lambda-dlq-service)",
    ),
    (
        QUEUE.replace(REGION, "us-east-1"),
        BAD + "The resource specified by the TargetArn must be in the same region as the Lambda function it's "
        "associated with.",
        "cdk-preflight (pf-lambda-dlq-region)",
    ),
    (f"{QUEUE}.fifo", BAD + "FIFO SQS queue is not supported for dead letter configuration", "a deployment log"),
    (f"{TOPIC}.fifo", BAD + "FIFO SNS topic is not supported for dead letter configuration", "made like the one above"),
    (f"{TOPIC}:1", BAD + f"{TOPIC}:1 names neither a queue nor a topic.", "ours"),
    (
        f"arn:aws:sqs:{REGION}",
        BAD + "The service specified by the TargetArn is not supported for dead letter configuration.",
        "ours",
    ),
]


@pytest.mark.parametrize(("target", "message", "source"), REFUSALS)
async def test_what_cannot_take_dead_letters_is_refused(client, target, message, source):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(DeadLetterConfig={"TargetArn": target}))
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    assert caught.value.message == message
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client("UpdateFunctionConfiguration", FunctionName="hello", DeadLetterConfig={"TargetArn": target})
    assert caught.value.message == message
    assert await shown(client) is None


async def test_loops_are_stopped_unless_a_function_allows_them(client, control):
    await client.create()
    key = (ACCOUNT, REGION, "hello")
    asked = await client("GetFunctionRecursionConfig", FunctionName="hello")
    assert asked == {"RecursiveLoop": "Terminate", "ResponseMetadata": {"HTTPStatusCode": 200}}
    assert control.invoke_configs.recursion(*key) == "Terminate"
    for loop in ("Allow", "Terminate", "Allow"):
        answer = await client("PutFunctionRecursionConfig", FunctionName="hello", RecursiveLoop=loop)
        assert answer == {"RecursiveLoop": loop, "ResponseMetadata": {"HTTPStatusCode": 200}}
        assert (await client("GetFunctionRecursionConfig", FunctionName="hello"))["RecursiveLoop"] == loop
        assert control.invoke_configs.recursion(*key) == loop


@pytest.mark.parametrize(
    ("operation", "parameters", "status", "code", "message", "source"),
    [
        (
            "PutFunctionRecursionConfig",
            {"FunctionName": "hello", "RecursiveLoop": "InvalidValue"},
            400,
            "ValidationException",
            "1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member "
            "must satisfy enum value set: [Terminate, Allow]",
            "errors.tsv",
        ),
        (
            "PutFunctionRecursionConfig",
            {"FunctionName": "nobody", "RecursiveLoop": "Allow"},
            404,
            "ResourceNotFoundException",
            f"Function not found: {function_arn('nobody')}",
            "localstack-core",
        ),
        (
            "GetFunctionRecursionConfig",
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            f"Function not found: {function_arn('nobody')}",
            "localstack-core",
        ),
    ],
)
async def test_what_aws_refuses_is_refused_in_its_words(  # noqa: PLR0917
    client, operation, parameters, status, code, message, source
):
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    assert (caught.value.status, caught.value.code, caught.value.message) == (status, code, message)


async def test_a_qualified_name_breaks_the_models_pattern(client):
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client("GetFunctionRecursionConfig", FunctionName="hello:1")
    assert (caught.value.status, caught.value.code) == (400, "ValidationException")
    assert caught.value.message.startswith("1 validation error detected: Value 'hello:1' at 'functionName' failed")


async def test_what_loops_may_do_goes_with_the_function(client, control):
    await client.create()
    await client("PutFunctionRecursionConfig", FunctionName="hello", RecursiveLoop="Allow")
    await client("DeleteFunction", FunctionName="hello")
    await client.create()
    control.invoke_configs.forget(ACCOUNT, REGION, "hello")  # as the engine does when a function is deleted
    assert (await client("GetFunctionRecursionConfig", FunctionName="hello"))["RecursiveLoop"] == "Terminate"
