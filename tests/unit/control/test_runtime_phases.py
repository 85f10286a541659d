"""The life of a runtime by the clock: in use, deprecated, closed to new functions, closed to changes; always run."""

import datetime
from collections.abc import Callable

import pytest
from control_client import ACCOUNT, REGION, Client, RefusedError, make_zip

from lambent.arns import FunctionRef
from lambent.clock import FixedClock
from lambent.control.documents import as_version
from lambent.control.lookup import version as find_version
from lambent.invoke.resolve import Resolver
from lambent.runtimes.table import TABLE

BLOCKED = (
    "The runtime parameter of {} is no longer supported for creating or updating AWS Lambda functions. "
    "We recommend you use a supported runtime while creating or updating functions."
)
RUNTIMES = ("python3.12", "nodejs22.x", "provided.al2")
DAY = datetime.timedelta(days=1)


@pytest.fixture
def go_to(clock: FixedClock) -> Callable[[datetime.date], None]:
    """Moves the clock to noon of a day that has not been yet."""

    def go(day: datetime.date) -> None:
        noon = datetime.datetime.combine(day, datetime.time(12), datetime.UTC).timestamp()
        clock.advance(max(0.0, noon - clock.epoch()))

    return go


async def refusal(client: Client, operation: str, **parameters: object) -> str:
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    assert (caught.value.code, caught.value.status) == ("InvalidParameterValueException", 400)
    return caught.value.message


@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_each_phase_takes_away_what_aws_says_and_nothing_more(client, control, go_to, runtime):
    row = TABLE[runtime]
    assert row.deprecated
    assert row.block_create
    assert row.block_update
    await client.create("old", Runtime=runtime)
    other = "python3.13" if runtime != "python3.13" else "python3.14"

    go_to(row.deprecated)  # no more patches, and nothing else
    await client.create("deprecated", Runtime=runtime)

    go_to(row.block_create - DAY)
    await client.create("last", Runtime=runtime)
    go_to(row.block_create)
    with pytest.raises(RefusedError) as caught:
        await client.create("late", Runtime=runtime)
    assert caught.value.message == BLOCKED.format(runtime)
    await client("UpdateFunctionConfiguration", FunctionName="old", Timeout=7)
    await control.settled()

    go_to(row.block_update - DAY)
    await client("UpdateFunctionCode", FunctionName="old", ZipFile=make_zip("x = 1\n"))
    await control.settled()
    go_to(row.block_update)
    blocked = BLOCKED.format(runtime)
    assert await refusal(client, "UpdateFunctionConfiguration", FunctionName="old", Timeout=8) == blocked
    assert await refusal(client, "UpdateFunctionCode", FunctionName="old", ZipFile=make_zip("x = 2\n")) == blocked
    assert runs(control, "old"), "invocations are never blocked by date"
    assert (await client("GetFunctionConfiguration", FunctionName="old"))["Timeout"] == 7

    if not (TABLE[other].block_update and control.today() >= TABLE[other].block_update):
        await client("UpdateFunctionConfiguration", FunctionName="old", Runtime=other)  # the way out stays open
        await control.settled()
        await client("UpdateFunctionConfiguration", FunctionName="old", Timeout=9)


def runs(control, name: str) -> bool:
    """Whether an invocation finds a version that can run."""

    def load(account, region, found, qualifier):
        return as_version(find_version(control, FunctionRef(account, region, found, qualifier or "$LATEST")))

    version, _ = Resolver(load).resolve(ACCOUNT, REGION, name, None)
    return version.state == "Active"
