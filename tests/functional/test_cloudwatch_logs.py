"""CloudWatch Logs on a real server, by ordinary clients: functions' logs, clients' events, subscriptions, live tails.

recorded_subscription_filters.json: the recording logs__test_logs_subscription_filters of the real AWS (LocalStack's
snapshot); errors: errors.tsv, rows of logs.
"""

import base64
import gzip
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Serve
from real_server import Function, Server, client, wait_until

RECORDED = json.loads((Path(__file__).parent / "recorded_subscription_filters.json").read_text())["recorded"]
TALKER = "def handler(event, context): print('SAID', event); return [context.log_group_name, context.log_stream_name]\n"
HEARER = "def handler(event, context): print('GOT ' + event['awslogs']['data'])\n"
LAMBDA = "arn:aws:lambda:us-east-1:{}:function:hearer"


def logs_of(server: Server) -> Any:
    return client(server.endpoint, service="logs", inject_host_prefix=False)


@pytest.fixture
def logs(server: Server) -> Any:
    return logs_of(server)


@pytest.fixture
def group(logs: Any) -> Iterator[str]:
    """Of a client, with a stream "s"."""
    name = f"test/{uuid.uuid4().hex[:12]}"
    logs.create_log_group(logGroupName=name, tags={"a": "b"})
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    logs.delete_log_group(logGroupName=name)


def now_ms() -> int:
    return int(time.time() * 1000)


def put(logs: Any, group: str, *messages: str, at: int | None = None) -> None:
    events = [{"timestamp": now_ms() if at is None else at, "message": each} for each in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def messages(answer: Any) -> list[str]:
    return [event["message"] for event in answer["events"]]


def tail(logs: Any, group: str, since: int) -> Iterator[str]:
    """As `aws logs tail --follow` of the AWS CLI does it: page by page, then again from the newest moment on, without
    the events that were seen."""
    seen: dict[int, set[str]] = defaultdict(set)
    asked: dict[str, Any] = {"logGroupName": group, "interleaved": True, "startTime": since}
    while True:
        answer = logs.filter_log_events(**asked)
        for event in answer["events"]:
            if event["eventId"] not in seen[event["timestamp"]]:
                seen[event["timestamp"]].add(event["eventId"])
                yield event["message"]
        asked.pop("nextToken", None)
        if "nextToken" in answer:
            asked["nextToken"] = answer["nextToken"]
        elif seen:
            asked["startTime"] = max(seen)


def next_with(lines: Iterator[str], text: str) -> str:
    return next(line for line in lines if text in line)


def subscribed(server: Server, hearer: Function, **condition: str) -> str:
    """The function's ARN, once CloudWatch Logs may invoke it."""
    server.client.add_permission(
        FunctionName=hearer.name, StatementId=uuid.uuid4().hex, Action="lambda:InvokeFunction",
        Principal="logs.us-east-1.amazonaws.com", SourceAccount="000000000000", **condition,
    )  # fmt: skip
    return str(server.client.get_function_configuration(FunctionName=hearer.name)["FunctionArn"])


def heard(hearer: Function) -> list[dict[str, Any]]:
    """What it was given, unpacked."""
    found = [line.removeprefix("GOT ") for line in hearer.logs() if line.startswith("GOT ")]
    return [json.loads(gzip.decompress(base64.b64decode(each))) for each in found]


def test_the_logs_of_functions_are_groups_and_streams_that_ordinary_clients_read_and_follow(server, logs, deploy, aws):
    talker = deploy(TALKER)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):  # made by the first run, as on AWS
        logs.describe_log_streams(logGroupName=f"/aws/lambda/{talker.name}")
    group, stream = talker.call("one").value
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    (only,) = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    assert only["logStreamName"] == stream
    read = logs.get_log_events(logGroupIdentifier=described["logGroupArn"], logStreamName=stream, startFromHead=True)
    assert [line.split(" ")[0] for line in messages(read)] == ["INIT_START", "START", "SAID", "END", "REPORT"]
    again = logs.get_log_events(logGroupName=group, logStreamName=stream, nextToken=read["nextForwardToken"])
    assert (again["events"], again["nextForwardToken"]) == ([], read["nextForwardToken"])
    lines = tail(logs, group, 0)
    assert next_with(lines, "SAID") == "SAID one"
    for number in range(3):
        talker.call(number)
        assert next_with(lines, "SAID") == f"SAID {number}"
    words = ["--log-group-name", group, "--filter-pattern", "[what = SAID, number]", "--query", "events[].message"]
    said = aws("logs", "filter-log-events", *words, "--output", "json")
    assert (json.loads(said.stdout), said.stderr) == (["SAID one", "SAID 0", "SAID 1", "SAID 2"], "")


def test_functions_that_share_a_group_are_read_together_and_may_be_deleted_from_it(logs, deploy):
    group = f"shared/{uuid.uuid4().hex[:8]}"
    both = [deploy(TALKER, LoggingConfig={"LogFormat": "Text", "LogGroup": group}) for _ in range(2)]
    for number, talker in enumerate(both):
        assert talker.call(number).value[0] == group
    assert messages(logs.filter_log_events(logGroupName=group, filterPattern="SAID")) == ["SAID 0", "SAID 1"]
    streams = [each["logStreamName"] for each in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    assert sorted(name.split("/")[3].split("[")[0] for name in streams) == sorted(each.name for each in both)
    assert "SAID 1" in both[1].logs()
    logs.delete_log_group(logGroupName=group)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.filter_log_events(logGroupName=group)
    assert both[1].logs() == []
    both[1].call("anew")
    assert messages(logs.filter_log_events(logGroupName=group, filterPattern="SAID")) == ["SAID anew"]
    logs.delete_log_group(logGroupName=group)


def test_clients_put_events_and_page_through_them_both_ways(logs, group):
    moment = now_ms() - 60_000
    for number in range(0, 30, 10):
        put(logs, group, *(f"{each}\nof several lines" for each in range(number, number + 10)), at=moment + number)
    whole = [f"{each}\nof several lines" for each in range(30)]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 7})
    assert [message for page in pages for message in messages(page)] == whole
    asked = {"logGroupName": group, "logStreamName": "s", "limit": 12}
    newest = logs.get_log_events(**asked)
    assert messages(newest) == whole[18:]
    older = logs.get_log_events(**asked, nextToken=newest["nextBackwardToken"])
    assert messages(older) == whole[6:18]
    assert messages(logs.get_log_events(**asked, nextToken=older["nextForwardToken"])) == whole[18:]
    span = {"startTime": moment + 10, "endTime": moment + 20}
    assert messages(logs.get_log_events(logGroupName=group, logStreamName="s", **span)) == whole[10:20]
    assert messages(logs.filter_log_events(logGroupName=group, **span)) == whole[10:]
    backwards = logs.filter_log_events(logGroupName=group, startTime=moment, startFromHead=False, limit=2)
    assert messages(backwards) == whole[:-3:-1]
    logs.delete_log_stream(logGroupName=group, logStreamName="s")
    assert messages(logs.filter_log_events(logGroupName=group)) == []


def test_events_that_are_too_old_or_too_new_are_rejected_and_the_others_taken(logs, group):
    day, now = 86_400_000, now_ms()
    moments = [now - 15 * day, now - 1000, now, now + 3 * 3_600_000]
    answer = logs.put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": at, "message": str(at)} for at in moments]
    )
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    assert messages(logs.filter_log_events(logGroupName=group)) == [str(at) for at in moments[1:3]]


def test_tags_retention_and_protection_of_a_group(logs, group):
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    logs.tag_resource(resourceArn=arn, tags={"c": "d"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "d"}
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"c": "d"}
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    logs.put_log_group_deletion_protection(logGroupIdentifier=arn, deletionProtectionEnabled=True)
    (described,) = logs.describe_log_groups(logGroupNamePattern=group[6:])["logGroups"]
    assert (described["retentionInDays"], described["deletionProtectionEnabled"]) == (7, True)
    with pytest.raises(ClientError):
        logs.delete_log_group(logGroupName=group)
    logs.put_log_group_deletion_protection(logGroupIdentifier=arn, deletionProtectionEnabled=False)
    logs.delete_retention_policy(logGroupName=group)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert [each["logGroupName"] for each in logs.list_log_groups(logGroupNamePattern=group[5:])["logGroups"]] == [
        group
    ]


def test_a_function_gets_what_its_subscription_filter_wants_as_recorded(server, logs, group, deploy):
    talker, hearer = deploy(TALKER), deploy(HEARER)
    arn = subscribed(server, hearer, SourceArn=f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*")
    asked = {"filterName": "test", "filterPattern": "", "destinationArn": arn}
    logs.put_subscription_filter(logGroupName=group, **asked)
    (described,) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    recorded = RECORDED["test_put_subscription_filter_lambda"]["describe_subscription_filter"]["subscriptionFilters"][0]
    assert isinstance(described.pop("creationTime"), int)
    assert described == {name: recorded[name] for name in recorded if name != "creationTime"} | {
        "destinationArn": arn, "logGroupName": group,
    }  # fmt: skip
    put(logs, group, "test", "test 2")
    (event,) = wait_until(lambda: heard(hearer))
    said = event.pop("logEvents")
    assert event == {
        "messageType": "DATA_MESSAGE", "owner": "000000000000", "logGroup": group, "logStream": "s",
        "subscriptionFilters": ["test"],
    }  # fmt: skip
    expected = RECORDED["test_put_subscription_filter_lambda"]["list_all_log_events"]
    assert [each["message"] for each in said] == [each["message"] for each in expected]
    assert all(set(each) == set(expected[0]) and len(each["id"]) == 56 for each in said)

    talker.call("before")
    mine = f"/aws/lambda/{talker.name}"
    with pytest.raises(ClientError, match="Make sure you have given CloudWatch Logs permission"):
        logs.put_subscription_filter(logGroupName=mine, **asked)
    subscribed(server, hearer, SourceArn=f"arn:aws:logs:us-east-1:000000000000:log-group:{mine}:*")
    logs.put_subscription_filter(logGroupName=mine, **asked | {"filterPattern": "SAID"})
    for word in ("one", "two"):
        group_name, stream = talker.call(word).value
    lines = wait_until(lambda: (found := _lines(heard(hearer)[1:], group_name, stream))[1:] and found)
    assert lines == ["SAID one", "SAID two"]
    logs.delete_subscription_filter(logGroupName=mine, filterName="test")
    assert logs.describe_subscription_filters(logGroupName=mine)["subscriptionFilters"] == []


def _lines(events: list[dict[str, Any]], group: str, stream: str) -> list[str]:
    assert all((event["logGroup"], event["logStream"]) == (group, stream) for event in events)
    return [each["message"] for event in events for each in event["logEvents"]]


def test_subscription_filters_are_refused_as_recorded(server, logs, group, deploy):
    errors = RECORDED["test_put_subscription_filter_errors"]
    arn = subscribed(server, deploy(HEARER))
    for index in range(2):
        logs.put_subscription_filter(logGroupName=group, filterName=str(index), filterPattern="[]", destinationArn=arn)
    kinesis = "arn:aws:kinesis:us-east-1:000000000000:stream/none"

    def refused(group: str, destination: str) -> dict[str, Any]:
        with pytest.raises(ClientError) as caught:
            logs.put_subscription_filter(
                logGroupName=group, filterName="t", filterPattern="", destinationArn=destination
            )
        return {"Code": caught.value.response["Error"]["Code"], "Message": caught.value.response["Error"]["Message"]}

    assert refused("none", LAMBDA.format("111111111112")) == errors["error-log-group-not-found"]["Error"]
    assert refused(group, LAMBDA.format("111111111112")) == errors["error-lambda-not-found"]["Error"]
    assert refused(group, kinesis) == errors["error-kinesis-not-found"]["Error"]
    limit = RECORDED["test_put_subscription_filter_limit_exceeded"]["error-limit-exceeded"]["Error"]
    assert refused(group, arn) == limit
    missing = RECORDED["test_delete_subscription_filter_errors"]
    for name, wanted in (("none", "error-log-group-not-found"), (group, "error-filter-not-found")):
        with pytest.raises(ClientError) as caught:
            logs.delete_subscription_filter(logGroupName=name, filterName="none")
        assert caught.value.response["Error"] == missing[wanted]["Error"]


def _put_disordered(logs: Any, group: str) -> None:
    events = [{"timestamp": now_ms() - age, "message": "x"} for age in (1, 1000)]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


REFUSED = [  # errors.tsv
    (lambda logs, group: logs.get_log_events(logGroupName=group, logStreamName="none"), "ResourceNotFoundException",
     "The specified log stream does not exist."),
    (_put_disordered, "InvalidParameterException",
     "Log events in a single PutLogEvents request must be in chronological order."),
    (lambda logs, group: logs.create_log_group(logGroupName=group), "ResourceAlreadyExistsException",
     "The specified log group already exists"),
    (lambda logs, group: logs.create_log_stream(logGroupName=group, logStreamName="s"),
     "ResourceAlreadyExistsException", "The specified log stream already exists"),
    (lambda logs, group: logs.describe_subscription_filters(logGroupName="none"), "ResourceNotFoundException",
     "The specified log group does not exist."),
    (lambda logs, group: logs.filter_log_events(logGroupName=group, filterPattern="{ $.a"),
     "InvalidParameterException", "Invalid filter pattern"),
    (lambda logs, group: logs.filter_log_events(logGroupName=group, nextToken="x"), "InvalidParameterException",
     "The specified nextToken is invalid."),
    (lambda logs, group: logs.start_query(logGroupName=group, startTime=0, endTime=1, queryString="x"),
     "NotImplementedException", "Lambent does not support the operation logs:StartQuery yet."),
]  # fmt: skip


@pytest.mark.parametrize(("work", "code", "message"), REFUSED)
def test_what_is_refused_is_refused_in_aws_s_words(logs, group, work, code, message):
    with pytest.raises(ClientError) as caught:
        work(logs, group)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == (code, message)


def test_a_live_tail_shows_what_comes_and_is_asked_for(logs, group, deploy):
    talker = deploy(TALKER)
    mine = talker.call("before").value[0]
    arns = [f"arn:aws:logs:us-east-1:000000000000:log-group:{name}" for name in (group, mine)]
    events = logs.start_live_tail(logGroupIdentifiers=arns, logEventFilterPattern="?SAID ?put")["responseStream"]
    session = iter(events)
    assert next(session)["sessionStart"]["logGroupIdentifiers"] == arns
    put(logs, group, "put", "not wanted")
    talker.call("now")
    seen: dict[str, str] = {}
    while len(seen) < 2:
        for each in next(session)["sessionUpdate"]["sessionResults"]:
            seen[each["message"]] = each["logGroupIdentifier"]
    events.close()
    assert seen == {"put": f"000000000000:{group}", "SAID now": f"000000000000:{mine}"}


def test_what_is_older_than_a_group_keeps_is_shown_no_more(logs, group):
    put(logs, group, "old", at=now_ms() - 2 * 86_400_000)
    put(logs, group, "new")
    assert messages(logs.filter_log_events(logGroupName=group)) == ["old", "new"]
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    assert messages(logs.filter_log_events(logGroupName=group)) == ["new"]
    assert messages(logs.get_log_events(logGroupName=group, logStreamName="s", startTime=0)) == ["new"]


def test_groups_events_and_subscriptions_survive_a_kill(serve: Serve) -> None:
    server = serve()
    logs, talker, hearer = logs_of(server), server.deploy(TALKER), server.deploy(HEARER)
    mine = talker.call("before").value[0]
    logs.create_log_group(logGroupName="kept")
    logs.create_log_stream(logGroupName="kept", logStreamName="s")
    put(logs, "kept", "one", "two")
    arn = subscribed(server, hearer)
    logs.put_subscription_filter(logGroupName=mine, filterName="f", filterPattern="SAID", destinationArn=arn)
    talker.call("first")
    wait_until(lambda: heard(hearer))
    server.kill()

    again = serve("--port", str(server.port), data=server.data)
    logs, talker, hearer = logs_of(again), Function(again, talker.name), Function(again, hearer.name)
    assert messages(logs.filter_log_events(logGroupName="kept")) == ["one", "two"]
    talker.call("second")
    wait_until(lambda: len(heard(hearer)) > 1)
    said = [each["message"] for event in heard(hearer) for each in event["logEvents"]]
    assert said == ["SAID first", "SAID second"]
