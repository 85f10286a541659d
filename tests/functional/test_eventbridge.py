"""Buses, rules and schedules on a real server, by ordinary clients; schedules on a clock that is moved by hand.

What targets get is compared with recordings of AWS (LocalStack's tests/aws/services/events/test_events_inputs.py and
test_events_schedule.py, recorded against AWS in 2024 and 2025), which are written out below.
"""

import datetime
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import Server, clean_environment, client, wait_until

DETAIL = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}}
KIND = "core.update-account-command"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("eventbridge") / "data", "--clock", "virtual")
    yield server
    server.stop()


@pytest.fixture
def events(home: Server) -> Any:
    return client(home.endpoint, service="events")


@pytest.fixture
def sqs(home: Server) -> Any:
    return client(home.endpoint, service="sqs")


def open_queue(sqs: Any, name: str) -> tuple[str, str]:
    """URL and ARN of a queue that takes what rules send."""
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:events:us-east-1:000000000000:rule/*"}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"], arn


def bodies(sqs: Any, url: str) -> list[str]:
    """All that is in a queue, which is empty afterwards. What an answered PutEvents has sent is there already."""
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def travel(server: Server, seconds: float) -> None:
    url = f"{server.endpoint}/_lambent/clock/advance"
    request = urllib.request.Request(url, json.dumps({"seconds": seconds}).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60):
        pass


def now(server: Server) -> float:
    return float(json.loads(server.get("/_lambent/clock"))["now"])


def put(events: Any, source: str, **more: Any) -> str:
    entry = {"Source": source, "DetailType": KIND, "Detail": json.dumps(DETAIL)} | more
    answer = events.put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer
    return str(answer["Entries"][0]["EventId"])


def test_the_targets_of_a_rule_get_what_aws_was_recorded_to_send(events, sqs):
    rule = events.put_rule(Name="inputs", EventPattern=json.dumps({"source": ["inputs"]}))["RuleArn"]
    paths = {"type": "$.detail-type", "command": "$.detail.command", "gone": "$.detail.notThere"}
    inputs: dict[str, dict[str, Any]] = {
        "whole": {},
        "path": {"InputPath": "$.detail"},
        "deep": {"InputPath": "$.detail.payload.sf_id"},
        "text": {"InputTransformer": {
            "InputPathsMap": paths, "InputTemplate": '"Event of <type> type, info <command><gone>"',
        }},
        "json": {"InputTransformer": {
            "InputPathsMap": paths,
            "InputTemplate": '{"detailType": <type>, "command": <gone>, "rule": <aws.events.rule-arn>}',
        }},
    }  # fmt: skip
    urls = {}
    for name, given in inputs.items():
        urls[name], arn = open_queue(sqs, f"inputs-{name}")
        events.put_targets(Rule="inputs", Targets=[{"Id": name, "Arn": arn, **given}])
    sent = put(events, "inputs", Time=datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC))
    got = {name: bodies(sqs, url) for name, url in urls.items()}
    assert json.loads(got["whole"][0]) == {
        "version": "0", "id": sent, "detail-type": KIND, "source": "inputs", "account": "000000000000",
        "time": "2026-01-31T12:00:00Z", "region": "us-east-1", "resources": [], "detail": DETAIL,
    }  # fmt: skip
    assert json.loads(got["path"][0]) == DETAIL
    assert got["deep"] == ['"baz"']
    assert got["text"] == [f'"Event of {KIND} type, info update-account"']
    assert json.loads(got["json"][0]) == {"detailType": KIND, "command": "", "rule": rule}


def test_a_function_and_a_topic_get_the_event_when_they_let_the_rule_in(home, events, sqs):
    function = home.deploy("import json\ndef handler(event, context): print('GOT ' + json.dumps(event))\n")
    arn = home.client.get_function_configuration(FunctionName=function.name)["FunctionArn"]
    rule = events.put_rule(Name="fan-out", EventPattern=json.dumps({"source": ["fan-out"]}))["RuleArn"]
    sns = client(home.endpoint, service="sns")
    topic = sns.create_topic(Name="fan-out")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
                 "Resource": topic}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    url, queue = open_queue(sqs, "fan-out")
    through = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [through]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    dead, dead_arn = open_queue(sqs, "fan-out-dead")
    events.put_targets(Rule="fan-out", Targets=[
        {"Id": "f", "Arn": arn, "DeadLetterConfig": {"Arn": dead_arn}}, {"Id": "t", "Arn": topic},
    ])  # fmt: skip

    refused = put(events, "fan-out")
    (letter,) = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(letter["Body"])["id"] == refused
    told = {name: each["StringValue"] for name, each in letter["MessageAttributes"].items()}
    assert (told["ERROR_CODE"], told["RULE_ARN"], told["TARGET_ARN"]) == ("NO_PERMISSIONS", rule, arn)

    home.client.add_permission(
        FunctionName=function.name, StatementId="rule", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=rule,
    )  # fmt: skip
    sent = put(events, "fan-out")
    (line,) = wait_until(lambda: [line for line in function.logs() if sent in line])
    assert json.loads(line.removeprefix("GOT "))["detail"] == DETAIL
    assert {json.loads(body)["id"] for body in bodies(sqs, url)} == {refused, sent}


def test_rules_with_a_schedule_fire_at_their_times(home, events, sqs):
    url, arn = open_queue(sqs, "scheduled")
    rule = events.put_rule(Name="every-minute", ScheduleExpression="rate(1 minute)")["RuleArn"]
    events.put_targets(Rule="every-minute", Targets=[{"Id": "queue", "Arn": arn}])
    (listed,) = events.list_rules(NamePrefix="every-minute")["Rules"]
    assert listed == {
        "Name": "every-minute", "Arn": rule, "State": "ENABLED", "ScheduleExpression": "rate(1 minute)",
        "EventBusName": "default",
    }  # fmt: skip
    began = now(home)
    travel(home, 120)
    first, second = sorted((json.loads(body) for body in bodies(sqs, url)), key=lambda event: event["time"])
    assert len(first.pop("id")) == 36
    due = datetime.datetime.fromisoformat(first.pop("time")).timestamp()
    assert began - 60 <= due <= began + 60
    assert first == {
        "version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "account": "000000000000",
        "region": "us-east-1", "resources": [rule], "detail": {},
    }  # fmt: skip
    assert datetime.datetime.fromisoformat(second["time"]).timestamp() == due + 60
    events.disable_rule(Name="every-minute")
    travel(home, 600)
    assert bodies(sqs, url) == []


def test_an_archive_is_replayed_through_the_rules_that_are_there_now(events, sqs):
    bus = events.create_event_bus(Name="archived")["EventBusArn"]
    archive = events.create_archive(ArchiveName="all", EventSourceArn=bus)["ArchiveArn"]
    at = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
    sent = [put(events, "archived", EventBusName="archived", Time=at) for _ in range(3)]
    url, arn = open_queue(sqs, "replayed")
    events.put_rule(Name="all", EventBusName="archived", EventPattern=json.dumps({"source": ["archived"]}))
    events.put_targets(Rule="all", EventBusName="archived", Targets=[{"Id": "queue", "Arn": arn}])
    events.start_replay(
        ReplayName="again", EventSourceArn=archive, Destination={"Arn": bus},
        EventStartTime=at, EventEndTime=at + datetime.timedelta(hours=1),
    )  # fmt: skip
    wait_until(lambda: events.describe_replay(ReplayName="again")["State"] == "COMPLETED")
    got = [json.loads(body) for body in bodies(sqs, url)]
    assert sorted(event["id"] for event in got) == sorted(sent)
    assert {event["replay-name"] for event in got} == {"again"}
    assert events.describe_archive(ArchiveName="all")["EventCount"] == 3


def test_refusals_are_those_of_aws(events):
    with pytest.raises(events.exceptions.InvalidEventPatternException, match="must be an object or an array"):
        events.put_rule(Name="x", EventPattern='{"source": "a"}')
    with pytest.raises(ClientError) as refused:
        events.put_rule(Name="Invalid Name With Spaces!", ScheduleExpression="rate(1 hour)")
    assert refused.value.response["Error"]["Message"] == (
        "1 validation error detected: Value 'Invalid Name With Spaces!' at 'name' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+"
    )
    with pytest.raises(ClientError, match="NotImplemented"):
        events.list_connections()


def test_events_that_are_too_large_or_no_json_are_refused_and_reach_nobody(events, sqs):
    url, arn = open_queue(sqs, "oversize")
    events.put_rule(Name="oversize", EventPattern=json.dumps({"source": ["oversize"]}))
    events.put_targets(Rule="oversize", Targets=[{"Id": "queue", "Arn": arn}])
    for detail in (json.dumps("x" * 1_048_576), json.dumps({"a": "x" * 1_048_576})):
        with pytest.raises(ClientError) as caught:
            put(events, "oversize", Detail=detail)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    half = {"Source": "oversize", "DetailType": "t", "Detail": json.dumps({"a": "x" * 600_000})}
    with pytest.raises(ClientError, match="over the limit"):
        events.put_events(Entries=[half, half])
    deep = "[" * 100_000 + "]" * 100_000
    details = ["{", "[]", '{"a": 1} x', '{"a": NaN}', f'{{"a": {deep}}}']
    answer = events.put_events(Entries=[half | {"Detail": detail} for detail in details])
    assert [each.get("ErrorCode") for each in answer["Entries"]] == ["MalformedDetail"] * len(details)
    assert bodies(sqs, url) == []
    put(events, "oversize", Detail=half["Detail"])
    assert len(bodies(sqs, url)) == 1


def test_the_aws_cli_puts_and_lists(home):
    def aws(*words: str) -> Any:
        keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
        done = subprocess.run(
            [Path(sys.executable).with_name("aws"), "--endpoint-url", home.endpoint, "events", *words],
            env=clean_environment() | keys, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert aws("list-event-buses")["EventBuses"][-1]["Name"] == "default"
    entry = json.dumps([{"Source": "cli", "DetailType": "t", "Detail": "{}"}])
    assert aws("put-events", "--entries", entry)["FailedEntryCount"] == 0


def test_what_was_accepted_before_a_kill_is_delivered(serve):
    """Four clients put events while the server is killed; each that was answered is in the queue afterwards."""
    server = serve()
    sqs, events = client(server.endpoint, service="sqs"), client(server.endpoint, service="events")
    url, arn = open_queue(sqs, "killed")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["killed"]}))
    path = {"Id": "queue", "Arn": arn, "InputPath": "$.id"}
    events.put_targets(Rule="all", Targets=[path])
    accepted: list[str] = []

    def send() -> None:
        mine = client(server.endpoint, service="events")
        try:
            while True:
                accepted.append(put(mine, "killed"))
        except Exception:  # the server is gone
            return

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(accepted) > 50)
    server.kill()
    for thread in threads:
        thread.join()
    again = serve(data=server.data)
    sqs = client(again.endpoint, service="sqs")
    url = sqs.get_queue_url(QueueName="killed")["QueueUrl"]
    found = [json.loads(body) for body in bodies(sqs, url)]
    assert set(accepted) <= set(found)
    assert len(found) == len(set(found))  # and none twice
