"""Schedules on a real server, whose time is moved by hand."""

import datetime
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from real_server import Server, client, wait_until

OFF = {"Mode": "OFF"}
ROLE = "arn:aws:iam::000000000000:role/scheduler"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("scheduler") / "data", "--clock", "virtual")
    yield server
    server.stop()


@pytest.fixture
def scheduler(home: Server) -> Any:
    return client(home.endpoint, service="scheduler")


@pytest.fixture
def sqs(home: Server) -> Any:
    return client(home.endpoint, service="sqs")


def travel(server: Server, seconds: float) -> None:
    url = f"{server.endpoint}/_lambent/clock/advance"
    with urllib.request.urlopen(
        urllib.request.Request(url, json.dumps({"seconds": seconds}).encode(), method="POST"), timeout=60
    ):
        pass


def queue(sqs: Any, name: str) -> tuple[str, str]:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def bodies(sqs: Any, url: str) -> list[str]:
    """All that is in a queue, which is empty afterwards."""
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def now(server: Server) -> datetime.datetime:
    clock = json.loads(server.get("/_lambent/clock"))
    return datetime.datetime.fromtimestamp(clock["now"], datetime.UTC)


def test_a_rate_fires_again_and_again_until_its_end(home, scheduler, sqs):
    url, arn = queue(sqs, "every-minute")
    end = now(home) + datetime.timedelta(minutes=3, seconds=30)
    scheduler.create_schedule(
        Name="often", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow=OFF, EndDate=end,
        Target={"Arn": arn, "RoleArn": ROLE, "Input": "tick"},
    )  # fmt: skip
    travel(home, 30)
    assert bodies(sqs, url) == []
    travel(home, 60)
    assert bodies(sqs, url) == ["tick"]
    travel(home, 600)
    assert bodies(sqs, url) == ["tick", "tick"]


def test_a_function_gets_aws_s_event_at_the_time_named_in_the_zone_named(home, scheduler):
    source = "import json\ndef handler(event, context): print('GOT ' + json.dumps(event))\n"
    function = home.deploy(source)
    arn = home.client.get_function_configuration(FunctionName=function.name)["FunctionArn"]
    moment = (now(home) + datetime.timedelta(days=2)).replace(microsecond=0, tzinfo=None)
    made = scheduler.create_schedule(
        Name="once", ScheduleExpression=f"at({moment.isoformat()})", ScheduleExpressionTimezone="UTC",
        FlexibleTimeWindow=OFF, Target={"Arn": arn, "RoleArn": ROLE}, ActionAfterCompletion="DELETE",
    )["ScheduleArn"]  # fmt: skip
    travel(home, 2 * 86_400)
    (line,) = wait_until(lambda: [line for line in function.logs() if line.startswith("GOT ")])
    event = json.loads(line.removeprefix("GOT "))
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "000000000000",
        "time": f"{moment.isoformat()}Z", "region": "us-east-1", "resources": [made], "detail": "{}",
    }  # fmt: skip
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        scheduler.get_schedule(Name="once")


def test_context_attributes_are_filled_in(home, scheduler, sqs):
    url, arn = queue(sqs, "with-context")
    text = json.dumps({"at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"})
    made = scheduler.create_schedule(
        Name="context", ScheduleExpression="rate(1 day)", FlexibleTimeWindow=OFF,
        Target={"Arn": arn, "RoleArn": ROLE, "Input": text},
    )["ScheduleArn"]  # fmt: skip
    due = now(home) + datetime.timedelta(days=1)
    travel(home, 86_401)
    (body,) = bodies(sqs, url)
    assert json.loads(body) == {"at": due.strftime("%Y-%m-%dT%H:%M:%SZ"), "by": made}
    scheduler.delete_schedule(Name="context")


def test_what_cannot_be_delivered_is_a_dead_letter(home, scheduler, sqs):
    dead, dead_arn = queue(sqs, "scheduler-dead")
    scheduler.create_schedule(
        Name="nowhere", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF,
        Target={"Arn": dead_arn.replace("scheduler-dead", "none"), "RoleArn": ROLE, "Input": "lost",
                "DeadLetterConfig": {"Arn": dead_arn}},
    )  # fmt: skip
    travel(home, 3_601)
    (message,) = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == "lost"
    assert message["MessageAttributes"]["TARGET_ARN"]["StringValue"].endswith(":none")
    scheduler.delete_schedule(Name="nowhere")


def test_a_flexible_window_fires_somewhere_inside_it(home, scheduler, sqs):
    url, arn = queue(sqs, "flexible")
    scheduler.create_schedule(
        Name="flexible", ScheduleExpression="rate(2 hours)",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30},
        Target={"Arn": arn, "RoleArn": ROLE, "Input": "somewhere"},
    )  # fmt: skip
    travel(home, 7_199)
    assert bodies(sqs, url) == []
    travel(home, 1_802)
    assert bodies(sqs, url) == ["somewhere"]
    scheduler.delete_schedule(Name="flexible")


def test_a_disabled_schedule_rests_until_it_is_enabled(home, scheduler, sqs):
    url, arn = queue(sqs, "resting")
    how = {"ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": OFF,
           "Target": {"Arn": arn, "RoleArn": ROLE, "Input": "x"}}  # fmt: skip
    scheduler.create_schedule(Name="resting", State="DISABLED", **how)
    travel(home, 300)
    assert bodies(sqs, url) == []
    scheduler.update_schedule(Name="resting", State="ENABLED", **how)
    travel(home, 61)
    assert bodies(sqs, url)
    scheduler.delete_schedule(Name="resting")


def test_schedules_survive_a_kill_and_a_time_that_was_missed_is_made_up_for_once(serve):
    server = serve("--clock", "virtual")
    sqs, scheduler = client(server.endpoint, service="sqs"), client(server.endpoint, service="scheduler")
    url, arn = queue(sqs, "survivor")
    scheduler.create_schedule_group(Name="nightly", Tags=[{"Key": "a", "Value": "b"}])
    scheduler.create_schedule(
        Name="kept", GroupName="nightly", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF,
        Target={"Arn": arn, "RoleArn": ROLE, "Input": "again"},
    )  # fmt: skip
    travel(server, 3_601)
    server.kill()
    again = serve("--clock", "virtual", "--port", str(server.port), data=server.data)
    scheduler = client(again.endpoint, service="scheduler")
    (listed,) = scheduler.list_schedules(GroupName="nightly")["Schedules"]
    assert (listed["Name"], listed["State"]) == ("kept", "ENABLED")
    travel(again, 3_600)
    assert bodies(client(again.endpoint, service="sqs"), url) == ["again", "again"]
    scheduler.delete_schedule_group(Name="nightly")
    assert scheduler.list_schedules()["Schedules"] == []


@pytest.mark.parametrize(
    "expression",  # recorded: errors.tsv, rows of scheduler
    ["cron(7 20 * * NOT *)", "cron()", "rate(10 seconds)", "rate(10 years)", "rate(10)", "at(2021-12-31T23:59:59Z)"],
)
def test_an_expression_that_is_none_is_refused_in_aws_s_words(scheduler, expression):
    with pytest.raises(scheduler.exceptions.ValidationException) as caught:
        scheduler.create_schedule(
            Name="bad", ScheduleExpression=expression, FlexibleTimeWindow=OFF,
            Target={"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "RoleArn": ROLE},
        )  # fmt: skip
    assert caught.value.response["Message"] == f"Invalid Schedule Expression {expression}."


def test_the_same_request_again_finds_the_schedule_and_another_one_conflicts(scheduler, sqs):
    _, arn = queue(sqs, "idempotent")
    how = {"Name": "same", "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": OFF,
           "Target": {"Arn": arn, "RoleArn": ROLE}}  # fmt: skip
    first = scheduler.create_schedule(**how, ClientToken="one")
    assert scheduler.create_schedule(**how, ClientToken="one")["ScheduleArn"] == first["ScheduleArn"]
    with pytest.raises(scheduler.exceptions.ConflictException):
        scheduler.create_schedule(**how, ClientToken="two")
    found = scheduler.get_schedule(Name="same")
    assert found["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    scheduler.delete_schedule(Name="same")


def test_what_is_too_large_for_a_schedule_is_refused_and_makes_none(scheduler, sqs):
    _, arn = queue(sqs, "oversize")
    how = {"Name": "oversize", "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": OFF}
    target = {"Arn": arn, "RoleArn": ROLE}
    for wrong in (
        {"Target": target, "Description": "x" * 513}, {"Target": target | {"Arn": arn + "x" * 1_600}},
        {"Target": target, "ScheduleExpression": "rate(1 day)" + " " * 300}, {"Target": target, "Name": "n" * 65},
        {"Target": target, "Name": "../up"},
    ):  # fmt: skip
        with pytest.raises(scheduler.exceptions.ClientError) as caught:
            scheduler.create_schedule(**how | wrong)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400, wrong
    assert "oversize" not in [each["Name"] for each in scheduler.list_schedules()["Schedules"]]
