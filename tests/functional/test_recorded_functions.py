"""What the real AWS's introspecting and failing functions answered, against what they answer here, member for member.

Recorded by LocalStack (tests/unit/api/recorded_answers_of_suites.json names the recordings); newest runtimes only.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from real_server import Function, Server

RECORDED = json.loads(
    (Path(__file__).parents[1] / "unit" / "api" / "recorded_answers_of_suites.json").read_text()
)  # fmt: skip
ROLE = "arn:aws:iam::000000000000:role/any"
PYTHON = """
    import os
    def handler(event, context):
        if event.get("fail"):
            raise Exception("Failed: some_error_msg")
        return {"environment": dict(os.environ), "packages": [], "ctx": {
            "aws_request_id": context.aws_request_id, "function_name": context.function_name,
            "function_version": context.function_version, "invoked_function_arn": context.invoked_function_arn,
            "log_group_name": context.log_group_name, "log_stream_name": context.log_stream_name,
            "memory_limit_in_mb": context.memory_limit_in_mb,
            "remaining_time_in_millis": context.get_remaining_time_in_millis()}}
"""
NODE = """
    exports.handler = async (event, context) => {
        if (event.fail) throw new Error("Error: some_error_msg");
        return {environment: process.env, packages: [], ctx: {
            aws_request_id: context.awsRequestId, function_name: context.functionName,
            function_version: context.functionVersion, invoked_function_arn: context.invokedFunctionArn,
            log_group_name: context.logGroupName, log_stream_name: context.logStreamName,
            remaining_time_in_millis: context.getRemainingTimeInMillis()}};
    };
"""
# Addresses of AWS's own machines: here they are of the sandbox's own network.
ADDRESSES = ("AWS_LAMBDA_RUNTIME_API", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS")


@pytest.fixture(params=["python", "nodejs"])
def introspecting(request: pytest.FixtureRequest, server: Server, deploy: Any) -> Function:
    """A function of the newest runtime of that kind that is installed here and was recorded."""
    here = [each["name"] for each in server.status()["runtimes"]]
    usable = [name for name in here if name.startswith(request.param) and name in RECORDED["introspected"]]
    if not usable:
        pytest.skip(f"no recorded {request.param} is installed here")
    runtime = max(usable, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    python = request.param == "python"
    function: Function = deploy(
        {"handler.py": PYTHON} if python else {"index.js": NODE}, Runtime=runtime, MemorySize=1024, Timeout=10,
        Handler="handler.handler" if python else "index.handler", Environment={"Variables": {"TEST_KEY": "TEST_VAL"}},
    )  # fmt: skip
    return function


def comparable(answer: Any, expected: Any) -> Any:
    """Ours, with the recorder's placeholder wherever that stands for any text or number."""
    if isinstance(expected, dict) and isinstance(answer, dict):
        return {key: comparable(value, expected.get(key)) for key, value in answer.items()}
    if isinstance(expected, str) and re.fullmatch(r"<[^<>]+>", expected) and answer not in (None, ""):
        return expected
    return answer


def test_a_function_sees_what_it_sees_on_aws_and_fails_as_it_fails_there(introspecting: Function) -> None:
    runtime = introspecting.server.client.get_function_configuration(FunctionName=introspecting.name)["Runtime"]
    names = {"<function-name:1>": introspecting.name, "<partition>": "aws", "111111111111": "000000000000"}
    text = json.dumps(RECORDED["introspected"][runtime]).replace('"<region>"', '"us-east-1"')
    for placeholder, name in {**names, "<region>": "us-east-1"}.items():
        text = text.replace(placeholder, name)
    expected = json.loads(text)
    qualified = expected.pop("qualified_arn")
    answer = introspecting.call({}).value
    assert answer["environment"].pop("AWS_ENDPOINT_URL").startswith("http://")  # ours: SDKs find Lambent by it
    for name in ADDRESSES:
        expected["environment"][name] = answer["environment"][name]
    given = comparable(answer, expected)
    assert given["environment"] == expected["environment"]
    assert given == expected
    assert introspecting.call({}, Qualifier="$LATEST").value["ctx"]["invoked_function_arn"] == qualified
    failed = introspecting.call({"fail": True})
    wanted = RECORDED["failed"][runtime]
    assert failed.error == wanted["FunctionError"]
    assert comparable(failed.value, wanted["Payload"]) == {
        key: "<stack-trace>" if value == "<stack-trace>" else value for key, value in wanted["Payload"].items()
    }
