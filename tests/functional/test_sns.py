"""Topics on a real server: fan-out to functions, queues and HTTP endpoints, by ordinary clients."""

import base64
import http.server
import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Serve
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from real_server import Server, client, wait_until

WITNESS = """
    import json

    def handler(event, context):
        print("GOT " + json.dumps(event))
"""


class Endpoint:
    """An HTTP endpoint that remembers what it was sent; it answers 500 for the first `failures` requests."""

    def __init__(self, failures: int = 0) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(500 if len(endpoint.heard) <= failures else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def sns(server: Server) -> Any:
    return client(server.endpoint, service="sns")


@pytest.fixture
def sqs(server: Server) -> Any:
    return client(server.endpoint, service="sqs")


def open_queue(sqs: Any, name: str, topic: str) -> tuple[str, str]:
    """URL and ARN of a queue whose policy lets the topic send."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    return url, arn


def received(sqs: Any, url: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def receive() -> bool:
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "MessageAttributeNames": ["All"]}
        found.extend(sqs.receive_message(**asked).get("Messages", []))
        return len(found) >= count

    wait_until(receive)
    return found


def test_one_publish_reaches_the_function_and_the_queues_that_want_it(server, sns, sqs, deploy):
    topic = sns.create_topic(Name="fan-out")["TopicArn"]
    function = deploy(WITNESS)
    function_arn = server.client.get_function_configuration(FunctionName=function.name)["FunctionArn"]
    server.client.add_permission(
        FunctionName=function.name, StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com",
        SourceArn=topic,
    )  # fmt: skip
    subscribed = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function_arn)["SubscriptionArn"]
    whole, whole_arn = open_queue(sqs, "fan-out-whole", topic)
    raw, raw_arn = open_queue(sqs, "fan-out-raw", topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=whole_arn)
    wanted = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"kind": ["wanted"]})}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw_arn, Attributes=wanted)
    attributes = {"kind": {"DataType": "String", "StringValue": "wanted"}}
    sent = sns.publish(TopicArn=topic, Message="first", Subject="subject", MessageAttributes=attributes)["MessageId"]
    sns.publish(TopicArn=topic, Message="second")

    (message,) = received(sqs, raw, 1)
    assert (message["Body"], message["MessageAttributes"]) == ("first", attributes)
    shown = {json.loads(each["Body"])["Message"]: json.loads(each["Body"]) for each in received(sqs, whole, 2)}
    assert set(shown) == {"first", "second"}
    assert set(shown["first"]) == {
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertURL", "UnsubscribeURL", "MessageAttributes",
    }  # fmt: skip
    assert shown["first"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "wanted"}}

    lines = wait_until(lambda: [line for line in function.logs() if sent in line])
    (record,) = json.loads(lines[0].removeprefix("GOT "))["Records"]
    assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
    assert record["EventSubscriptionArn"] == subscribed
    assert {name: record["Sns"][name] for name in ("Type", "Subject", "Message", "TopicArn", "SignatureVersion")} == {
        "Type": "Notification", "Subject": "subject", "Message": "first", "TopicArn": topic, "SignatureVersion": "1",
    }  # fmt: skip


def test_an_http_endpoint_confirms_first_and_can_check_what_it_gets(sns, endpoint):
    topic = sns.create_topic(Name="by-http")["TopicArn"]
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)["SubscriptionArn"] == (
        "pending confirmation"
    )
    wait_until(lambda: endpoint.heard)
    headers, body = endpoint.heard[0]
    asked = json.loads(body)
    assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation"
    sns.publish(TopicArn=topic, Message="too early")
    with urllib.request.urlopen(asked["SubscribeURL"], timeout=30) as answer:
        assert b"ConfirmSubscriptionResult" in answer.read()
    sns.publish(TopicArn=topic, Message="hello")
    wait_until(lambda: len(endpoint.heard) > 1)
    got = json.loads(endpoint.heard[1][1])
    assert got["Message"] == "hello"
    with urllib.request.urlopen(got["SigningCertURL"], timeout=30) as answer:
        key = x509.load_pem_x509_certificate(answer.read()).public_key()
    signed = "".join(f"{name}\n{got[name]}\n" for name in ("Message", "MessageId", "Timestamp", "TopicArn", "Type"))
    key.verify(base64.b64decode(got["Signature"]), signed.encode(), padding.PKCS1v15(), hashes.SHA1())


def test_a_fifo_topic_keeps_its_order_and_takes_a_duplicate_for_the_first(sns, sqs):
    topic = sns.create_topic(Name="ordered.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    attributes = {"FifoQueue": "true"}
    url = sqs.create_queue(QueueName="ordered-sink.fifo", Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    told = [
        sns.publish(TopicArn=topic, Message=f"m{n}", MessageGroupId="g", MessageDeduplicationId=f"d{n}")
        for n in (1, 2, 2, 3)
    ]
    assert told[1]["MessageId"] == told[2]["MessageId"]
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)["Messages"]
    assert [message["Body"] for message in got] == ["m1", "m2", "m3"]


def test_a_subscriber_that_is_gone_gets_its_messages_as_dead_letters(sns, sqs):
    topic = sns.create_topic(Name="with-dead-letters")["TopicArn"]
    dead, dead_arn = open_queue(sqs, "sns-dead", topic)
    gone, gone_arn = open_queue(sqs, "sns-gone", topic)
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn}), "RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=gone_arn, Attributes=redrive)
    sqs.delete_queue(QueueUrl=gone)
    sns.publish(TopicArn=topic, Message="nobody home")
    assert [message["Body"] for message in received(sqs, dead, 1)] == ["nobody home"]


def test_topics_subscriptions_and_undelivered_requests_survive_a_kill(serve: Serve) -> None:
    endpoint = Endpoint(failures=1)
    server = serve("--clock", "virtual")
    sns = client(server.endpoint, service="sns")
    topic = sns.create_topic(Name="kept", Tags=[{"Key": "a", "Value": "b"}])["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    wait_until(lambda: endpoint.heard)  # answered with 500: it is to be asked again in 20 seconds of virtual time
    server.kill()
    again = serve("--clock", "virtual", "--port", str(server.port), data=server.data)
    sns = client(again.endpoint, service="sns")
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "a", "Value": "b"}]
    travel = urllib.request.Request(
        f"{again.endpoint}/_lambent/clock/advance", json.dumps({"seconds": 25}).encode(), method="POST"
    )
    with urllib.request.urlopen(travel, timeout=60):
        wait_until(lambda: len(endpoint.heard) > 1)
    assert json.loads(endpoint.heard[1][1])["Type"] == "SubscriptionConfirmation"
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "1"
    endpoint.close()


REFUSED = [  # recorded: errors.tsv, rows of sns
    (lambda sns, topic: sns.publish(TopicArn=topic, Message=""), "InvalidParameter",
     "Invalid parameter: Empty message"),
    (lambda sns, topic: sns.publish(TopicArn=f"{topic}x", Message="a"), "NotFound", "Topic does not exist"),
    (lambda sns, topic: sns.publish(TopicArn=topic, Message="x" * 262_145), "InvalidParameter",
     "Invalid parameter: Message too long"),
    (lambda sns, topic: sns.publish(TopicArn="randomstring", Message="a"), "InvalidParameter",
     "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
    (lambda sns, topic: sns.subscribe(TopicArn=topic, Protocol="test-protocol", Endpoint="x"), "InvalidParameter",
     "Invalid parameter: Amazon SNS does not support this protocol string: test-protocol"),
    (lambda sns, topic: sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="x"), "InvalidParameter",
     "Invalid parameter: SQS endpoint ARN"),
    (lambda sns, topic: sns.unsubscribe(SubscriptionArn="x"), "InvalidParameter",
     "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
    (lambda sns, topic: sns.confirm_subscription(TopicArn=topic, Token="x" * 64), "InvalidParameter",
     "Invalid parameter: Token"),
    (lambda sns, topic: sns.set_topic_attributes(TopicArn=topic, AttributeName="wrong", AttributeValue="x"),
     "InvalidParameter", "Invalid parameter: AttributeName"),
]  # fmt: skip


@pytest.mark.parametrize(("work", "code", "message"), REFUSED)
def test_what_aws_refuses_is_refused_in_its_words(sns, work, code, message):
    topic = sns.create_topic(Name="refusals")["TopicArn"]
    with pytest.raises(sns.exceptions.ClientError) as caught:
        work(sns, topic)
    assert (caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]) == (code, message)
