"""Whatever is reserved and provisioned, in whatever order: what is promised is there. Properties, and races."""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lambent.control import claims
from lambent.errors import AwsError, InvalidParameterValue
from lambent.store.concurrency import Claims, Concurrency, ProvisionedConfig
from lambent.store.database import Database
from lambent.store.functions import LATEST, Functions, StoredFunction, StoredVersion

ACCOUNT, REGION = "000000000000", "us-east-1"
FUNCTIONS, QUALIFIERS = ("a", "b", "c"), ("1", "2", "prod")
names, qualifiers = st.sampled_from(FUNCTIONS), st.sampled_from(QUALIFIERS)


def total(found: Claims) -> int:
    """As AWS adds up, in other words than the product's: each function counts with the larger of the two."""
    provisioned = {name: sum(n for (owner, _), n in found.provisioned.items() if owner == name) for name in FUNCTIONS}
    return sum(max(found.reserved.get(name, 0), provisioned[name]) for name in FUNCTIONS)


class AnyOrder(RuleBasedStateMachine):
    """Functions claim and give back; a model of one line each says what must have been allowed."""

    @initialize(limit=st.sampled_from([1000, 300, 101, 100, 60, 1]))
    def account(self, limit: int) -> None:
        self.limit = limit
        self.now = Claims()

    @rule(name=names, reserved=st.integers(0, 1100))
    def reserve(self, name: str, reserved: int) -> None:
        after = claims.with_reserved(self.now, name, reserved)
        fits = total(after) <= max(total(self.now), self.limit - min(100, self.limit))
        allowed = fits and self.now.provisioned_of(name) <= reserved
        self._expect(allowed, lambda: claims.check_reserved(self.now, name, reserved, self.limit), after)

    @rule(name=names, qualifier=qualifiers, requested=st.integers(1, 1100))
    def provision(self, name: str, qualifier: str, requested: int) -> None:
        after = claims.with_provisioned(self.now, name, qualifier, requested)
        if name in self.now.reserved:
            allowed = after.provisioned_of(name) <= self.now.reserved[name]
        else:
            allowed = total(after) <= max(total(self.now), self.limit - min(100, self.limit))
        self._expect(allowed, lambda: claims.check_provisioned(self.now, name, qualifier, requested, self.limit), after)

    @rule(name=names)
    def unreserve(self, name: str) -> None:
        self.now = Claims({k: v for k, v in self.now.reserved.items() if k != name}, self.now.provisioned)

    @rule(name=names, qualifier=qualifiers)
    def withdraw(self, name: str, qualifier: str) -> None:
        left = {k: v for k, v in self.now.provisioned.items() if k != (name, qualifier)}
        self.now = Claims(self.now.reserved, left)

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.unreserve(name)
        self.now = Claims(self.now.reserved, {k: v for k, v in self.now.provisioned.items() if k[0] != name})

    @invariant()
    def enough_is_left_to_all(self) -> None:
        left = claims.unreserved(self.now, self.limit)
        assert left == self.limit - total(self.now)
        assert left >= min(100, self.limit)

    @invariant()
    def nobody_provisions_more_than_was_reserved(self) -> None:
        assert all(self.now.provisioned_of(name) <= kept for name, kept in self.now.reserved.items())

    def _expect(self, allowed: bool, check, after: Claims) -> None:
        if allowed:
            check()
            self.now = after
        else:
            with pytest.raises(InvalidParameterValue):
                check()


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@given(
    reserved=st.dictionaries(names, st.integers(0, 2000)),
    provisioned=st.dictionaries(st.tuples(names, qualifiers), st.integers(1, 500)),
    limit=st.integers(1, 1500),
    name=names,
)
def test_claiming_less_is_allowed_even_where_too_much_was_claimed(reserved, provisioned, limit, name):
    """As after the account's limit was lowered."""
    now = Claims(reserved, {key: n for key, n in provisioned.items() if key[0] not in reserved})
    if name in reserved:
        for fewer in {0, reserved[name] // 2, reserved[name]}:
            claims.check_reserved(now, name, fewer, limit)
    for (owner, qualifier), count in now.provisioned.items():
        claims.check_provisioned(now, owner, qualifier, max(1, count // 2), limit)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


async def make(functions: Functions, name: str) -> None:
    key = {"account": ACCOUNT, "region": REGION, "name": name}
    version = StoredVersion(
        **key, version=LATEST, revision="r", config={}, code_digest="d", code_size=1, last_modified="now"
    )
    await functions.create(StoredFunction(**key, created_at=0.0), version)
    await functions.publish(version, None)


@pytest.mark.parametrize("seed", range(3))
async def test_of_requests_that_come_at_once_no_two_get_the_same_concurrency(database: Database, seed: int) -> None:
    """The judge sees, in the transaction that changes, what all others have claimed before it."""
    dice = random.Random(seed)
    functions, concurrency, limit = Functions(database), Concurrency(database), 300
    for name in FUNCTIONS:
        await make(functions, name)

    async def act() -> None:
        name, count = dice.choice(FUNCTIONS), dice.randint(1, 200)
        with contextlib.suppress(AwsError):
            await dice.choice([reserve, provision, give_back])(name, count)

    async def reserve(name: str, count: int) -> None:
        await concurrency.reserve(
            ACCOUNT, REGION, name, count, lambda found: claims.check_reserved(found, name, count, limit)
        )

    async def provision(name: str, count: int) -> None:
        config = ProvisionedConfig(
            account=ACCOUNT, region=REGION, name=name, qualifier="1", requested=count, last_modified=0.0
        )
        await concurrency.provision(config, lambda found: claims.check_provisioned(found, name, "1", count, limit))

    async def give_back(name: str, count: int) -> None:
        if count % 2:
            await concurrency.unreserve(ACCOUNT, REGION, name)
        else:
            await concurrency.withdraw(ACCOUNT, REGION, name, "1")

    for _ in range(10):
        await asyncio.gather(*(act() for _ in range(12)))
        found = concurrency.claims(ACCOUNT, REGION)
        assert claims.unreserved(found, limit) >= 100
        assert all(found.provisioned_of(name) <= kept for name, kept in found.reserved.items())
    assert found != Claims(), "nothing was ever allowed"
