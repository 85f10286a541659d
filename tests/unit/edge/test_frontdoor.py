"""The AWS endpoint answers every request, and every trouble, in AWS's form."""

import json
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

from lambent.edge import frontdoor
from lambent.edge.frontdoor import FrontDoor
from lambent.errors import AgentGone, LambentError, ResourceNotFound, StoreError, TooManyRequests
from lambent.invoke.keys import Keyed, Replay
from lambent.settings import Settings
from lambent.wire.http import Request, Response
from lambent.wire.parse import Wire

INVOKE = "/2015-03-31/functions/hello/invocations"
STREAM = "/2021-11-15/functions/hello/response-streaming-invocations"


class Plane:
    """A data plane that answers, or raises, what the test says."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": b'"hello"'}
        self.trouble: BaseException | None = None
        self.operations: list[str] = []

    async def invoke(self, call: Any) -> tuple[dict[str, Any], str]:
        self.operations.append(call.operation)
        if self.trouble:
            raise self.trouble
        return self.answers, "Root=1-2-3"

    stream = invoke_async = invoke


class Own:
    async def answer(self, request: Request) -> Response:
        return Response(200, [], b"ours")


@pytest.fixture
def plane() -> Plane:
    return Plane()


@pytest.fixture
def door(plane) -> FrontDoor:
    return FrontDoor(Wire(Settings()), None, plane, Own())  # type: ignore[arg-type]


def request(path: str = INVOKE, method: str = "POST", service: str = "lambda", **headers: str) -> Request:
    scope = f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260112/us-east-1/{service}/aws4_request"
    signed = {"host": "localhost:4566", "authorization": f"{scope}, SignedHeaders=host, Signature=0"}
    return Request(method, path, "", signed | headers, b"{}")


def read(response: Response) -> tuple[int, str, str]:
    """What botocore makes of a refusal: status, code and message."""
    raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}
    parsed = create_parser("rest-json").parse(raw, None)
    return response.status, parsed["Error"]["Code"], parsed["Error"]["Message"]


async def test_an_invocation_is_answered_with_payload_version_and_trace(door):
    response = await door.answer(request())
    headers = {name.lower(): value for name, value in response.headers}
    assert (response.status, response.body) == (200, b'"hello"')
    assert headers["x-amz-executed-version"] == "$LATEST"
    assert headers["x-amzn-trace-id"] == "Root=1-2-3"
    assert len(headers["x-amzn-requestid"]) == 36


async def test_a_function_error_is_named_in_its_header(door, plane):
    plane.answers = plane.answers | {"FunctionError": "Unhandled", "LogResult": "TE9H"}
    response = await door.answer(request())
    headers = {name.lower(): value for name, value in response.headers}
    assert (response.status, headers["x-amz-function-error"], headers["x-amz-log-result"]) == (200, "Unhandled", "TE9H")


async def test_an_answer_that_was_given_before_says_so_and_has_its_first_request_id(door, plane):
    plane.answers = Replay(plane.answers, "the-first")
    headers = {name.lower(): value for name, value in (await door.answer(request())).headers}
    assert (headers["x-amzn-requestid"], headers["idempotency-replayed"]) == ("the-first", "true")
    assert headers["x-amzn-trace-id"] == "Root=1-2-3"


async def test_a_first_run_under_a_key_says_that_the_key_holds(door, plane):
    assert "Idempotency-Replayed" not in dict((await door.answer(request())).headers)
    plane.answers = Keyed(plane.answers)
    assert dict((await door.answer(request())).headers)["Idempotency-Replayed"] == "false"


async def test_a_dry_run_has_no_body(door, plane):
    plane.answers = {"StatusCode": 204}
    response = await door.answer(request())
    assert (response.status, response.body) == (204, b"")


@pytest.mark.parametrize(("path", "operation"), [(INVOKE, "Invoke"), (STREAM, "InvokeWithResponseStream")])
async def test_invocations_go_to_the_data_plane(door, plane, path, operation):
    plane.answers = {"StatusCode": 200}
    await door.answer(request(path))
    assert plane.operations == [operation]


async def test_lambents_own_requests_never_meet_aws_parser(door):
    assert (await door.answer(request("/_lambent/status"))).body == b"ours"


async def test_an_aws_error_is_told_with_its_status_and_its_members(door, plane):
    plane.trouble = TooManyRequests(
        "Rate Exceeded.", Reason="ConcurrentInvocationLimitExceeded", Type="User", retryAfterSeconds="1"
    )
    response = await door.answer(request())
    assert read(response) == (429, "TooManyRequestsException", "Rate Exceeded.")
    document = json.loads(response.body)
    assert (document["Reason"], document["Type"]) == ("ConcurrentInvocationLimitExceeded", "User")
    assert HeadersDict(response.headers)["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (AgentGone("the node agent is being restarted; try again"), "the node agent is being restarted; try again"),
        (StoreError("the data on disk cannot be used"), "the data on disk cannot be used"),
        (LambentError("odd"), "odd"),
        (ValueError("a secret of ours"), "The Lambda service encountered an internal error."),
        (KeyError("Payload"), "The Lambda service encountered an internal error."),
        (RecursionError(), "The Lambda service encountered an internal error."),
    ],
)
async def test_trouble_of_our_own_is_a_service_exception_that_tells_no_secret(door, plane, trouble, message):
    plane.trouble = trouble
    assert read(await door.answer(request())) == (500, "ServiceException", message)


async def test_an_error_of_the_control_plane_is_told_too(door, monkeypatch):
    async def refuse(control: Any, call: Any) -> dict[str, Any]:
        raise ResourceNotFound("Function not found: arn")

    monkeypatch.setattr(frontdoor, "handle", refuse)
    response = await door.answer(request("/2015-03-31/functions/hello", "GET"))
    assert read(response) == (404, "ResourceNotFoundException", "Function not found: arn")


async def test_a_result_that_cannot_be_rendered_is_a_service_exception(door, monkeypatch):
    def fail(*_: object) -> Response:
        raise TypeError("a bug")

    monkeypatch.setattr(door.wire, "render", fail)
    assert read(await door.answer(request()))[:2] == (500, "ServiceException")


@pytest.mark.parametrize(
    "odd",
    [
        request("/"),
        request("/2015-03-31/nothing/here"),
        request("/%ff%fe"),
        request(INVOKE, "BREW"),
        request(INVOKE, authorization="nonsense"),
        request(INVOKE, authorization=""),
        request("/2015-03-31/functions/bad name!/invocations"),
        request("/", service="nonsense"),
    ],
)
async def test_whatever_is_asked_is_answered_with_a_status_and_a_code(door, odd):
    response = await door.answer(odd)
    assert 200 <= response.status < 600
    if response.status >= 300:
        assert read(response)[1]


async def test_a_service_beside_lambda_is_answered_by_whoever_is_registered_for_it(door):
    async def answer(call: Any) -> dict[str, Any]:
        assert (call.operation, call.parameters) == ("DescribeScalableTargets", {"ServiceNamespace": "lambda"})
        return {"ScalableTargets": []}

    door.services = {"application-autoscaling": answer}
    target = {"x-amz-target": "AnyScaleFrontendService.DescribeScalableTargets"}
    signed = request(service="application-autoscaling").headers | target
    response = await door.answer(Request("POST", "/", "", signed, b'{"ServiceNamespace": "lambda"}'))
    assert (response.status, response.body) == (200, b'{"ScalableTargets":[]}')


async def test_a_service_whose_protocol_is_not_spoken_is_not_built_yet(door):
    for body in (b"", b"Action=DescribeVpcs&Version=2016-11-15"):
        form = {"content-type": "application/x-www-form-urlencoded"}
        response = await door.answer(Request("POST", "/", "", request(service="ec2").headers | form, body))
        assert (response.status, read(response)[1]) == (501, "NotImplementedException")
        assert b"ec2 is not built yet" in response.body


async def test_a_neighbours_answer_goes_out_as_it_is(door):
    sent = Response(200, [("x-amzn-RequestId", "theirs")], b'{"Parameters":[]}')

    async def answer(call: Any) -> Response:
        assert (call.service, call.operation) == ("ssm", "GetParameters")
        return sent

    door.neighbours = {"ssm": answer}
    target = {"x-amz-target": "AmazonSSM.GetParameters"}
    signed = request(service="ssm").headers | target
    assert await door.answer(Request("POST", "/", "", signed, b'{"Names": ["a"]}')) is sent


async def test_another_service_is_not_built_yet_and_says_which_operation(door):
    target = {"x-amz-target": "AmazonSQS.ListQueues", "content-type": "application/x-amz-json-1.0"}
    listing = Request("POST", "/", "", request(service="sqs").headers | target, b"{}")
    response = await door.answer(listing)
    assert response.status == 501
    assert b"sqs:ListQueues is not built yet" in response.body
