"""Where schedules send to, and what becomes of that which is not taken there."""

import pytest
from schedule_house import QUEUE, ROLE, House

from lambent.clock import VirtualClock

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
