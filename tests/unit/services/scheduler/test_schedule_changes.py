"""What becomes of schedules that are changed at the same time, or while they are due."""

import asyncio

import pytest
from schedule_house import ACCOUNT, REGION, House

from lambent.clock import VirtualClock
from lambent.errors import AwsError

AT = 1_700_000_000.0  # where the clock begins
GROUP = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/group"


@pytest.fixture
def clock():
    return VirtualClock(AT)


@pytest.fixture
async def house(tmp_path, clock):
    house = House(tmp_path / "queue", clock)
    yield house
    await house.close()


async def test_changes_of_one_group_at_the_same_time_lose_nothing(house):
    await house("CreateScheduleGroup", Name="group")
    tagged = [house("TagResource", ResourceArn=GROUP, Tags=[{"Key": f"k{n}", "Value": "v"}]) for n in range(5)]
    await asyncio.gather(*tagged)
    tags = (await house("ListTagsForResource", ResourceArn=GROUP))["Tags"]
    assert [tag["Key"] for tag in tags] == ["k0", "k1", "k2", "k3", "k4"]


async def test_a_group_that_is_being_deleted_gets_no_more_schedules(house):
    await house("CreateScheduleGroup", Name="group")
    _, refused = await asyncio.gather(
        house("DeleteScheduleGroup", Name="group"), house.schedule(GroupName="group"), return_exceptions=True
    )
    assert isinstance(refused, AwsError)
    assert refused.code == "ResourceNotFoundException"
    assert (await house("ListSchedules"))["Schedules"] == []


async def test_a_schedule_that_is_being_deleted_does_not_come_back_by_an_update(house):
    await house.schedule()
    _, refused = await asyncio.gather(
        house("DeleteSchedule", Name="schedule"), house.schedule("UpdateSchedule"), return_exceptions=True
    )
    assert isinstance(refused, AwsError)
    assert refused.code == "ResourceNotFoundException"
    await house.again()
    assert (await house("ListSchedules"))["Schedules"] == []


async def test_of_two_that_make_one_schedule_only_one_is_told_that_it_has(house):
    made = await asyncio.gather(house.schedule(text="one"), house.schedule(text="two"), return_exceptions=True)
    assert [isinstance(each, AwsError) for each in made] == [False, True]
    assert (await house("GetSchedule", Name="schedule"))["Target"]["Input"] == "one"


# -- due meanwhile


async def due_while(house, clock, change):
    """A minute goes by between the asking for a change and its being written."""
    task = asyncio.create_task(change)
    await asyncio.sleep(0)
    clock.advance(60)
    await task
    await house.ledger.enter()


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_schedule_that_is_due_while_it_is_changed_keeps_its_new_time(house, clock, stopped):
    await house.schedule()
    change = house.schedule("UpdateSchedule", ScheduleExpression="rate(1 hour)", text="new")
    await due_while(house, clock, change)
    if stopped:
        await house.again()
    await clock.travel(3600 - 60 - 1)
    assert house.bodies == []
    await clock.travel(1)
    assert house.bodies == ["new"]


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_schedule_that_would_go_after_its_time_stays_if_it_was_given_another(house, clock, stopped):
    await house.schedule(ScheduleExpression="at(2023-11-14T22:14:20)", ActionAfterCompletion="DELETE")
    change = house.schedule("UpdateSchedule", ScheduleExpression="at(2023-11-14T23:13:20)", text="new")
    await due_while(house, clock, change)
    if stopped:
        await house.again()
    await clock.travel(3600 - 60)
    assert house.bodies == ["new"]


async def test_what_is_due_while_it_is_changed_is_sent_once_as_it_is_then(house, clock):
    await house.schedule()
    await due_while(house, clock, house.schedule("UpdateSchedule", text="new"))
    await clock.travel(0)
    assert house.bodies == ["new"]
    await clock.travel(60)
    assert house.bodies == ["new"]
    await house.again()
    await clock.travel(59)
    assert house.bodies == []


class Late(VirtualClock):
    """Its timers have not come round yet, however late it is: the event loop is busy."""

    def call_later(self, delay_s, callback, *, background=False):
        return super().call_later(1e9, callback, background=background)


async def test_what_was_due_before_a_change_is_sent_as_it_was(tmp_path):
    clock = Late(AT)
    house = House(tmp_path / "queue", clock)
    await house.schedule()
    clock.advance(61)
    await house.schedule("UpdateSchedule", text="new")
    await house.ledger.enter()
    assert house.bodies == ["tick"]
    await house.close()
