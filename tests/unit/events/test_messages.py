"""The calls of AWS's APIs that would deliver a letter, against messages that AWS was recorded to deliver."""

import json
import re
from pathlib import Path

import pytest
from event_samples import event, failed
from letter_samples import BUCKET, BUS, QUEUE, TOPIC, dead_letter, letter, success

from lambent.errors import Undeliverable
from lambent.events.letters import letters_for
from lambent.events.messages import id_of, message_for, service_of
from lambent.model import InvokeConfig

RECORDED = json.loads((Path(__file__).parent / "recorded_records.json").read_text())


def test_a_dead_letter_in_a_queue_has_the_attributes_and_types_that_aws_sends():
    expected = RECORDED["dead_letter"]["MessageAttributes"]
    message = message_for(dead_letter(outcome=failed(payload=b'{"errorMessage": "no"}')))
    assert message.operation == "SendMessage"
    assert message.body == event().payload
    types = {name: each["DataType"] for name, each in message.parameters["MessageAttributes"].items()}
    assert types == {name: each["DataType"] for name, each in expected.items()}


def test_a_record_in_a_queue_is_the_body_and_has_no_attributes_but_the_trace():
    message = message_for(letter(event=event(attempts=3, trace="Root=1-a")))
    assert json.loads(message.body)["requestContext"]["condition"] == "RetriesExhausted"
    (header,) = message.parameters["MessageSystemAttributes"].values()
    assert header["StringValue"].startswith("Root=1-a;Lineage=")
    assert "MessageAttributes" not in message.parameters


def test_a_topic_is_named_in_the_call():
    message = message_for(dead_letter(TOPIC))
    assert (message.operation, message.parameters["TopicArn"]) == ("Publish", TOPIC)
    assert message.parameters["MessageAttributes"]["ErrorCode"] == {"DataType": "Number", "StringValue": "200"}


@pytest.mark.parametrize("name", ["success", "failure"])
def test_an_event_on_a_bus_is_that_of_aws(name):
    recorded = RECORDED["bus"][name]
    expected = json.loads(
        re.sub("<partition>", "aws", json.dumps(recorded))
        .replace("<region>", "eu-west-1").replace("<event-bus-name>", "results").replace("<input-fn-name>", "hello")
    )  # fmt: skip
    sent = letter(BUS) if name == "failure" else letters_for(success(config=InvokeConfig(on_success=BUS)))[0]
    message = message_for(sent)
    entry = message.parameters
    assert message.operation == "PutEvents"
    assert (entry["Source"], entry["DetailType"], entry["Resources"]) == (
        expected["source"], expected["detail-type"], expected["resources"],
    )  # fmt: skip
    assert entry["EventBusName"] == BUS
    assert set(json.loads(message.body)) == set(expected["detail"])


def test_the_object_in_a_bucket_has_the_key_of_aws():
    message = message_for(letter(BUCKET, now=1_700_000_200.5))
    assert (message.operation, message.parameters["Bucket"]) == ("PutObject", "failures")
    key = r"aws/lambda/async/hello/2023/11/14/2023-11-14T22\.16\.40-[0-9a-f]{8}-[0-9a-f-]{27}"
    assert re.fullmatch(key, message.parameters["Key"])


def test_a_letter_has_one_id_however_often_it_is_delivered_and_another_has_another():
    assert id_of(letter()) == id_of(letter())
    assert len({id_of(each) for each in (letter(), letter(TOPIC), dead_letter(), letter(now=1.0))}) == 4


def test_a_bucket_takes_failures_only():
    (sent,) = letters_for(success(config=InvokeConfig(on_success=BUCKET)))
    with pytest.raises(Undeliverable, match="failures only"):
        message_for(sent)


@pytest.mark.parametrize("target", [f"{QUEUE}.fifo", f"{TOPIC}.fifo"])
def test_fifo_targets_are_refused(target):
    with pytest.raises(Undeliverable, match="FIFO"):
        message_for(letter(target))


@pytest.mark.parametrize(("target", "limit"), [(QUEUE, 1_048_576), (TOPIC, 262_144), (BUS, 1_048_576)])
def test_what_is_larger_than_the_service_takes_is_refused_and_what_is_not_is_sent(target, limit):
    def sized(size):
        return event(attempts=3, payload=b'"' + b"x" * (size - 2) + b'"')

    spare = limit - len(message_for(letter(target)).body) - 400
    message_for(letter(target, event=sized(spare)))
    with pytest.raises(Undeliverable, match=f"larger than the {limit}"):
        message_for(letter(target, event=sized(limit)))


def test_attributes_count_for_the_size_of_a_message():
    exact = 262_144 - len("RequestIDString" + event().request_id + "ErrorCodeNumber200" + "ErrorMessageStringno")
    message_for(dead_letter(TOPIC, event=event(attempts=3, payload=b"1" * exact)))
    with pytest.raises(Undeliverable):
        message_for(dead_letter(TOPIC, event=event(attempts=3, payload=b"1" * (exact + 1))))


def test_objects_may_be_of_any_size():
    message_for(letter(BUCKET, event=event(attempts=3, payload=b"1" * 2_000_000)))


@pytest.mark.parametrize(("arn", "service"), [(QUEUE, "sqs"), (BUCKET, "s3"), ("failures", ""), ("a:b:c:d:e:f", "")])
def test_the_service_of_an_arn(arn, service):
    assert service_of(arn) == service
