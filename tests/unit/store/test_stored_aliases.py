"""Aliases as they are kept: conflicts, revisions, pages, and what they stand for."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lambent.errors import PreconditionFailed, ResourceConflict, ResourceNotFound
from lambent.store.aliases import Aliases, StoredAlias
from lambent.store.concurrency import Concurrency, ProvisionedConfig
from lambent.store.database import Database
from lambent.store.functions import LATEST, Functions, StoredFunction, StoredVersion

ACCOUNT, REGION = "000000000000", "us-east-1"
F = (ACCOUNT, REGION, "f")


def alias(name: str = "live", version: str = "1", revision: str = "r1", **weights: float) -> StoredAlias:
    additional = {key.removeprefix("v"): weight for key, weight in weights.items()}
    return StoredAlias(
        account=ACCOUNT, region=REGION, name="f", alias=name, version=version, additional=additional,
        description="\u2603", revision=revision,
    )  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def aliases(database: Database) -> Aliases:
    return Aliases(database)


@pytest.fixture
async def functions(database: Database) -> Functions:
    """With a function of two versions."""
    functions = Functions(database)
    latest = StoredVersion(
        account=ACCOUNT, region=REGION, name="f", version=LATEST, revision="r", config={}, code_digest="d",
        code_size=1, last_modified="2026-01-31T12:00:00.000+0000",
    )  # fmt: skip
    await functions.create(StoredFunction(account=ACCOUNT, region=REGION, name="f", created_at=1.0), latest)
    for _ in range(2):
        await functions.publish(latest, None)
    return functions


async def test_an_alias_comes_back_as_it_was_stored(functions: Functions, aliases: Aliases) -> None:
    await aliases.create(alias(v2=0.1))

    assert aliases.get(*F, "live") == alias(v2=0.1)
    assert aliases.get(*F, "dead") is None
    assert aliases.get(ACCOUNT, "eu-west-1", "f", "live") is None
    assert alias(v2=0.1).arn == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f:live"
    assert alias(v2=0.1).versions == ("1", "2")


async def test_a_name_can_be_taken_only_once_and_the_first_stays(functions: Functions, aliases: Aliases) -> None:
    await aliases.create(alias())

    with pytest.raises(ResourceConflict, match=r"Alias already exists: arn:aws:lambda:\S+:function:f:live$"):
        await aliases.create(alias(version="2"))

    assert aliases.get(*F, "live") == alias()


async def test_of_many_creations_at_once_exactly_one_succeeds(functions: Functions, aliases: Aliases) -> None:
    results = await asyncio.gather(*(aliases.create(alias()) for _ in range(10)), return_exceptions=True)

    assert results.count(None) == 1


@pytest.mark.parametrize("made", [alias(version="3"), alias(v3=0.5)])
async def test_an_alias_cannot_stand_for_what_is_not_there(
    functions: Functions, aliases: Aliases, made: StoredAlias
) -> None:
    with pytest.raises(ResourceNotFound, match=r"function:f:3$"):
        await aliases.create(made)
    await aliases.create(replace(made, version="1", additional={}))
    with pytest.raises(ResourceNotFound, match=r"function:f:3$"):
        await aliases.update(made, "r1")

    assert aliases.get(*F, "live") == alias()


async def test_an_alias_of_a_function_that_is_gone_cannot_be_made(aliases: Aliases) -> None:
    with pytest.raises(ResourceNotFound, match=r"function:f:1$"):
        await aliases.create(alias())


async def test_a_change_of_what_has_changed_meanwhile_is_refused(functions: Functions, aliases: Aliases) -> None:
    await aliases.create(alias())
    await aliases.update(alias(version="2", revision="r2"), "r1")

    with pytest.raises(PreconditionFailed):
        await aliases.update(alias(revision="r3"), "r1")

    assert aliases.get(*F, "live") == alias(version="2", revision="r2")


async def test_pages_are_by_name_and_can_be_of_one_version(functions: Functions, aliases: Aliases) -> None:
    for name, version in [("b", "1"), ("a", "2"), ("d", LATEST), ("c", "1")]:
        await aliases.create(alias(name, version))

    assert [each.alias for each in aliases.page(*F)] == ["a", "b", "c", "d"]
    assert [each.alias for each in aliases.page(*F, after="a", limit=2)] == ["b", "c"]
    assert [each.alias for each in aliases.page(*F, version="1", after="b")] == ["c"]
    assert [each.alias for each in aliases.page(*F, version=LATEST)] == ["d"]


async def test_whoever_stands_for_a_version_is_known_with_whatever_weight(
    functions: Functions, aliases: Aliases
) -> None:
    await aliases.create(alias("first", "1"))
    await aliases.create(alias("second", "2", v1=0.0))
    await aliases.create(alias("third", "2"))

    assert aliases.standing_for(*F, "1") == ["first", "second"]
    assert aliases.standing_for(*F, "2") == ["second", "third"]
    assert aliases.standing_for(*F, "3") == []


async def test_aliases_go_with_their_function(functions: Functions, aliases: Aliases) -> None:
    await aliases.create(alias(v2=0.1))
    await functions.delete(*F)

    assert aliases.page(*F) == []


async def test_what_was_configured_for_an_alias_goes_with_it(
    database: Database, functions: Functions, aliases: Aliases
) -> None:
    await aliases.create(alias())
    concurrency = Concurrency(database)
    for qualifier in ("live", "1"):
        wanted = {"account": ACCOUNT, "region": REGION, "name": "f", "qualifier": qualifier}
        await concurrency.provision(ProvisionedConfig(**wanted, requested=1, last_modified=1.0))

    assert await aliases.delete(*F, "live")
    assert not await aliases.delete(*F, "live")

    assert [each.qualifier for each in concurrency.provisioned(*F)] == ["1"]
