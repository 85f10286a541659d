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
