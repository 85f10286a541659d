"""A control plane over a real store, with a capacity that runs nothing and a clock that stands still."""

import pytest
from control_client import REGION, START, Client

from lambent.clock import FixedClock
from lambent.control.control import Control
from lambent.control.testing import MemoryCapacity
from lambent.settings import Settings
from lambent.store.aliases import Aliases
from lambent.store.code import CodeStore
from lambent.store.concurrency import Concurrency
from lambent.store.database import Database
from lambent.store.functions import Functions
from lambent.store.image_names import ImageNames
from lambent.store.images import ImageStore
from lambent.store.invoke_configs import InvokeConfigs
from lambent.store.layers import Layers


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def capacity() -> MemoryCapacity:
    return MemoryCapacity({"java21": "Lambent does not run java21 itself."})


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "db")
    yield database
    database.close()


@pytest.fixture
def waits() -> list[float]:
    """How long the control plane wanted to wait before it removed code; nothing waits for real."""
    return []


@pytest.fixture
async def control(database, capacity, clock, waits, tmp_path):
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    control = Control(
        Functions(database),
        CodeStore(tmp_path / "code"),
        capacity,
        clock,
        Settings(data=str(tmp_path), region=REGION),
        layers=Layers(database),
        images=ImageStore(tmp_path / "images"),
        image_names=ImageNames(database),
        concurrency=Concurrency(database),
        invoke_configs=InvokeConfigs(database),
        aliases=Aliases(database),
        secret=b"a key for tests",
        architecture="x86_64",
        sleep=sleep,
    )
    yield control
    await control.close()


@pytest.fixture
def client(control) -> Client:
    return Client(control)
