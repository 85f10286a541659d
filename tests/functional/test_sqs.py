"""Queues on a real server: ordinary clients, restarts, and functions that are fed from them."""

import importlib.metadata
import json
import subprocess
import textwrap
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Serve
from real_server import Function, Server, client, wait_until

WORKER = """
    import json

    def handler(event, context):
        print("BATCH", json.dumps([record["body"] for record in event["Records"]]))
        if any(record["body"] == "raise" for record in event["Records"]):
            raise ValueError("as asked")
        failed = [record for record in event["Records"] if record["body"].startswith("fail")]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("sqs") / "data")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def worker(home: Server) -> Function:
    return home.deploy(WORKER, Timeout=5)


@pytest.fixture
def sqs(home: Server) -> Any:
    return client(home.endpoint, service="sqs")


def bodies(function: Function) -> list[list[str]]:
    """The batches that it was run on."""
    return [json.loads(line.removeprefix("BATCH ")) for line in function.logs() if line.startswith("BATCH ")]


def queue(sqs: Any, name: str, **attributes: Any) -> tuple[str, str]:
    """URL and ARN of a new queue."""
    url = sqs.create_queue(QueueName=name, Attributes={key: str(value) for key, value in attributes.items()})[
        "QueueUrl"
    ]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def left(sqs: Any, url: str) -> int:
    """Messages in a queue, whatever their state."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(value) for name, value in found.items() if name.startswith("Approximate"))


def mapped(home: Server, function: Function, arn: str, **settings: Any) -> str:
    """The UUID of a mapping that is enabled."""
    made = home.client.create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name, **settings)
    uuid = str(made["UUID"])
    wait_until(lambda: home.client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled")
    return uuid


def unmap(home: Server, uuid: str) -> None:
    wait_until(lambda: home.client.get_event_source_mapping(UUID=uuid)["State"] in ("Enabled", "Disabled"))
    home.client.delete_event_source_mapping(UUID=uuid)


def test_the_ordinary_command_line_sends_receives_and_deletes(aws: Callable[..., "subprocess.CompletedProcess[str]"]):
    def ask(*words: str) -> Any:
        done = aws("sqs", *words, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    url = ask("create-queue", "--queue-name", "from-the-cli")["QueueUrl"]
    sent = ask("send-message", "--queue-url", url, "--message-body", "hello")
    (got,) = ask("receive-message", "--queue-url", url, "--wait-time-seconds", "5")["Messages"]
    assert (got["Body"], got["MessageId"]) == ("hello", sent["MessageId"])
    ask("delete-message", "--queue-url", url, "--receipt-handle", got["ReceiptHandle"])
    assert ask("receive-message", "--queue-url", url) is None
    ask("delete-queue", "--queue-url", url)
    refused = aws("sqs", "send-message", "--queue-url", url, "--message-body", "late")
    assert "AWS.SimpleQueueService.NonExistentQueue" in refused.stderr


def test_the_older_query_protocol_is_spoken_too(home: Server, sqs: Any) -> None:
    url, _ = queue(sqs, "by-query")
    form = {"Action": "SendMessage", "MessageBody": "old", "Version": "2012-11-05"}
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=30) as answer:
        text = answer.read().decode()
    assert "<SendMessageResponse" in text
    (got,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert f"<MessageId>{got['MessageId']}</MessageId>" in text


def test_a_waiting_client_is_answered_as_soon_as_there_is_a_message(sqs: Any) -> None:
    url, _ = queue(sqs, "waiting")
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    waiting.start()
    time.sleep(0.3)
    sqs.send_message(QueueUrl=url, MessageBody="now")
    waiting.join(60)
    assert got[0]["Messages"][0]["Body"] == "now"


def test_what_was_accepted_survives_a_kill_and_what_was_deleted_does_not_come_back(serve: Serve) -> None:
    server = serve()
    sqs = client(server.endpoint, service="sqs")
    url, _ = queue(sqs, "killed", VisibilityTimeout=1)
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    gone = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    for message in gone[:5]:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    server.kill()
    again = serve("--port", str(server.port), data=server.data)
    sqs = client(again.endpoint, service="sqs")
    found: Counter[str] = Counter()

    def receive() -> bool:
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "VisibilityTimeout": 600}
        found.update(message["Body"] for message in sqs.receive_message(**asked).get("Messages", []))
        return len(found) >= 15

    wait_until(receive)
    assert set(found) == {str(number) for number in range(20)} - {message["Body"] for message in gone[:5]}


def test_messages_that_are_too_large_or_too_many_are_refused_and_none_is_kept(sqs: Any) -> None:
    url, _ = queue(sqs, "large")
    many = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
    halves = [{"Id": str(n), "MessageBody": "x" * 600_000} for n in range(2)]
    for work in (
        lambda: sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_577),
        lambda: sqs.send_message(QueueUrl=url, MessageBody="\u00fc" * 524_289),  # it is bytes that count
        lambda: sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=many),
        lambda: sqs.send_message(QueueUrl=url, MessageBody="a\0b"),
        lambda: sqs.send_message_batch(QueueUrl=url, Entries=halves),
        lambda: sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(11)]),
    ):
        with pytest.raises(sqs.exceptions.ClientError) as caught:
            work()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert left(sqs, url) == 0
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_576)
    assert len(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]) == 1_048_576


class TestMappings:
    def test_a_function_is_run_on_what_is_sent_and_the_messages_are_gone(self, home, worker, sqs):
        url, arn = queue(sqs, "work", VisibilityTimeout=30)
        uuid = mapped(home, worker, arn)
        sqs.send_message(QueueUrl=url, MessageBody="one")
        wait_until(lambda: ["one"] in bodies(worker))
        wait_until(lambda: not left(sqs, url))
        unmap(home, uuid)

    def test_messages_that_the_answer_names_come_back_and_end_as_dead_letters(self, home, worker, sqs):
        dead, dead_arn = queue(sqs, "partial-dead")
        policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
        url, arn = queue(sqs, "partial", VisibilityTimeout=5, RedrivePolicy=policy)
        uuid = mapped(home, worker, arn, FunctionResponseTypes=["ReportBatchItemFailures"])
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(["fine", "fail always"])]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
        wait_until(lambda: left(sqs, dead))
        (message,) = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=5)["Messages"]
        assert message["Body"] == "fail always"
        assert left(sqs, url) == 0
        assert sum("fail always" in batch for batch in bodies(worker)) == 2
        unmap(home, uuid)

    def test_messages_that_no_filter_wants_are_deleted_unseen(self, home, worker, sqs):
        url, arn = queue(sqs, "filtered", VisibilityTimeout=30)
        pattern = json.dumps({"body": {"kind": ["wanted"]}})
        uuid = mapped(home, worker, arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": "other"}))
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": "wanted"}))
        wait_until(lambda: not left(sqs, url))
        seen = [body for batch in bodies(worker) for body in batch if "kind" in body]
        assert seen == [json.dumps({"kind": "wanted"})]
        unmap(home, uuid)

    def test_a_window_gathers_messages_into_one_batch(self, home, worker, sqs):
        url, arn = queue(sqs, "window", VisibilityTimeout=60)
        uuid = mapped(home, worker, arn, BatchSize=100, MaximumBatchingWindowInSeconds=2)
        for number in range(15):
            sqs.send_message(QueueUrl=url, MessageBody=f"w{number}")
        wait_until(lambda: not left(sqs, url))
        batches = [batch for batch in bodies(worker) if batch[0].startswith("w")]
        assert sorted(body for batch in batches for body in batch) == sorted(f"w{number}" for number in range(15))
        assert len(batches) <= 3
        unmap(home, uuid)

    def test_a_disabled_mapping_takes_nothing_until_it_is_enabled(self, home, worker, sqs):
        url, arn = queue(sqs, "paused", VisibilityTimeout=30)
        uuid = mapped(home, worker, arn)
        home.client.update_event_source_mapping(UUID=uuid, Enabled=False)
        wait_until(lambda: home.client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled")
        sqs.send_message(QueueUrl=url, MessageBody="patient")
        time.sleep(0.5)
        assert left(sqs, url) == 1
        home.client.update_event_source_mapping(UUID=uuid, Enabled=True)
        wait_until(lambda: ["patient"] in bodies(worker))
        wait_until(lambda: not left(sqs, url))
        unmap(home, uuid)

    def test_a_failing_function_is_told_of_and_its_message_comes_back(self, home, worker, sqs):
        url, arn = queue(sqs, "raising", VisibilityTimeout=5)
        uuid = mapped(home, worker, arn)
        sqs.send_message(QueueUrl=url, MessageBody="raise")
        result = lambda: home.client.get_event_source_mapping(UUID=uuid).get("LastProcessingResult")  # noqa: E731
        wait_until(lambda: result() == "PROBLEM: ValueError")
        wait_until(lambda: bodies(worker).count(["raise"]) >= 2)
        unmap(home, uuid)

    def test_a_group_of_a_fifo_queue_is_worked_through_in_its_order(self, home, worker, sqs):
        url, arn = queue(sqs, "ordered.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout=30)
        uuid = mapped(home, worker, arn, BatchSize=2)
        for number in range(9):
            sqs.send_message(QueueUrl=url, MessageBody=f"step{number}", MessageGroupId="g")
        wait_until(lambda: not left(sqs, url))
        seen = [body for batch in bodies(worker) for body in batch if body.startswith("step")]
        assert seen == [f"step{number}" for number in range(9)]
        unmap(home, uuid)

    def test_a_queue_that_hides_its_messages_too_briefly_is_refused_in_aws_s_words(self, home, worker, sqs):
        _, arn = queue(sqs, "brief", VisibilityTimeout=1)
        with pytest.raises(home.client.exceptions.InvalidParameterValueException) as caught:
            home.client.create_event_source_mapping(EventSourceArn=arn, FunctionName=worker.name)
        said = "Queue visibility timeout: 1 seconds is less than Function timeout: 5 seconds"
        assert said in str(caught.value)


def powertools() -> dict[str, bytes]:
    """The package, as it is installed here."""
    found: dict[str, bytes] = {}
    for package in ("aws-lambda-powertools", "jmespath", "typing-extensions"):
        for file in importlib.metadata.files(package) or []:
            if file.suffix == ".py" and ".." not in file.parts:
                found[str(file)] = file.locate().read_bytes()
    return found


def test_powertools_batch_processor_reports_partial_failures(home: Server, sqs: Any) -> None:
    source = """
        from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

        processor = BatchProcessor(event_type=EventType.SQS)

        def one(record):
            if record.body == "poison":
                raise ValueError("poison")

        def handler(event, context):
            return process_partial_response(event=event, record_handler=one, processor=processor, context=context)
    """
    function = home.deploy({"app.py": textwrap.dedent(source), **powertools()}, Timeout=10)
    dead, dead_arn = queue(sqs, "poisoned-dead")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, arn = queue(sqs, "poisoned", VisibilityTimeout=10, RedrivePolicy=policy)
    mapped(home, function, arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(["good", "poison", "better"])]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    wait_until(lambda: left(sqs, dead) == 1 and left(sqs, url) == 0)
    assert sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=5)["Messages"][0]["Body"] == "poison"
