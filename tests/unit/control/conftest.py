"""A control plane over a real store, with a capacity that runs nothing and a clock that stands still."""

import pytest
from control_client import REGION, START, Client

from lambent.clock import FixedClock
from lambent.control.control import Control
from lambent.control.testing import MemoryCapacity
from lambent.settings import Settings
from lambent.stores import Stores


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def capacity() -> MemoryCapacity:
    return MemoryCapacity({"java21": "Lambent does not run java21 itself."})


@pytest.fixture
def stores(tmp_path):
    stores = Stores(tmp_path / "db")
    yield stores
    stores.close()


@pytest.fixture
def database(stores):
    return stores.database


@pytest.fixture
def waits() -> list[float]:
    """How long the control plane wanted to wait before it removed code; nothing waits for real."""
    return []


@pytest.fixture
async def control(stores, capacity, clock, waits, tmp_path):
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    control = Control(
        stores,
        capacity,
        clock,
        Settings(data=str(tmp_path), region=REGION),
        secret=b"a key for tests",
        architecture="x86_64",
        sleep=sleep,
    )
    yield control
    await control.close()


@pytest.fixture
def client(control) -> Client:
    return Client(control)
