"""Lambda's requests and answers as they stand on the wire."""

import re
from typing import Any
from urllib.parse import quote

import pytest

from lambent.errors import AwsError, LambentError, ResourceNotFound, TooManyRequests
from lambent.settings import Settings
from lambent.wire.http import Request, Response, netloc
from lambent.wire.parse import Call, Wire
from lambent.wire.patterns import matcher
from lambent.wire.shapes import load

INVOKE = "/2015-03-31/functions/hello/invocations"
SIGNED = "AWS4-HMAC-SHA256 Credential={key}/20240101/{region}/lambda/aws4_request, SignedHeaders=host, Signature=x"


@pytest.fixture
def wire() -> Wire:
    return Wire(Settings())


def request(method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Request:
    return Request(method, path, query, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def refused(wire: Wire, asked: Request) -> AwsError:
    with pytest.raises(AwsError) as caught:
        wire.parse(asked)
    return caught.value


def invoke(wire: Wire, **headers: str) -> Call:
    return wire.parse(request("POST", INVOKE, "Qualifier=live", b'{"a": 1}', **headers))


def headers(response: Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers}


def test_an_invocation_is_read_from_path_query_headers_and_body(wire: Wire) -> None:
    call = invoke(wire, x_amz_log_type="Tail", x_amz_invocation_type="Event")
    assert (call.service, call.operation) == ("lambda", "Invoke")
    assert call.parameters == {
        "FunctionName": "hello",
        "Qualifier": "live",
        "LogType": "Tail",
        "InvocationType": "Event",
        "Payload": b'{"a": 1}',
    }


def test_a_signature_says_who_and_where(wire: Wire) -> None:
    call = invoke(wire, authorization=SIGNED.format(key="123456789012", region="eu-west-1"))
    assert (call.access_key, call.account, call.region) == ("123456789012", "123456789012", "eu-west-1")


def test_a_key_that_is_no_account_belongs_to_the_account_of_the_settings(wire: Wire) -> None:
    call = invoke(wire, authorization=SIGNED.format(key="AKIAEXAMPLE", region="eu-west-1"))
    assert (call.access_key, call.account) == ("AKIAEXAMPLE", "000000000000")


def test_an_unsigned_request_is_known_by_the_date_in_its_path(wire: Wire) -> None:
    call = invoke(wire)
    assert (call.service, call.access_key, call.region) == ("lambda", "", "us-east-1")


def test_a_presigned_query_counts_as_a_signature(wire: Wire) -> None:
    query = "X-Amz-Credential=123456789012%2F20240101%2Fap-south-1%2Flambda%2Faws4_request"
    call = wire.parse(request("GET", "/2015-03-31/functions", query))
    assert (call.operation, call.account, call.region) == ("ListFunctions", "123456789012", "ap-south-1")


def test_request_ids_are_version_4_uuids_and_differ(wire: Wire) -> None:
    ids = {invoke(wire).request_id for _ in range(1000)}
    assert len(ids) == 1000
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each) for each in ids
    )


def test_the_answer_to_an_invocation_has_its_headers_and_the_payload_as_its_body(wire: Wire) -> None:
    call = invoke(wire)
    response = wire.render(call, {"StatusCode": 200, "Payload": b"42", "ExecutedVersion": "7", "FunctionError": None})
    assert (response.status, response.body) == (200, b"42")
    assert headers(response) == {
        "x-amzn-requestid": call.request_id,
        "x-amz-executed-version": "7",
        "content-type": "application/json",
    }


@pytest.mark.parametrize("status", [200, 202, 204])
def test_the_status_member_is_the_status(wire: Wire, status: int) -> None:
    assert wire.render(invoke(wire), {"StatusCode": status}).status == status


def test_a_result_with_a_member_that_the_model_lacks_is_our_mistake_and_loud(wire: Wire) -> None:
    with pytest.raises(LambentError, match="has no member 'Colour'"):
        wire.render(invoke(wire), {"Colour": "red"})


@pytest.mark.parametrize(
    ("path", "query", "operation"),
    [
        (
            "/2018-10-31/layers",
            "find=LayerVersion&Arn=arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Alayer%3Al%3A1",
            "GetLayerVersionByArn",
        ),
        ("/2018-10-31/layers", "", "ListLayers"),
        ("/2019-09-30/functions/f/provisioned-concurrency", "List=ALL", "ListProvisionedConcurrencyConfigs"),
        ("/2019-09-30/functions/f/provisioned-concurrency", "Qualifier=1", "GetProvisionedConcurrencyConfig"),
        ("/2015-03-31/functions/", "", "ListFunctions"),
        ("/2015-03-31/functions", "", "ListFunctions"),
    ],
)
def test_operations_that_share_a_path_are_told_apart(wire: Wire, path: str, query: str, operation: str) -> None:
    assert wire.parse(request("GET", path, query)).operation == operation


@pytest.mark.parametrize("ending", ["invoke-async", "invoke-async/"])
def test_a_trailing_slash_means_nothing(wire: Wire, ending: str) -> None:
    assert wire.parse(request("POST", f"/2014-11-13/functions/f/{ending}", body=b"{}")).operation == "InvokeAsync"


def test_an_arn_in_a_path_is_decoded_once(wire: Wire) -> None:
    path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/invocations"
    assert (
        wire.parse(request("POST", path)).parameters["FunctionName"]
        == "arn:aws:lambda:us-east-1:123456789012:function:f"
    )


@pytest.mark.parametrize("path", ["/2015-03-31/nothing", "/2015-03-31/functions/f/invocations/more"])
def test_an_unknown_path_is_an_unknown_operation(wire: Wire, path: str) -> None:
    asked = request("GET", path)
    error = refused(wire, asked)
    response = wire.render_error(asked, error, "id")
    assert (response.status, headers(response)["x-amzn-errortype"]) == (404, "UnknownOperationException")


@pytest.mark.parametrize("body", [b'{"FunctionName": ', b"[1]", b"\xff", b'"text"', b"[" * 5000])
def test_a_body_that_is_no_json_object_is_a_serialization_error(wire: Wire, body: bytes) -> None:
    error = refused(wire, request("POST", "/2015-03-31/functions", body=body))
    assert (error.code, error.status) == ("SerializationException", 400)


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("Timeout", '"ten"', "STRING_VALUE can not be converted to an Integer"),
        ("Handler", "7", "NUMBER_VALUE can not be converted to String"),
        ("Layers", '"x"', "Unrecognized collection type class java.lang.String"),
        ("Handler", "{}", "Start of structure or map found where not expected."),
        ("Timeout", "2147483648", "NUMBER_VALUE can not be converted to an Integer"),
        ("Timeout", "-1e30", "NUMBER_VALUE can not be converted to an Integer"),
    ],
)
def test_a_member_of_another_type_is_a_serialization_error(wire: Wire, member: str, value: str, words: str) -> None:
    body = f'{{"{member}": {value}}}'.encode()
    error = refused(wire, request("POST", "/2015-03-31/functions", body=body))
    assert (error.code, error.message) == ("SerializationException", words)


@pytest.mark.parametrize("number", ["9223372036854775808", "1_0", "\u0663", "0x1", "--1", "1" * 5000, ""])
def test_a_number_in_a_path_has_64_bits_and_plain_digits(wire: Wire, number: str) -> None:
    error = refused(wire, request("GET", f"/2018-10-31/layers/shelf/versions/{quote(number)}/policy"))
    assert error.status in (400, 404)
    assert "can not be converted to a Long" in error.message or not number


def test_several_broken_constraints_are_counted_and_joined(wire: Wire) -> None:
    error = refused(
        wire, request("PUT", "/2015-03-31/functions/f/configuration", body=b'{"Timeout": 0, "MemorySize": 1}')
    )
    assert error.message == (
        "2 validation errors detected: Value '0' at 'timeout' failed to satisfy constraint: Member must have value "
        "greater than or equal to 1; Value '1' at 'memorySize' failed to satisfy constraint: Member must have value "
        "greater than or equal to 128"
    )


def test_secrets_are_not_repeated_in_a_sentence(wire: Wire) -> None:
    body = b'{"Environment": {"Variables": {"not a name": "s3cret"}}}'
    error = refused(wire, request("PUT", "/2015-03-31/functions/f/configuration", body=body))
    assert "s3cret" not in error.message
    assert error.message.startswith("1 validation error detected: Value at 'environment.variables' failed")


def body_of(response: Response) -> Any:
    return response.body


def test_a_throttle_tells_its_reason_in_the_body_and_when_to_retry_in_a_header(wire: Wire) -> None:
    error = TooManyRequests(Reason="ReservedFunctionConcurrentInvocationLimitExceeded", retryAfterSeconds="1")
    response = wire.render_error(invoke(wire), error, "id")
    assert response.status == 429
    assert headers(response)["retry-after"] == "1"
    assert headers(response)["x-amzn-errortype"] == "TooManyRequestsException"
    assert body_of(response) == (
        b'{"Type":"User","message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}'
    )


def test_an_error_spells_its_message_as_its_shape_does(wire: Wire) -> None:
    response = wire.render_error(invoke(wire), ResourceNotFound("Function not found: x"), "id")
    assert (response.status, body_of(response)) == (404, b'{"Type":"User","Message":"Function not found: x"}')


def test_an_error_that_the_model_lacks_has_a_plain_message(wire: Wire) -> None:
    response = wire.render_error(invoke(wire), AwsError("no", code="ValidationException", status=400), "id")
    assert (response.status, body_of(response)) == (400, b'{"message":"no"}')


def test_a_status_given_at_the_raise_wins_over_the_model(wire: Wire) -> None:
    response = wire.render_error(invoke(wire), AwsError("x", code="ResourceNotFoundException", status=410), "id")
    assert response.status == 410


def test_the_operations_of_a_service_are_listed(wire: Wire) -> None:
    assert len(wire.operations("lambda")) > 80
    assert "Invoke" in wire.operations("lambda")


@pytest.mark.parametrize("scope", ["no-such-service", "..", "../../etc", "a/b"])
def test_a_service_that_aws_does_not_have_is_an_unknown_operation(wire: Wire, scope: str) -> None:
    credential = f"AWS4-HMAC-SHA256 Credential=A/20240101/us-east-1/{scope}/aws4_request, Signature=x"
    assert refused(wire, request("GET", "/", authorization=credential)).code == "UnknownOperationException"


@pytest.mark.parametrize("pattern", ["HeaderValue", "AuthHeaderParameters"])
def test_patterns_that_explode_are_replaced_by_ones_that_do_not(pattern: str) -> None:
    matches = matcher(load("events").named(pattern).traits["pattern"])
    assert matches is not None
    assert not matches(" " * 512 + "\n")
    assert not matches("\t")
    assert matches("\ta value\twith  spaces ")


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1:4566"), ("localhost", "localhost:4566"), ("::1", "[::1]:4566")]
)
def test_an_ipv6_address_is_in_brackets_before_its_port(host: str, shown: str) -> None:
    assert netloc(host, 4566) == shown
