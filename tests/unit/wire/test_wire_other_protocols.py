"""Services that speak several protocols: each request is answered in the one in which it came."""

import pytest

from lambent.errors import AwsError
from lambent.settings import Settings
from lambent.wire.http import Request
from lambent.wire.parse import Wire

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8", "host": "localhost:4566"}
NO_QUEUE = AwsError("The specified queue does not exist.", code="QueueDoesNotExist")


@pytest.fixture
def wire() -> Wire:
    return Wire(Settings())


def form(text: str, path: str = "/") -> Request:
    return Request("POST", path, "", FORM, text.encode())


def target(name: str, body: bytes) -> Request:
    return Request("POST", "/", "", {"x-amz-target": name, "content-type": "application/x-amz-json-1.0"}, body)


def test_sqs_reads_json_and_the_older_form_alike(wire: Wire) -> None:
    old = wire.parse(
        form("Action=CreateQueue&Version=2012-11-05&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5")
    )
    new = wire.parse(target("AmazonSQS.CreateQueue", b'{"QueueName": "q", "Attributes": {"DelaySeconds": "5"}}'))
    assert (old.service, old.operation, old.parameters) == (new.service, new.operation, new.parameters)
    assert wire.render(old, {"QueueUrl": "u"}).body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<CreateQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">'
        b"<CreateQueueResult><QueueUrl>u</QueueUrl></CreateQueueResult><ResponseMetadata><RequestId>"
        + old.request_id.encode()
        + b"</RequestId></ResponseMetadata></CreateQueueResponse>"
    )
    assert wire.render(new, {"QueueUrl": "u"}).body == b'{"QueueUrl":"u"}'


def test_sqs_takes_the_queue_from_the_path_of_a_form(wire: Wire) -> None:
    call = wire.parse(form("Action=SendMessage&Version=2012-11-05&MessageBody=hi", "/123456789012/q"))
    assert call.parameters == {"QueueUrl": "http://localhost:4566/123456789012/q", "MessageBody": "hi"}


def test_an_error_keeps_its_old_code_beside_its_new_name(wire: Wire) -> None:
    call = wire.parse(target("AmazonSQS.GetQueueUrl", b'{"QueueName": "q"}'))
    response = wire.render_error(call, NO_QUEUE, "id")
    assert dict(response.headers)["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert (
        response.body
        == b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}'
    )


def test_a_missing_parameter_of_sqs_is_told_in_its_own_words(wire: Wire) -> None:
    with pytest.raises(AwsError) as caught:
        wire.parse(target("AmazonSQS.SendMessage", b'{"QueueUrl": "u"}'))
    assert (caught.value.code, caught.value.message) == (
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
    )


def test_an_unknown_target_is_an_unknown_operation(wire: Wire) -> None:
    asked = target("DynamoDB_20120810.Nothing", b"{}")
    with pytest.raises(AwsError) as caught:
        wire.parse(asked)
    response = wire.render_error(asked, caught.value, "id")
    assert response.status == 404
    assert isinstance(response.body, bytes)
    assert b'"__type":"com.amazon.coral.service#UnknownOperationException"' in response.body


def test_an_unknown_action_is_an_invalid_action(wire: Wire) -> None:
    asked = form("Action=Nothing&Version=2011-06-15")
    with pytest.raises(AwsError) as caught:
        wire.parse(asked)
    assert caught.value.message == "Could not find operation Nothing for version 2011-06-15"
    response = wire.render_error(asked, caught.value, "id")
    assert isinstance(response.body, bytes)
    assert b"<Error><Type>Sender</Type><Code>InvalidAction</Code>" in response.body


def test_an_action_may_come_in_the_query_of_a_get(wire: Wire) -> None:
    call = wire.parse(Request("GET", "/", "Action=GetCallerIdentity&Version=2011-06-15", {}, b""))
    assert (call.service, call.operation) == ("sts", "GetCallerIdentity")


def test_an_unsigned_cbor_request_is_known_by_its_path(wire: Wire) -> None:
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    call = wire.parse(Request("POST", path, "", {"smithy-protocol": "rpc-v2-cbor"}, b"\xa1iNamespaceaX"))
    assert (call.service, call.operation, call.parameters) == ("cloudwatch", "ListMetrics", {"Namespace": "X"})
    response = wire.render(call, {"Metrics": []})
    assert dict(response.headers)["smithy-protocol"] == "rpc-v2-cbor"
    assert response.body == b"\xa1gMetrics\x80"


@pytest.mark.parametrize(
    "body", [b"\xff", b"\xa1", b"\x9f", b"\x81" * 5000, b"\xc2\x41a", b"\xbf\x01\x02\xff", b"\x5f\x61a\xff"]
)
def test_bytes_that_are_no_plain_cbor_are_a_serialization_error(wire: Wire, body: bytes) -> None:
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    with pytest.raises(AwsError) as caught:
        wire.parse(Request("POST", path, "", {"smithy-protocol": "rpc-v2-cbor"}, body))
    assert caught.value.code == "SerializationException"


def test_a_form_nested_without_end_is_refused(wire: Wire) -> None:
    with pytest.raises(AwsError) as caught:
        wire.parse(form("Action=Publish&Version=2010-03-31&" + "a." * 500 + "a=1"))
    assert caught.value.code == "SerializationException"


def test_streams_share_dynamodbs_scope_and_are_told_apart_by_the_target(wire: Wire) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=A/20240101/us-east-1/dynamodb/aws4_request, Signature=x"
    headers = {"authorization": scope, "x-amz-target": "DynamoDBStreams_20120810.ListStreams"}
    assert wire.parse(Request("POST", "/", "", headers, b"{}")).service == "dynamodbstreams"


def test_the_gateways_share_a_scope_and_are_told_apart_by_the_path(wire: Wire) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=A/20240101/us-east-1/apigateway/aws4_request, Signature=x"
    found = [wire.parse(Request("GET", path, "", {"authorization": scope}, b"")) for path in ("/restapis", "/v2/apis")]
    assert [(call.service, call.operation) for call in found] == [
        ("apigateway", "GetRestApis"),
        ("apigatewayv2", "GetApis"),
    ]
