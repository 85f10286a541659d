"""Application Auto Scaling for provisioned concurrency: its operations, its refusals, and what the clock sets off."""

import datetime

import pytest
from control_client import ACCOUNT, REGION, START, RefusedError
from scaling_client import KEY, POLICY, TARGET, TRACKING, ScalingClient

from lambent.clock import VirtualClock
from lambent.model import Allocation
from lambent.observe import sentences
from lambent.observe.journal import Journal
from lambent.scaling import Autoscaling

MINUTE = 60.0
SCHEDULE = TARGET | {"ScheduledActionName": "morning"}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
async def scaling(client, database, control, capacity, tmp_path):
    """hello:live, which nothing is provisioned for; whatever is provisioned is there at once."""
    await client.create()
    await client("PublishVersion", FunctionName="hello")
    await control.settled()
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1")
    capacity.allocations[KEY] = Allocation(status="READY")
    journal = Journal(tmp_path / "journal", 1_000_000)
    found = ScalingClient(database, control, journal)
    found.service.scaler.start()
    yield found
    await found.service.scaler.close()
    journal.close()


async def refusal(asked) -> tuple[str, str]:
    with pytest.raises(RefusedError) as caught:
        await asked
    assert caught.value.status == (501 if caught.value.code == "NotImplementedException" else 400)
    return caught.value.code, caught.value.message


async def register(scaling: ScalingClient, minimum: int = 2, maximum: int = 10, **more) -> str:
    answer = await scaling("RegisterScalableTarget", **TARGET, MinCapacity=minimum, MaxCapacity=maximum, **more)
    return str(answer["ScalableTargetARN"])


# -- targets


async def test_a_target_is_registered_brought_into_range_changed_and_described(scaling) -> None:
    arn = await register(scaling, SuspendedState={"DynamicScalingInSuspended": True})
    assert scaling.provisioned() == 2
    assert await register(scaling, 4, 8) == arn
    assert scaling.provisioned() == 4
    await scaling("RegisterScalableTarget", **TARGET, MinCapacity=0, MaxCapacity=3)
    assert scaling.provisioned() == 3
    (shown,) = (await scaling("DescribeScalableTargets", ServiceNamespace="lambda"))["ScalableTargets"]
    role = "aws-service-role/lambda.application-autoscaling.amazonaws.com"
    assert shown == TARGET | {
        "MinCapacity": 0,
        "MaxCapacity": 3,
        "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/{role}/AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
        "CreationTime": datetime.datetime.fromtimestamp(START, shown["CreationTime"].tzinfo),
        "SuspendedState": {
            "DynamicScalingInSuspended": True,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
        "ScalableTargetARN": arn,
    }
    assert arn.startswith(f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/")
    assert await scaling.told() == [
        ("Setting desired concurrency to 2.", "minimum capacity was set to 2"),
        ("Setting desired concurrency to 4.", "minimum capacity was set to 4"),
        ("Setting desired concurrency to 3.", "maximum capacity was set to 3"),
    ]


UNSUPPORTED = ("ValidationException", "Unsupported service namespace, resource type or scalable dimension")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"ResourceId": "function:hello"}, UNSUPPORTED),
        ({"ResourceId": "function:hello:$LATEST"}, UNSUPPORTED),
        ({"ResourceId": "hello:live"}, UNSUPPORTED),
        ({"ScalableDimension": "ecs:service:DesiredCount"}, UNSUPPORTED),
        (
            {"ResourceId": "function:hello:dev"},
            ("ValidationException", "Lambda function doesn't exist: function:hello:dev"),
        ),
        (
            {"ResourceId": "function:hello:9"},
            ("ValidationException", "Lambda function doesn't exist: function:hello:9"),
        ),
        ({"MinCapacity": 11}, ("ValidationException", "Maximum capacity cannot be less than minimum capacity")),
        ({"MinCapacity": -1}, ("ValidationException", "Minimum capacity cannot be less than 0")),
        (
            {"Tags": {str(number): "" for number in range(51)}},
            ("TooManyTagsException", "The number of tags exceeds the limit of 50."),
        ),
    ],
)
async def test_a_target_that_cannot_be_is_refused(scaling, changes, refused) -> None:
    asked = TARGET | {"MinCapacity": 2, "MaxCapacity": 10} | changes
    assert await refusal(scaling("RegisterScalableTarget", **asked)) == refused
    assert scaling.provisioned() is None


async def test_what_aws_scales_and_lambent_does_not_is_named(scaling) -> None:
    asked = {"ServiceNamespace": "ecs", "ResourceId": "service/a/b", "ScalableDimension": "ecs:service:DesiredCount"}
    code, message = await refusal(scaling("RegisterScalableTarget", **asked, MinCapacity=1, MaxCapacity=2))
    assert (code, "service namespace ecs" in message) == ("NotImplementedException", True)
    forecast = {"PolicyName": "p", "StartTime": 0, "EndTime": 1}
    code, message = await refusal(scaling("GetPredictiveScalingForecast", **TARGET, **forecast))
    assert (code, "GetPredictiveScalingForecast" in message) == ("NotImplementedException", True)
    assert await scaling("DescribeScalableTargets", ServiceNamespace="ecs") == {"ScalableTargets": []}


async def test_a_new_target_needs_both_bounds(scaling) -> None:
    code, _ = await refusal(scaling("RegisterScalableTarget", **TARGET, MinCapacity=1))
    assert code == "ValidationException"


async def test_a_range_that_cannot_be_reached_is_told_once_and_the_target_stays(scaling) -> None:
    for _ in range(2):
        await register(scaling, 5000, 6000)
    (failed,) = (await scaling("DescribeScalingActivities", ServiceNamespace="lambda"))["ScalingActivities"]
    assert failed["StatusCode"] == "Failed"
    assert failed["StatusMessage"].startswith("Failed to set desired concurrency to 5000. Reason: ")
    assert len((await scaling("DescribeScalableTargets", ServiceNamespace="lambda"))["ScalableTargets"]) == 1


async def test_policies_and_actions_go_with_their_target_and_what_is_provisioned_stays(scaling) -> None:
    await register(scaling)
    await scaling("PutScalingPolicy", **POLICY)
    bounds = {"MinCapacity": 3}
    await scaling("PutScheduledAction", **SCHEDULE, Schedule="rate(1 hour)", ScalableTargetAction=bounds)
    assert await scaling("DeregisterScalableTarget", **TARGET) == {}
    assert await scaling("DescribeScalingPolicies", ServiceNamespace="lambda") == {"ScalingPolicies": []}
    assert await scaling("DescribeScheduledActions", ServiceNamespace="lambda") == {"ScheduledActions": []}
    assert scaling.provisioned() == 2
    named = "service namespace: lambda, resource ID: function:hello:live, scalable dimension: "
    named += "lambda:function:ProvisionedConcurrency"
    for operation, asked, message in (
        ("DeregisterScalableTarget", TARGET, f"No scalable target found for {named}"),
        ("PutScalingPolicy", POLICY, f"No scalable target registered for {named}"),
        ("DeleteScalingPolicy", TARGET | {"PolicyName": "p"}, f"No scaling policy found for {named}, policy name: p"),
        (
            "DeleteScheduledAction",
            SCHEDULE,
            f"No scheduled action found for {named}, scheduled action name: morning",
        ),
    ):
        assert await refusal(scaling(operation, **asked)) == ("ObjectNotFoundException", message)


@pytest.mark.parametrize("how", ["DeleteFunction", "DeleteAlias"])
async def test_everything_goes_with_its_function_or_alias(scaling, client, how) -> None:
    await register(scaling)
    await scaling("PutScalingPolicy", **POLICY)
    await client(how, FunctionName="hello", **({"Name": "live"} if how == "DeleteAlias" else {}))
    assert await scaling("DescribeScalableTargets", ServiceNamespace="lambda") == {"ScalableTargets": []}
    assert await scaling("DescribeScalingPolicies", ServiceNamespace="lambda") == {"ScalingPolicies": []}
    assert await scaling.told() == []
    await scaling.control.clock.travel(5 * MINUTE)


async def test_tags_of_a_target_are_added_listed_and_removed(scaling) -> None:
    arn = await register(scaling, Tags={"a": "1"})
    await scaling("TagResource", ResourceARN=arn, Tags={"b": "2", "c": "3"})
    await scaling("UntagResource", ResourceARN=arn, TagKeys=["a", "c"])
    assert await scaling("ListTagsForResource", ResourceARN=arn) == {"Tags": {"b": "2"}}
    code, _ = await refusal(scaling("ListTagsForResource", ResourceARN=f"{arn}0"))
    assert code == "ResourceNotFoundException"


# -- policies


async def test_a_policy_is_stored_with_its_two_alarms_and_changed_under_its_name(scaling) -> None:
    await register(scaling)
    first = await scaling("PutScalingPolicy", **POLICY)
    cooled = {"TargetTrackingScalingPolicyConfiguration": TRACKING | {"ScaleInCooldown": 120, "ScaleOutCooldown": 0}}
    assert await scaling("PutScalingPolicy", **POLICY | cooled) == first
    (shown,) = (await scaling("DescribeScalingPolicies", **TARGET, PolicyNames=["track"]))["ScalingPolicies"]
    assert shown["TargetTrackingScalingPolicyConfiguration"] == cooled["TargetTrackingScalingPolicyConfiguration"]
    assert shown["Alarms"] == first["Alarms"]
    assert [each["AlarmName"].rpartition("-Alarm")[0] for each in first["Alarms"]] == [
        "TargetTracking-function:hello:live"
    ] * 2
    assert first["PolicyARN"].endswith(":resource/lambda/function:hello:live:policyName/track")


@pytest.mark.parametrize(
    ("changes", "tracking", "words"),
    [
        ({"PolicyType": "StepScaling"}, {}, "Policy type StepScaling is not supported"),
        ({"PolicyType": "PredictiveScaling"}, {}, "Policy type PredictiveScaling is not supported"),
        ({}, {"TargetValue": 70.0}, "between 0.1 and 0.9"),
        ({}, {"ScaleInCooldown": -1}, "Cooldowns"),
        (
            {},
            {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
            "only supports the following predefined metric types: LambdaProvisionedConcurrencyUtilization",
        ),
        ({}, {"PredefinedMetricSpecification": None}, "Exactly one of"),
        (
            {"PolicyName": "other"},
            {"ScaleInCooldown": 5},
            "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
        ),
    ],
)
async def test_a_policy_that_cannot_be_is_refused(scaling, changes, tracking, words) -> None:
    await register(scaling)
    await scaling("PutScalingPolicy", **POLICY)
    configuration = {name: value for name, value in (TRACKING | tracking).items() if value is not None}
    asked = POLICY | {"TargetTrackingScalingPolicyConfiguration": configuration} | changes
    code, message = await refusal(scaling("PutScalingPolicy", **asked))
    assert (code, words in message) == ("ValidationException", True), message


@pytest.mark.parametrize(
    "changes",
    [
        {"MetricName": "IteratorAge"},
        {"Namespace": "Mine"},
        {"Unit": "Count"},
        {"Dimensions": [{"Name": "A", "Value": "b"}]},
    ],
)
async def test_a_metric_that_lambent_does_not_have_is_named(scaling, changes) -> None:
    await register(scaling)
    custom = {"MetricName": "Duration", "Namespace": "AWS/Lambda", "Statistic": "Maximum"} | changes
    tracking = {"TargetValue": 5.0, "CustomizedMetricSpecification": custom}
    asked = POLICY | {"TargetTrackingScalingPolicyConfiguration": tracking}
    code, _ = await refusal(scaling("PutScalingPolicy", **asked))
    assert code == "NotImplementedException"


async def test_lists_come_in_pages_of_their_own(scaling) -> None:
    await register(scaling)
    for name in ("a", "b", "c"):
        asked = SCHEDULE | {"ScheduledActionName": name, "Schedule": "rate(1 hour)"}
        await scaling("PutScheduledAction", **asked, ScalableTargetAction={"MinCapacity": 3})
    first = await scaling("DescribeScheduledActions", ServiceNamespace="lambda", MaxResults=2)
    token = first["NextToken"]
    rest = await scaling("DescribeScheduledActions", ServiceNamespace="lambda", MaxResults=2, NextToken=token)
    names = [each["ScheduledActionName"] for each in first["ScheduledActions"] + rest["ScheduledActions"]]
    assert (names, "NextToken" in rest) == (["a", "b", "c"], False)
    code, _ = await refusal(scaling("DescribeScalingPolicies", ServiceNamespace="lambda", NextToken=token))
    assert code == "InvalidNextTokenException"


# -- the clock


async def test_three_minutes_above_the_target_scale_out_and_three_below_scale_in(scaling, clock) -> None:
    await register(scaling)
    await scaling("PutScalingPolicy", **POLICY)
    scaling.load = 1.0
    await clock.travel(2.5 * MINUTE)
    assert scaling.provisioned() == 2, "two minutes are over that have anything"
    await clock.travel(MINUTE)
    assert scaling.provisioned() == 4
    scaling.load = None
    await clock.travel(120 * MINUTE)
    assert scaling.provisioned() == 4, "no calls, no metric: nothing scales in"
    scaling.load = 0.0
    await clock.travel(5 * MINUTE)
    assert scaling.provisioned() == 2
    told = await scaling.told()
    assert [description for description, _ in told] == [
        f"Setting desired concurrency to {count}." for count in (2, 4, 2)
    ]
    assert "-AlarmHigh-" in told[1][1]
    assert "-AlarmLow-" in told[2][1]
    assert told[1][1].endswith(" in state ALARM triggered policy track")


async def test_a_customised_metric_is_tracked_with_its_statistic(scaling, clock) -> None:
    await register(scaling)
    dimensions = [{"Name": "FunctionName", "Value": "hello"}, {"Name": "Resource", "Value": "hello:live"}]
    names = {"MetricName": "ProvisionedConcurrencyUtilization", "Namespace": "AWS/Lambda", "Statistic": "Maximum"}
    custom = {"TargetValue": 0.5, "CustomizedMetricSpecification": names | {"Dimensions": dimensions}}
    await scaling("PutScalingPolicy", **POLICY | {"TargetTrackingScalingPolicyConfiguration": custom})
    for _ in range(8):
        scaling.load = 0.0
        await clock.travel(MINUTE / 2)
        scaling.load = 1.0
        scaling._sample()  # the same minute: on average at the target, at most above it
    assert scaling.provisioned() == 4


async def test_while_environments_are_being_made_the_activity_is_in_progress_and_nothing_scales(
    scaling, clock, capacity
) -> None:
    capacity.allocations[KEY] = Allocation(status="IN_PROGRESS")
    await register(scaling)
    await scaling("PutScalingPolicy", **POLICY)
    scaling.load = 1.0
    await clock.travel(10 * MINUTE)
    assert scaling.provisioned() == 2
    (activity,) = (await scaling("DescribeScalingActivities", ServiceNamespace="lambda"))["ScalingActivities"]
    assert (activity["StatusCode"], "EndTime" in activity) == ("InProgress", False)
    capacity.allocations[KEY] = Allocation(status="READY")
    (activity,) = (await scaling("DescribeScalingActivities", ServiceNamespace="lambda"))["ScalingActivities"]
    assert activity["StatusCode"] == "Successful"
    capacity.allocations[KEY] = Allocation(status="FAILED", reason="no room")
    (activity,) = (await scaling("DescribeScalingActivities", ServiceNamespace="lambda"))["ScalingActivities"]
    assert activity["StatusCode"] == "Failed"
    assert activity["StatusMessage"] == "Failed to set desired concurrency to 2. Reason: no room"


async def test_a_scheduled_action_sets_the_bounds_when_it_is_due(scaling, clock) -> None:
    await register(scaling)
    morning = {"MinCapacity": 5, "MaxCapacity": 6}
    await scaling("PutScheduledAction", **SCHEDULE, Schedule="cron(0 9 * * ? *)", ScalableTargetAction=morning)
    asked = TARGET | {"ScheduledActionName": "evening", "Schedule": "cron(0 20 * * ? *)", "Timezone": "Etc/GMT-2"}
    await scaling("PutScheduledAction", **asked, ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 1})
    await clock.travel(3 * 3600)
    assert scaling.provisioned() == 1, "18:00 UTC has passed"
    await clock.travel(14 * 3600)
    assert scaling.provisioned() == 1
    await clock.travel(2 * 3600)
    assert scaling.provisioned() == 5
    assert await scaling.told() == [
        ("Setting desired concurrency to 2.", "minimum capacity was set to 2"),
        ("Setting min capacity to 0 and max capacity to 1", "scheduled action name evening was triggered"),
        ("Setting desired concurrency to 1.", "maximum capacity was set to 1"),
        ("Setting min capacity to 5 and max capacity to 6", "scheduled action name morning was triggered"),
        ("Setting desired concurrency to 5.", "minimum capacity was set to 5"),
    ]


async def test_an_action_is_due_between_its_start_and_its_end_and_not_while_schedules_are_suspended(
    scaling, clock
) -> None:
    await register(scaling, 0)
    times = {"StartTime": START + 600, "EndTime": START + 1300}
    for minimum in (1, 2):
        bounds = {"MinCapacity": minimum}
        action = SCHEDULE | {"ScheduledActionName": f"to {minimum}", "Schedule": f"rate({minimum * 5} minutes)"}
        await scaling("PutScheduledAction", **action, **times, ScalableTargetAction=bounds)
    await clock.travel(599)
    assert scaling.provisioned() is None
    await clock.travel(2)
    assert scaling.provisioned() == 2, "both at once, in the order of their names"
    await scaling("RegisterScalableTarget", **TARGET, SuspendedState={"ScheduledScalingSuspended": True})
    await clock.travel(3600)
    assert len(await scaling.told()) == 4


async def test_an_action_that_was_due_while_nobody_ran_is_carried_out_at_the_next_start(
    scaling, clock, database, control
) -> None:
    await register(scaling)
    at = f"at({datetime.datetime.fromtimestamp(START + 60, datetime.UTC):%Y-%m-%dT%H:%M:%S})"
    await scaling("PutScheduledAction", **SCHEDULE, Schedule=at, ScalableTargetAction={"MinCapacity": 7})
    await scaling.service.scaler.close()
    await clock.travel(3600)
    assert scaling.provisioned() == 2
    again = Autoscaling(database, control, scaling.metrics, scaling.service.scaler._journal, lambda: None)
    again.scaler.start()
    await clock.travel(0.001)
    assert scaling.provisioned() == 7
    await clock.travel(3600)
    await again.scaler.close()
    assert len(await scaling.told()) == 3, "and only once"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ScalableTargetAction": {}}, "At least one of minimum capacity and maximum capacity should be provided"),
        (
            {"ScalableTargetAction": {"MinCapacity": 3, "MaxCapacity": 2}},
            "Maximum capacity cannot be less than minimum capacity",
        ),
        ({"Schedule": "0 9 * * *"}, "Invalid schedule expression: 0 9 * * *"),
        ({"Timezone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        ({"StartTime": START + 60, "EndTime": START}, "End time must be later than start time"),
    ],
)
async def test_a_scheduled_action_that_cannot_be_is_refused(scaling, changes, words) -> None:
    await register(scaling)
    asked = SCHEDULE | {"Schedule": "rate(1 hour)", "ScalableTargetAction": {"MinCapacity": 3}} | changes
    code, message = await refusal(scaling("PutScheduledAction", **asked))
    assert (code, words in message) == ("ValidationException", True), message


async def test_where_nothing_is_to_be_scaled_no_timer_runs(scaling, clock) -> None:
    await register(scaling)
    assert scaling.service.scaler._timer is None
    await scaling("PutScalingPolicy", **POLICY)
    assert scaling.service.scaler._timer is not None
    await scaling("DeleteScalingPolicy", **TARGET, PolicyName="track")
    assert scaling.service.scaler._timer is None


async def test_what_is_done_is_in_the_journal_under_the_id_of_its_activity(scaling) -> None:
    await register(scaling)
    (activity,) = (await scaling("DescribeScalingActivities", ServiceNamespace="lambda"))["ScalingActivities"]
    (entry,) = scaling.service.scaler._journal.about(activity["ActivityId"])
    message = "Successfully set desired concurrency to 2. Change successfully fulfilled by lambda."
    assert sentences.of(entry) == f"scaling of function:hello:live: {message} (minimum capacity was set to 2)"
