"""The promises of EventBridge, at its operations: botocore's requests and answers, a real database, a clock that stands
still."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from bus_house import ACCOUNT, QUEUE, REGION, House, RefusedError

from lambent.clock import FixedClock
from lambent.errors import Undeliverable
from lambent.iam.credentials import assumed_role
from lambent.principal import Principal
from lambent.services.events import router
from lambent.services.post import Outgoing

BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/"
OTHER = "222222222222"
AT = 1_700_000_000.0  # where the clock begins


@pytest.fixture
def clock():
    return FixedClock(AT)


@pytest.fixture
async def house(tmp_path, clock):
    house = House(tmp_path / "queue", clock)
    yield house
    await house.close()


async def refused(house, operation, **parameters):
    with pytest.raises(RefusedError) as error:
        await house(operation, **parameters)
    return error.value.code, error.value.message


def details(house):
    return [json.loads(body)["detail"] for body in house.bodies]


async def test_an_event_goes_to_the_targets_of_the_rules_that_it_fits(house):
    await house.rule("cheap", {"source": ["shop"], "detail": {"price": [{"numeric": ["<", 10]}]}})
    await house.rule("dear", {"detail": {"price": [{"numeric": [">=", 10]}]}}, {"Input": '"dear"'})
    answer = await house.put({"price": 5}, Resources=["r"], Time=datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert json.loads(house.bodies[0]) == {
        "version": "0", "id": answer["EventId"], "detail-type": "order", "source": "shop", "account": ACCOUNT,
        "time": "2026-01-31T12:00:00Z", "region": REGION, "resources": ["r"], "detail": {"price": 5},
    }  # fmt: skip
    await house.put({"price": 10.5})
    assert house.bodies == ['"dear"']
    await house.put({"price": 1}, Source="other")
    assert house.bodies == []


async def test_targets_are_sent_to_by_the_service_for_the_rule(house):
    await house.rule("rule", {"source": ["shop"]}, {"SqsParameters": {"MessageGroupId": "g"}})
    await house.put({}, TraceHeader="Root=1-2-3")
    (sent,) = house.takes.taken
    assert sent.sender == Principal(service="events.amazonaws.com", account=ACCOUNT)
    assert (sent.source, sent.group, sent.trace) == (
        f"arn:aws:events:{REGION}:{ACCOUNT}:rule/rule", "g", "Root=1-2-3",
    )  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["shop"]}, {"detail-type": ["order"]}, {"source": ["x", "shop"], "detail-type": ["order"]},
        {"source": [{"prefix": "sh"}]}, {"source": ["x", {"suffix": "op"}]}, {"account": [ACCOUNT]},
        {"$or": [{"source": ["x"]}, {"detail-type": ["order"]}]},
        {"source": ["shop"], "$or": [{"source": ["shop"]}, {"detail-type": ["x"]}]},
        {"source": [{"anything-but": "x"}], "detail-type": ["order"]}, {"detail": {"a": [1]}},
    ],
)  # fmt: skip
async def test_every_kind_of_pattern_is_found(house, pattern):
    await house.rule("rule", pattern)
    await house.put({"a": 1})
    assert details(house) == [{"a": 1}]


@pytest.mark.parametrize("pattern", [{"source": ["x"]}, {"source": ["shop"], "detail-type": ["x"]}, {"time": ["x"]}])
async def test_events_that_do_not_fit_go_nowhere(house, pattern):
    await house.rule("rule", pattern)
    await house.put()
    assert house.bodies == []


async def test_a_changed_rule_is_found_by_what_it_says_now(house):
    await house.rule("rule", {"source": ["shop"]})
    await house("PutRule", Name="rule", EventPattern='{"source": ["other"]}')
    await house.put({"a": 1})
    await house.put({"a": 2}, Source="other")
    assert details(house) == [{"a": 2}]
    await house("DisableRule", Name="rule")
    await house.put({"a": 3}, Source="other")
    await house("EnableRule", Name="rule")
    await house.put({"a": 4}, Source="other")
    assert details(house) == [{"a": 4}]
    await house("RemoveTargets", Rule="rule", Ids=["t"])
    await house("DeleteRule", Name="rule")
    await house.put({"a": 5}, Source="other")
    assert house.bodies == []


async def test_everything_is_there_after_a_restart(house):
    await house("CreateEventBus", Name="own", Description="mine", Tags=[{"Key": "a", "Value": "b"}])
    await house.rule("rule", {"source": ["shop"]}, EventBusName="own", Description="shops")
    await house("CreateArchive", ArchiveName="all", EventSourceArn=BUS + "own")
    before = [await house("DescribeEventBus", Name="own"), await house("DescribeRule", Name="rule", EventBusName="own")]
    await house.again()
    after = [await house("DescribeEventBus", Name="own"), await house("DescribeRule", Name="rule", EventBusName="own")]
    assert before == after
    await house.put({"a": 1}, EventBusName="own")
    assert details(house) == [{"a": 1}]
    assert (await house("DescribeArchive", ArchiveName="all"))["EventCount"] == 1
    assert (await house("ListTagsForResource", ResourceARN=BUS + "own"))["Tags"] == [{"Key": "a", "Value": "b"}]


async def test_entries_that_are_wrong_are_told_and_the_others_accepted(house):
    await house.rule("rule", {"source": ["shop"]})
    good = {"Source": "shop", "DetailType": "order", "Detail": '{ "n": 1.10 }'}
    entries = [
        good,
        {**good, "Source": ""},
        {**good, "Detail": "[]"},
        {**good, "Detail": "{"},
        {**good, "Source": "aws.x"},
    ]
    answer = await house("PutEvents", Entries=entries)
    assert answer["FailedEntryCount"] == 4
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None, "InvalidArgument", "MalformedDetail", "MalformedDetail", "NotAuthorizedForSourceException",
    ]  # fmt: skip
    assert answer["Entries"][1]["ErrorMessage"] == (
        "Parameter Source is not valid. Reason: Source is a required argument."
    )
    assert house.bodies[0].endswith('"detail":{"n":1.10}}')  # numbers as they were written


async def test_events_that_are_too_large_together_are_refused(house):
    entry = {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"a": "x" * 600_000})}
    assert await refused(house, "PutEvents", Entries=[entry, entry]) == (
        "ValidationException", "Total size of the entries in the request is over the limit.",
    )  # fmt: skip


async def test_what_a_target_does_not_take_goes_to_its_dead_letter_queue(house):
    gone = {"Arn": QUEUE.replace("queue", "gone"), "DeadLetterConfig": {"Arn": QUEUE}}
    await house.rule("rule", {"source": ["shop"]}, gone)
    await house.put({"a": 1})
    (letter,) = house.takes.taken
    assert letter.target == QUEUE
    assert json.loads(letter.body)["detail"] == {"a": 1}
    assert {name: each["StringValue"] for name, each in letter.attributes.items()} == {
        "RULE_ARN": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/rule", "TARGET_ARN": gone["Arn"],
        "ERROR_CODE": "NO_RESOURCE", "ERROR_MESSAGE": f"there is no queue {gone['Arn']}",
    }  # fmt: skip


# -- buses


async def test_an_event_goes_from_bus_to_bus_as_it_is(house):
    await house("CreateEventBus", Name="own")
    await house.rule("onward", {"source": ["shop"]}, {"Arn": BUS + "own"})
    await house.rule("there", {"source": ["shop"]}, EventBusName="own")
    answer = await house.put({"a": 1})
    (body,) = house.bodies
    assert json.loads(body)["id"] == answer["EventId"]


async def test_buses_that_send_to_each_other_come_to_an_end(house):
    await house("CreateEventBus", Name="own")
    await house.rule("there", {"source": ["shop"]}, {"Arn": BUS + "own"})
    await house.rule("back", {"source": ["shop"]}, {"Arn": BUS + "default"}, EventBusName="own")
    await house.rule("seen", {"source": ["shop"]})
    await house.put()
    assert len(house.bodies) == 3


async def test_buses_that_multiply_an_event_come_to_an_end(house, monkeypatch):
    monkeypatch.setattr(router, "MOST_DELIVERIES", 50)
    for name in ("one", "two"):
        await house("CreateEventBus", Name=name)
    for bus, other in (("one", "two"), ("two", "one")):
        for number in range(5):
            await house.rule(f"r{number}", {"source": ["shop"]}, {"Arn": BUS + other}, EventBusName=bus)
        await house.rule("seen", {"source": ["shop"]}, EventBusName=bus)
    await house.put(EventBusName="one")
    assert 0 < len(house.bodies) < 50


async def test_a_bus_of_another_account_needs_its_permission(house):
    await house("CreateEventBus", Name="own")
    await house.rule("rule", {"source": ["shop"]}, EventBusName="own")
    entry = {"Source": "shop", "DetailType": "order", "Detail": "{}", "EventBusName": BUS + "own"}
    code, message = await refused(house, "PutEvents", account=OTHER, Entries=[entry])
    assert code == "AccessDeniedException"
    assert "no resource-based policy allows the events:PutEvents action" in message
    await house(
        "PutPermission", EventBusName="own", StatementId="other", Principal=OTHER, Action="events:PutEvents"
    )  # fmt: skip
    await house("PutEvents", account=OTHER, Entries=[entry])
    assert json.loads(house.bodies[0])["account"] == OTHER
    await house("RemovePermission", EventBusName="own", StatementId="other")
    await refused(house, "PutEvents", account=OTHER, Entries=[entry])


async def test_a_target_with_a_role_is_sent_to_by_that_within_the_account_of_the_rule(house):
    role = f"arn:aws:iam::{OTHER}:role/sender"
    await house.rule("rule", {"source": ["shop"]}, {"RoleArn": role})
    await house.put()
    assert house.takes.taken[0].sender == assumed_role(role, "events", ACCOUNT)


async def test_what_other_services_pass_on_becomes_an_event(house):
    await house.rule("rule", {"source": ["lambda"], "detail": {"a": [1]}})
    given = {"sender": Principal(account=ACCOUNT), "source": "arn", "detail_type": "Result", "event_source": "lambda"}
    outgoing = Outgoing(target=BUS + "default", body=b'{"a": 1}', resources=("r",), **given)
    await house.ledger.enter(*house.taker.entries(outgoing))
    shown = json.loads(house.bodies[0])
    assert (shown["detail-type"], shown["resources"], shown["detail"]) == ("Result", ["r"], {"a": 1})
    for wrong in (
        Outgoing(target=BUS + "none", body=b"{}", **given), Outgoing(target=BUS + "default", body=b"[]", **given),
        Outgoing(target=BUS + "default", body=b"{}", **given | {"sender": Principal(account=OTHER)}),
    ):  # fmt: skip
        with pytest.raises(Undeliverable):
            house.taker.entries(wrong)


async def test_an_event_for_a_bus_that_is_not_there_is_accepted_as_by_aws(house):
    assert "EventId" in await house.put(EventBusName="none")


@pytest.mark.parametrize(
    ("operation", "parameters", "code", "message"),
    [
        ("DescribeEventBus", {"Name": "x"}, "ResourceNotFoundException", "Event bus x does not exist."),
        (
            "CreateEventBus", {"Name": "default"}, "ResourceAlreadyExistsException",
            "Event bus default already exists.",
        ),
        ("DeleteEventBus", {"Name": "default"}, "ValidationException", "Cannot delete event bus default."),
        ("DescribeRule", {"Name": "x"}, "ResourceNotFoundException", "Rule x does not exist on EventBus default."),
        ("DescribeArchive", {"ArchiveName": "x"}, "ResourceNotFoundException", "Archive x does not exist."),
        ("DescribeReplay", {"ReplayName": "x"}, "ResourceNotFoundException", "Replay x does not exist."),
        (
            "RemovePermission", {"StatementId": "x"}, "ResourceNotFoundException",
            "Statement with the provided id does not exist.",
        ),
        (
            "PutRule", {"Name": "x"}, "ValidationException",
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ),
        (
            "PutRule", {"Name": "x", "EventPattern": '{"a": "b"}'}, "InvalidEventPatternException",
            'Event pattern is not valid. Reason: "a" must be an object or an array',
        ),
        (
            "PutTargets", {"Rule": "rule", "Targets": [{"Id": "!", "Arn": QUEUE}]}, "ValidationException",
            r"1 validation error detected: Value '!' at 'targets.1.member.id' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+",
        ),
        (
            "PutTargets", {"Rule": "rule", "Targets": [{"Id": str(n), "Arn": QUEUE} for n in range(6)]},
            "LimitExceededException", "The requested resource exceeds the maximum number allowed.",
        ),
        ("DeleteRule", {"Name": "rule"}, "ValidationException", "Rule can't be deleted since it has targets."),
        (
            "PutTargets", {"Rule": "rule", "Targets": [{"Id": "s", "Arn": "arn:aws:states:x:1:stateMachine:m"}]},
            "NotImplementedException",
            "Lambent cannot deliver events to arn:aws:states:x:1:stateMachine:m: targets of rules are events, lambda, "
            "sqs.",
        ),
        (
            "TestEventPattern", {"Event": '{"source": "a"}', "EventPattern": '{"source": ["a"]}'},
            "ValidationException", "Parameter Event is not valid.",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_refused_in_the_words_of_aws(house, operation, parameters, code, message):
    await house.rule("rule", {"source": ["shop"]})
    assert await refused(house, operation, **parameters) == (code, message)


async def test_targets_that_are_no_targets_are_told(house):
    await house.rule("rule", {"source": ["shop"]})
    asked = [{"Id": "a", "Arn": "nonsense"}, {"Id": "b", "Arn": QUEUE + ".fifo"}, {"Id": "c", "Arn": QUEUE}]
    answer = await house("PutTargets", Rule="rule", Targets=asked)
    assert [each["TargetId"] for each in answer["FailedEntries"]] == ["a", "b"]
    listed = (await house("ListTargetsByRule", Rule="rule"))["Targets"]
    assert [target["Id"] for target in listed] == ["c", "t"]
    names = await house("ListRuleNamesByTarget", TargetArn=QUEUE)
    assert names["RuleNames"] == ["rule"]
    gone = await house("RemoveTargets", Rule="rule", Ids=["c", "x"])
    assert gone["FailedEntries"][0]["ErrorMessage"] == "Rule 'rule' does not have a target with the Id 'x'."


async def test_lists_come_in_pages(house):
    for name in "cab":
        await house("PutRule", Name=name, EventPattern='{"source": ["a"]}')
    first = await house("ListRules", Limit=2)
    second = await house("ListRules", Limit=2, NextToken=first["NextToken"])
    assert [rule["Name"] for rule in first["Rules"] + second["Rules"]] == ["a", "b", "c"]
    assert "NextToken" not in second


async def test_patterns_can_be_tried(house):
    event = {"id": "1", "account": "2", "source": "a", "time": "t", "region": "r", "detail-type": "d"}
    for source, result in (("a", True), ("b", False)):
        pattern = json.dumps({"source": [source]})
        assert (await house("TestEventPattern", Event=json.dumps(event), EventPattern=pattern))["Result"] is result


async def test_changes_at_the_same_time_lose_nothing(house):
    await house("PutRule", Name="rule", EventPattern='{"source": ["a"]}')
    await asyncio.gather(*[house("PutTargets", Rule="rule", Targets=[{"Id": str(n), "Arn": QUEUE}]) for n in range(5)])
    assert len((await house("ListTargetsByRule", Rule="rule"))["Targets"]) == 5


# -- schedules


async def settle(house):
    await house.ledger.enter()


async def test_a_rate_counts_from_when_the_rule_was_made(house, clock):
    await house.rule("rule", ScheduleExpression="rate(1 minute)")
    clock.advance(59)
    await settle(house)
    assert house.bodies == []
    clock.advance(1)
    await settle(house)
    (body,) = house.bodies
    event = json.loads(body)
    assert event.pop("id")
    assert event == {
        "version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "account": ACCOUNT,
        "time": "2023-11-14T22:14:20Z", "region": REGION, "detail": {},
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/rule"],
    }  # fmt: skip
    clock.advance(120)
    await settle(house)
    assert len(house.bodies) == 2


async def test_a_cron_fires_at_its_times_and_after_a_restart_once_for_those_it_missed(house, clock):
    await house.rule("rule", ScheduleExpression="cron(0 * * * ? *)", target={"Input": '"due"'})
    await house.close()
    clock.advance(3 * 3600)
    house._open()
    clock.advance(0)
    await settle(house)
    assert house.bodies == ['"due"']
    clock.advance(3600)
    await settle(house)
    assert house.bodies == ['"due"']


async def test_a_rule_that_is_due_while_it_is_changed_is_due_again_at_its_next_time(house, clock):
    await house.rule("rule", ScheduleExpression="rate(1 minute)")
    change = asyncio.create_task(house("PutTargets", Rule="rule", Targets=[{"Id": "u", "Arn": QUEUE}]))
    await asyncio.sleep(0)
    clock.advance(60)
    await change
    await settle(house)
    assert len(house.bodies) >= 1
    clock.advance(60)
    await settle(house)
    assert len(house.bodies) == 2
    await house.again()
    await settle(house)
    assert house.bodies == []


async def test_a_rule_that_is_due_while_it_gets_another_time_keeps_that(house, clock):
    await house.rule("rule", ScheduleExpression="rate(1 minute)")
    change = asyncio.create_task(house("PutRule", Name="rule", ScheduleExpression="rate(1 hour)"))
    await asyncio.sleep(0)
    clock.advance(60)
    await change
    await settle(house)
    assert house.bodies == []
    await house.again()
    clock.advance(3539)
    await settle(house)
    assert house.bodies == []
    clock.advance(1)
    await settle(house)
    assert len(house.bodies) == 1


async def test_a_disabled_rule_is_never_due(house, clock):
    await house.rule("rule", ScheduleExpression="rate(1 hour)", State="DISABLED")
    clock.advance(7200)
    await settle(house)
    assert house.bodies == []
    await house("EnableRule", Name="rule")
    clock.advance(3600)
    await settle(house)
    assert len(house.bodies) == 1


async def test_events_do_not_go_to_rules_that_only_have_a_schedule(house):
    await house.rule("rule", ScheduleExpression="rate(1 hour)")
    await house.put()
    assert house.bodies == []


@pytest.mark.parametrize(
    "expression",
    [
        "cron(INVALID)", "cron(0 dummy ? * MON-FRI *)", "cron(7 20 * * NOT *)", "cron(71 8 1 * ? *)",
        "cron(0 1 * * * *)", "rate(0 minutes)", "rate(1 minutes)", "rate(2 minute)", "rate(10)",
        "at(2030-01-01T00:00:00)",
    ],
)  # fmt: skip
async def test_expressions_that_are_none_are_refused(house, expression):
    assert await refused(house, "PutRule", Name="x", ScheduleExpression=expression) == (
        "ValidationException", "Parameter ScheduleExpression is not valid.",
    )  # fmt: skip


async def test_only_the_default_bus_has_schedules(house):
    await house("CreateEventBus", Name="own")
    asked = {"Name": "x", "EventBusName": "own", "ScheduleExpression": "rate(1 hour)"}
    assert await refused(house, "PutRule", **asked) == (
        "ValidationException", "ScheduleExpression is supported only on the default event bus.",
    )  # fmt: skip


# -- archives and replays


async def ended(house, name="again"):
    for _ in range(2000):
        replay = await house("DescribeReplay", ReplayName=name)
        if replay["State"] not in ("STARTING", "RUNNING", "CANCELLING"):
            return replay
        await asyncio.sleep(0.005)
    raise AssertionError(replay)


def span(**more):
    archive = f"arn:aws:events:{REGION}:{ACCOUNT}:archive/all"
    return {
        "ReplayName": "again", "EventSourceArn": archive, "Destination": {"Arn": BUS + "default"},
        "EventStartTime": datetime.fromtimestamp(AT, UTC), "EventEndTime": datetime.fromtimestamp(AT + 3600, UTC),
    } | more  # fmt: skip


async def test_what_an_archive_keeps_comes_again(house, clock):
    await house("CreateArchive", ArchiveName="all", EventSourceArn=BUS + "default", EventPattern='{"source": ["shop"]}')
    sent = [await house.put({"n": n}) for n in range(250)]
    await house.put({"n": -1}, Source="other")
    clock.advance(7200)
    await house.put({"n": -2})
    await house.rule("rule", {"source": ["shop"]})
    started = await house("StartReplay", **span())
    assert started["State"] == "STARTING"
    assert (await ended(house))["State"] == "COMPLETED"
    bodies = [json.loads(body) for body in house.bodies]
    assert [body["detail"]["n"] for body in bodies] == list(range(250))
    assert [body["id"] for body in bodies] == [each["EventId"] for each in sent]
    assert {body["replay-name"] for body in bodies} == {"again"}
    assert (await house("DescribeArchive", ArchiveName="all"))["EventCount"] == 251  # nothing comes in twice


async def test_a_replay_is_for_the_rules_that_it_names(house):
    await house("CreateArchive", ArchiveName="all", EventSourceArn=BUS + "default")
    await house.put()
    await house.rule("one", {"source": ["shop"]}, {"Input": '"one"'})
    await house.rule("two", {"source": ["shop"]}, {"Input": '"two"'})
    only = {"Arn": BUS + "default", "FilterArns": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/two"]}
    await house("StartReplay", **span(Destination=only))
    await ended(house)
    assert house.bodies == ['"two"']


async def test_a_replay_that_a_stop_has_interrupted_goes_on_where_it_was(house):
    await house("CreateArchive", ArchiveName="all", EventSourceArn=BUS + "default")
    for n in range(150):
        await house.put({"n": n})
    await house.rule("rule", {"source": ["shop"]})
    await house("StartReplay", **span())
    while len(house.takes.taken) < 100:  # noqa: ASYNC110 -- the first page, and not the second
        await asyncio.sleep(0)
    await house.again()
    assert (await ended(house))["State"] == "COMPLETED"
    assert details(house) == [{"n": n} for n in range(150)]


async def test_a_replay_can_be_cancelled(house):
    await house("CreateArchive", ArchiveName="all", EventSourceArn=BUS + "default")
    for n in range(150):
        await house.put({"n": n})
    await house.rule("rule", {"source": ["shop"]})
    await house("StartReplay", **span())
    assert (await house("CancelReplay", ReplayName="again"))["State"] == "CANCELLING"
    assert (await ended(house))["State"] == "CANCELLED"
    assert len(house.bodies) < 150
    assert (await refused(house, "CancelReplay", ReplayName="again"))[0] == "IllegalStatusException"


async def test_an_archive_lets_go_of_what_is_too_old(house, clock):
    await house("CreateArchive", ArchiveName="all", EventSourceArn=BUS + "default", RetentionDays=1)
    await house.put()
    clock.advance(86_000)
    await house.put()
    assert (await house("DescribeArchive", ArchiveName="all"))["EventCount"] == 2
    clock.advance(7_200)
    await settle(house)
    assert (await house("DescribeArchive", ArchiveName="all"))["EventCount"] == 1
    await house("DeleteArchive", ArchiveName="all")
    assert (await refused(house, "DescribeArchive", ArchiveName="all"))[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"EventSourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:archive/none"},
            "Parameter EventSourceArn is not valid. Reason: Archive none does not exist.",
        ),
        (
            {"EventEndTime": datetime.fromtimestamp(AT - 1, UTC)},
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ),
        (
            {"Destination": {"Arn": BUS + "own"}},
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
        ),
    ],
)
async def test_replays_that_cannot_be_are_refused(house, changes, message):
    await house("CreateEventBus", Name="own")
    await house("CreateArchive", ArchiveName="all", EventSourceArn=BUS + "default")
    assert await refused(house, "StartReplay", **span(**changes)) == ("ValidationException", message)
