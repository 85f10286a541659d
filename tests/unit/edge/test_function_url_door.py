"""The door of function URLs: who may use one, what stands behind it, and what is said when something is wrong."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from lambent.arns import FunctionRef
from lambent.clock import FixedClock
from lambent.edge.frontdoor import FrontDoor
from lambent.edge.function_urls import FunctionUrlDoor
from lambent.errors import AwsError, ResourceConflict, SandboxError, TooManyRequests
from lambent.invoke.sampling import Sampler
from lambent.model import Version
from lambent.observe.metrics import Metrics
from lambent.principal import NOBODY, Principal
from lambent.settings import Settings
from lambent.store.function_urls import Cors, FunctionUrl
from lambent.wire.http import Request, Response
from lambent.wire.parse import Call, Wire

ACCOUNT, REGION = "123456789012", "us-east-1"
ADA = Principal(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ada", user_id="AIDA", access_key="AKIA", proven=True)
FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
VERSION = Version(
    account=ACCOUNT, region=REGION, name="hello", version="$LATEST", revision="r", runtime="python3.13", handler="a.b",
    code_digest="",
)  # fmt: skip


class World:
    """Everything behind the door; it remembers what it was asked."""

    def __init__(self) -> None:
        self.url: FunctionUrl | None = FunctionUrl(
            account=ACCOUNT, region=REGION, name="hello", url_id="abc", auth_type="NONE", created=0, modified=0
        )
        self.allowed = {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
        self.signed: Principal | AwsError = ADA
        self.answer: bytes | BaseException = b'{"statusCode":201,"body":"hi"}'
        self.failed = False
        self.asked: list[tuple[Principal, str, FunctionRef, dict[str, str]]] = []
        self.calls: list[Call] = []
        self.told: list[tuple[str, ...]] = []
        self.resolver = SimpleNamespace(resolve=lambda *named: (VERSION, VERSION.function_arn))
        self.sampler = Sampler()

    def by_id(self, url_id: str) -> FunctionUrl | None:
        return self.url if self.url and self.url.url_id == url_id else None

    def may(self, who: Principal, action: str, ref: FunctionRef, conditions: dict[str, str]) -> bool:
        self.asked.append((who, action, ref, conditions))
        return action in self.allowed

    def signer(self, request: Request, service: str) -> Principal:
        if isinstance(self.signed, AwsError):
            raise self.signed
        return self.signed

    def spare(self) -> bool:
        return True

    def tell(self, at: float, request_id: str, kind: str, **facts: str) -> None:
        self.told.append((request_id, kind, *facts.values()))

    async def invoke(self, call: Call) -> tuple[dict[str, Any], str]:
        self.calls.append(call)
        if isinstance(self.answer, BaseException):
            raise self.answer
        failure = {"FunctionError": "Unhandled"} if self.failed else {}
        return {"StatusCode": 200, "Payload": self.answer} | failure, "Root=1-2-3"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(FixedClock())


@pytest.fixture
def door(world, metrics) -> FunctionUrlDoor:
    return door_to(world, metrics)


def door_to(world: World, metrics: Metrics) -> FunctionUrlDoor:
    settings = Settings()
    return FunctionUrlDoor(
        world,
        world,
        world,
        world.signer,
        wire=Wire(settings),
        settings=settings,
        clock=FixedClock(),
        metrics=metrics,
        journal=world,
    )


def request(path: str = "/", method: str = "GET", body: bytes = b"", scope: str = "", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if scope:
        named["authorization"] = f"AWS4-HMAC-SHA256 Credential=AKIA/20260112/{scope}/aws4_request, Signature=0"
    return Request(method, path, "", {"host": f"abc.lambda-url.{REGION}.localhost:4566"} | named, body, "10.0.0.1")


def told(response: Response) -> tuple[int, Any, str | None]:
    """Status, document and error type."""
    headers = {name.lower(): value for name, value in response.headers}
    assert len(headers["x-amzn-requestid"]) == 36
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body), headers.get("x-amzn-errortype")


async def test_a_request_becomes_an_invocation_of_the_owners_and_its_answer_the_response(door, world) -> None:
    response = await door.answer(request("/a?", idempotency_key="x"))

    assert (response.status, response.body) == (201, b"hi")
    headers = dict(response.headers)
    (call,) = world.calls
    assert (call.service, call.operation, call.account, call.region) == ("lambda", "Invoke", ACCOUNT, REGION)
    assert call.parameters["FunctionName"] == "hello"
    assert "Qualifier" not in call.parameters
    assert (call.caller.account, call.request_id) == (ACCOUNT, headers["x-amzn-RequestId"])
    assert list(call.request.headers) == ["x-amzn-trace-id"]
    assert headers["X-Amzn-Trace-Id"] == "Root=1-2-3"
    event = json.loads(call.parameters["Payload"])
    assert event["requestContext"]["requestId"] == call.request_id
    assert call.request.headers["x-amzn-trace-id"].startswith(event["headers"]["x-amzn-trace-id"] + ";Parent=")


async def test_both_permissions_are_asked_for_with_the_conditions_of_the_request(door, world) -> None:
    world.url = FunctionUrl(
        account=ACCOUNT, region=REGION, name="hello", qualifier="live", url_id="abc", auth_type="NONE", created=0,
        modified=0,
    )  # fmt: skip
    assert (await door.answer(request())).status == 201

    ref = FunctionRef(ACCOUNT, REGION, "hello", "live")
    conditions = {
        "lambda:FunctionUrlAuthType": "NONE", "lambda:InvokedViaFunctionUrl": "true", "aws:SourceIp": "10.0.0.1",
    }  # fmt: skip
    actions = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
    assert world.asked == [(NOBODY, action, ref, conditions) for action in actions]
    assert world.calls[0].parameters["Qualifier"] == "live"


@pytest.mark.parametrize("missing", ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"])
async def test_without_one_of_the_permissions_nobody_gets_in(door, world, missing: str) -> None:
    world.allowed.remove(missing)

    assert told(await door.answer(request())) == (403, {"Message": FORBIDDEN}, "AccessDeniedException")
    assert world.calls == []


@pytest.mark.parametrize(
    "host", ["xyz.lambda-url.us-east-1.localhost", "abc.lambda-url.eu-west-1.localhost", "a_b.lambda-url.us-east-1"]
)
async def test_a_url_that_there_is_not_is_denied_without_a_word(door, host: str) -> None:
    came = Request("GET", "/", "", {"host": host}, b"")
    assert told(await door.answer(came)) == (403, {"Message": None}, "AccessDeniedException")


async def test_the_path_form_leads_to_the_same_function_and_its_event_shows_the_path_behind_it(door, world) -> None:
    came = Request("GET", "/_lambent/url/abc/x%20y", "", {"host": "127.0.0.1:4566"}, b"")

    assert (await door.answer(came)).status == 201
    event = json.loads(world.calls[0].parameters["Payload"])
    assert event["rawPath"] == "/x%20y"
    assert event["requestContext"]["domainName"] == "abc.lambda-url.us-east-1.localhost"


async def test_a_page_in_the_path_form_is_kept_apart_from_the_endpoints_own_origin(door, world) -> None:
    came = Request("GET", "/_lambent/url/abc/", "", {"host": "127.0.0.1:4566"}, b"")
    policy = dict((await door.answer(came)).headers)["Content-Security-Policy"]

    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert "Content-Security-Policy" not in dict((await door.answer(request())).headers)


def iam(world: World) -> None:
    world.url = FunctionUrl(
        account=ACCOUNT, region=REGION, name="hello", url_id="abc", auth_type="AWS_IAM", created=0, modified=0
    )


async def test_whoever_signed_is_asked_about_and_told_to_the_function(door, world) -> None:
    iam(world)
    assert (await door.answer(request(scope="us-east-1/lambda"))).status == 201

    assert {who for who, *_ in world.asked} == {ADA}
    assert world.asked[0][3]["lambda:FunctionUrlAuthType"] == "AWS_IAM"
    event = json.loads(world.calls[0].parameters["Payload"])
    assert event["requestContext"]["authorizer"]["iam"]["userArn"] == ADA.arn
    assert event["requestContext"]["accountId"] == ACCOUNT
    assert "authorization" not in event["headers"]
    assert world.calls[0].caller.account == ACCOUNT


@pytest.mark.parametrize(
    ("signed", "scope", "message", "code"),
    [
        (NOBODY, "", FORBIDDEN, "AccessDeniedException"),
        (ADA, "us-east-1/s3", "Credential should be scoped to correct service: 'lambda'.", "AccessDeniedException"),
        (ADA, "eu-west-1/lambda", "Credential should be scoped to a valid region.", "AccessDeniedException"),
        (
            AwsError("Signature expired", code="InvalidSignatureException", status=403), "us-east-1/lambda",
            "Signature expired", "InvalidSignatureException",
        ),
    ],
)  # fmt: skip
async def test_a_signature_that_is_none_or_not_for_this_url_is_refused(world, signed, scope, message, code) -> None:
    door = door_to(world, Metrics(FixedClock()))
    iam(world)
    world.signed = signed

    assert told(await door.answer(request(scope=scope))) == (403, {"Message": message}, code)
    assert world.calls == []


async def test_an_answer_that_is_no_response_is_a_bad_gateway_and_explained(door, world) -> None:
    world.answer = b'{"statusCode":"no"}'
    response = await door.answer(request())

    assert (response.status, response.body) == (502, b"Internal Server Error")
    request_id = dict(response.headers)["x-amzn-RequestId"]
    assert world.told == [(request_id, "malformed-answer", "statusCode is not a number from 200 to 599")]


async def test_a_function_that_cannot_run_now_is_a_bad_gateway_and_explained(door, world) -> None:
    world.answer = ResourceConflict("The function is Pending")
    response = await door.answer(request())

    assert (response.status, response.body) == (502, b"Internal Server Error")
    assert world.told == [(dict(response.headers)["x-amzn-RequestId"], "failed", "The function is Pending")]


@pytest.mark.parametrize("answer", [AwsError("no", status=400), SandboxError(), OSError()])
async def test_trouble_of_ours_is_a_bad_gateway(door, world, answer) -> None:
    world.answer = answer
    response = await door.answer(request())

    assert (response.status, response.body) == (502, b"Internal Server Error")


async def test_a_function_error_is_a_bad_gateway_which_tells_nothing_of_the_inside(door, world) -> None:
    world.answer, world.failed = b'{"errorMessage":"secret"}', True
    response = await door.answer(request())

    assert (response.status, response.body) == (502, b"Internal Server Error")


async def test_a_throttled_request_is_told_when_to_come_again(door, world) -> None:
    world.answer = TooManyRequests(
        "Rate Exceeded.", Reason="CallerRateLimitExceeded", Type="User", retryAfterSeconds="7"
    )
    response = await door.answer(request())

    document = {"Message": "Rate Exceeded.", "Reason": "CallerRateLimitExceeded", "Type": "User"}
    assert told(response) == (429, document, "TooManyRequestsException")
    assert ("Retry-After", "7") in response.headers


async def test_a_body_that_no_event_could_hold_is_refused_before_it_is_made_into_one(door, world) -> None:
    response = await door.answer(request(method="POST", body=bytes(6_291_457)))

    message = "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    assert told(response) == (413, {"Message": message}, "RequestEntityTooLargeException")
    assert world.calls == []


async def test_what_is_large_is_read_and_written_whole(door, world) -> None:
    world.answer = json.dumps({"statusCode": 200, "body": "y" * 400_000}).encode()
    response = await door.answer(request(method="POST", body=b"x" * 400_000, content_type="text/plain"))

    assert response.body == b"y" * 400_000
    assert json.loads(world.calls[0].parameters["Payload"])["body"] == "x" * 400_000


async def test_a_preflight_needs_no_permission_and_an_error_is_readable_for_the_page_that_asked(door, world) -> None:
    world.url = FunctionUrl(
        account=ACCOUNT, region=REGION, name="hello", url_id="abc", auth_type="AWS_IAM", created=0, modified=0,
        cors=Cors(allow_origins=("https://a.example",), allow_methods=("GET",)),
    )  # fmt: skip
    world.allowed.clear()
    asks = request(method="OPTIONS", origin="https://a.example", access_control_request_method="GET")

    response = await door.answer(asks)
    assert response.status == 200
    assert ("Access-Control-Allow-Methods", "GET") in response.headers
    refused = await door.answer(request(origin="https://a.example", scope="us-east-1/lambda"))
    assert refused.status == 403
    assert ("Access-Control-Allow-Origin", "https://a.example") in refused.headers
    assert world.calls == []


async def test_requests_are_counted_with_their_errors(door, world, metrics) -> None:
    await door.answer(request())
    world.answer = b'{"statusCode":404}'
    await door.answer(request())
    world.answer = OSError()
    await door.answer(request())

    function = (ACCOUNT, REGION, "hello")
    counts = {
        name: metrics.minutes(name, function)[0].sum for name in ("UrlRequestCount", "Url4xxCount", "Url5xxCount")
    }
    assert counts == {"UrlRequestCount": 3, "Url4xxCount": 1, "Url5xxCount": 1}
    assert metrics.minutes("UrlRequestLatency", function)[0].count == 3


async def test_the_front_door_sends_function_urls_their_way_and_no_others(door) -> None:
    class Own:
        async def answer(self, request: Request) -> Response:
            return Response(200, [], b"ours")

    front = FrontDoor(
        Wire(Settings()), None, SimpleNamespace(invoke=0, invoke_async=0, stream=0), Own(), urls=door.answer
    )
    assert (await front.answer(request("/_lambent/status"))).body == b"hi"
    assert (await front.answer(Request("GET", "/_lambent/url/abc", "", {"host": "localhost"}, b""))).body == b"hi"
    assert (await front.answer(Request("GET", "/_lambent/status", "", {"host": "localhost"}, b""))).body == b"ours"
