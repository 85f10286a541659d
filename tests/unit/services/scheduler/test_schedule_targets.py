"""Where schedules send to, and what becomes of that which is not taken there."""

import pytest
from schedule_house import ACCOUNT, QUEUE, ROLE, House

from lambent.clock import VirtualClock
from lambent.iam.credentials import role_id

AT = 1_700_000_000.0  # where the clock begins
GONE = QUEUE.replace("queue", "gone")


@pytest.fixture
def clock():
    return VirtualClock(AT)


@pytest.fixture
async def house(tmp_path, clock):
    house = House(tmp_path / "queue", clock)
    yield house
    await house.close()


def to(arn, dead_letters):
    return {"Arn": arn, "RoleArn": ROLE, "Input": "tick", "DeadLetterConfig": {"Arn": dead_letters}}


async def test_what_the_target_does_not_take_goes_to_the_dead_letter_queue(house, clock):
    await house.schedule(Target=to(GONE, QUEUE))
    await clock.travel(60)
    (letter,) = house.takes.taken
    assert (letter.target, letter.body) == (QUEUE, b"tick")
    assert letter.attributes["TARGET_ARN"]["StringValue"] == GONE


async def test_what_nobody_takes_is_lost_which_is_logged_and_the_schedule_goes_on(house, clock, caplog):
    await house.schedule(Target=to(GONE, GONE))
    await clock.travel(120)
    lost = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    arn = (await house("GetSchedule", Name="schedule"))["Arn"]
    assert lost == [f"what {arn} sent is lost: there is no queue {GONE}"] * 2


async def test_the_role_of_a_schedule_sends_by_the_id_that_policies_know(house, clock):
    await house.schedule()
    await clock.travel(60)
    sender = house.takes.taken[0].sender
    assert sender.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/sender/scheduler"
    assert sender.user_id == f"{role_id(ROLE)}:scheduler"


async def test_a_role_of_another_account_leads_nobody_into_that(house, clock):
    target = {"Arn": QUEUE, "RoleArn": ROLE.replace(ACCOUNT, "222222222222"), "Input": "tick"}
    await house.schedule(Target=target)
    await clock.travel(60)
    assert house.takes.taken[0].sender.account == ACCOUNT
