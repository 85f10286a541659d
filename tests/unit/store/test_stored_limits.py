"""Reserved and provisioned concurrency, event invoke configs and recursion configs as they are kept and remembered."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lambent.errors import InvalidParameterValue, ResourceNotFound, StoreError
from lambent.model import InvokeConfig
from lambent.store.aliases import Aliases, StoredAlias
from lambent.store.concurrency import Claims, Concurrency, ProvisionedConfig, ReservedConcurrency
from lambent.store.database import Database
from lambent.store.functions import LATEST, Functions, StoredFunction, StoredVersion
from lambent.store.invoke_configs import InvokeConfigs, StoredInvokeConfig

F = ("000000000000", "us-east-1", "f")
KEY = dict(zip(("account", "region", "name"), F, strict=True))
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


class Counting(Database):
    """A database that counts what is read from it."""

    reads = 0

    def read(self, query: str, /, **parameters: Any) -> Any:
        self.reads += 1
        return super().read(query, **parameters)


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    """With a function of one version and one alias."""
    database = Counting(tmp_path)
    await make(Functions(database))
    await Aliases(database).create(StoredAlias(**KEY, alias="live", version="1", revision="r"))
    yield database
    database.close()


async def make(functions: Functions) -> None:
    latest = StoredVersion(
        **KEY, version=LATEST, revision="r", config={}, code_digest="d", code_size=1, last_modified="now"
    )
    await functions.create(StoredFunction(**KEY, created_at=1.0), latest)
    await functions.publish(latest, None)


def provisioned(qualifier: str = "1", requested: int = 3) -> ProvisionedConfig:
    return ProvisionedConfig(**KEY, qualifier=qualifier, requested=requested, last_modified=7.5)


def config(qualifier: str = LATEST, **settings: Any) -> StoredInvokeConfig:
    return StoredInvokeConfig(**({"last_modified": 7.5} | KEY | settings), qualifier=qualifier)


async def test_limits_come_back_as_they_were_stored_also_from_a_new_start(database: Database) -> None:
    concurrency = Concurrency(database)
    await concurrency.reserve(*F, 9)
    for each in (provisioned("live", 4), provisioned("1", 3)):
        await concurrency.provision(each)

    assert concurrency.reserved(*F) == 9
    assert concurrency.all_reserved() == [ReservedConcurrency(**KEY, reserved=9)]
    assert concurrency.provisioned(*F) == concurrency.all_provisioned() == [provisioned("1", 3), provisioned("live", 4)]
    assert concurrency.claims(*F[:2]) == Claims({"f": 9}, {("f", "1"): 3, ("f", "live"): 4})
    assert concurrency.claims("111111111111", "us-east-1") == Claims()
    database.close()
    again = Counting(database.path.parent)
    assert Concurrency(again).claims(*F[:2]) == Claims({"f": 9}, {("f", "1"): 3, ("f", "live"): 4})
    again.close()


async def test_who_judges_sees_what_was_there_and_what_it_refuses_is_not_stored(database: Database) -> None:
    concurrency = Concurrency(database)
    await concurrency.provision(provisioned())
    seen: list[Claims] = []

    def refuse(claims: Claims) -> None:
        seen.append(claims)
        raise InvalidParameterValue("no")

    with pytest.raises(InvalidParameterValue):
        await concurrency.reserve(*F, 5, refuse)
    with pytest.raises(InvalidParameterValue):
        await concurrency.provision(provisioned(requested=4), refuse)
    assert seen == [Claims({}, {("f", "1"): 3})] * 2
    assert concurrency.claims(*F[:2]) == Claims({}, {("f", "1"): 3})


async def test_nothing_is_kept_for_what_is_not_there(database: Database) -> None:
    concurrency, configs = Concurrency(database), InvokeConfigs(database)
    nobody = {"account": F[0], "region": F[1], "name": "nobody"}
    for wrong in (provisioned("2"), provisioned("dead"), replace(provisioned(), name="nobody")):
        with pytest.raises(ResourceNotFound):
            await concurrency.provision(wrong)
    for qualifier in ("2", "dead"):
        with pytest.raises(ResourceNotFound):
            await configs.change(*F, qualifier, lambda _: config())
    with pytest.raises(ResourceNotFound):
        await configs.change(*nobody.values(), LATEST, lambda _: config())
    with pytest.raises(ResourceNotFound):
        await configs.put_recursion(*nobody.values(), "Allow")
    with pytest.raises(ResourceNotFound):
        await concurrency.reserve(*nobody.values(), 1)
    assert (concurrency.all_reserved(), concurrency.all_provisioned()) == ([], [])


async def test_everything_goes_with_its_function(database: Database) -> None:
    concurrency, configs, functions = Concurrency(database), InvokeConfigs(database), Functions(database)
    await concurrency.reserve(*F, 9)
    await configs.put_recursion(*F, "Allow")
    for qualifier in ("1", "live"):
        await concurrency.provision(provisioned(qualifier))
        await configs.change(*F, qualifier, lambda _, qualifier=qualifier: config(qualifier))

    await functions.delete(*F)
    await make(functions)
    configs.forget(*F)

    assert (concurrency.claims(*F[:2]), configs.list(*F), configs.recursion(*F)) == (Claims(), [], "Terminate")


async def test_what_belongs_to_a_version_or_an_alias_goes_with_it_alone(database: Database) -> None:
    concurrency, configs = Concurrency(database), InvokeConfigs(database)
    for qualifier in ("1", "live"):
        await concurrency.provision(provisioned(qualifier))
    for qualifier in (LATEST, "1", "live"):
        await configs.change(*F, qualifier, lambda _, qualifier=qualifier: config(qualifier))

    await Functions(database).delete_version(*F, "1")
    assert concurrency.provisioned(*F) == [provisioned("live")]
    assert [each.qualifier for each in configs.list(*F)] == [LATEST, "live"]
    await Aliases(database).delete(*F, "live")
    assert concurrency.provisioned(*F) == []
    assert [each.qualifier for each in configs.list(*F)] == [LATEST]


async def test_a_thousand_events_are_one_query(database: Counting) -> None:
    configs = InvokeConfigs(database)
    await configs.change(*F, LATEST, lambda _: config(max_retries=0, on_failure=QUEUE))
    await configs.change(*F, "live", lambda _: config("live", max_age_s=60))
    before = database.reads

    for _ in range(1000):
        assert configs.get(*F, "") == InvokeConfig(max_retries=0, on_failure=QUEUE)
        assert configs.get(*F, "live") == InvokeConfig(max_age_s=60)
        assert configs.get(*F, "1") == InvokeConfig()
    assert database.reads == before + 1
    for _ in range(1000):
        assert configs.recursion(*F) == "Terminate"
    assert database.reads == before + 2


async def test_a_change_is_seen_at_once_and_so_is_its_end(database: Database) -> None:
    configs = InvokeConfigs(database)
    assert configs.get(*F, "") == InvokeConfig()
    seen: list[StoredInvokeConfig | None] = []

    def change(before: StoredInvokeConfig | None) -> StoredInvokeConfig:
        seen.append(before)
        return config(max_retries=len(seen) - 1)

    for retries in (0, 1):
        await configs.change(*F, LATEST, change)
        assert configs.get(*F, "").max_retries == retries
        assert configs.find(*F, LATEST) == config(max_retries=retries)
    assert seen == [None, config(max_retries=0)]
    await configs.put_recursion(*F, "Allow")
    assert configs.recursion(*F) == "Allow"
    assert await configs.remove(*F, LATEST)
    assert not await configs.remove(*F, LATEST)
    assert configs.get(*F, "") == InvokeConfig()


async def test_what_is_remembered_has_a_bound(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambent.store.invoke_configs.LARGEST", 10)
    configs = InvokeConfigs(database)
    for number in range(50):
        assert configs.get(F[0], F[1], f"never-there-{number}", "") == InvokeConfig()
        assert configs.recursion(F[0], F[1], f"never-there-{number}") == "Terminate"
    assert len(configs._known) <= 10
    assert len(configs._loops) <= 10


async def test_the_rows_themselves_refuse_what_would_be_orphaned(database: Database) -> None:
    """Whoever writes them by another way than the classes above."""
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        await database.write("provisioned_put", **KEY, qualifier="7", number=7, requested=1, last_modified=0.0)
