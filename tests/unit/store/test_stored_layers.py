"""Layers and their versions as they are kept: numbers, pages, grants, and which code they need."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lambent.errors import ResourceConflict, ResourceNotFound
from lambent.store.database import Database
from lambent.store.functions import LATEST, Functions, StoredFunction, StoredVersion
from lambent.store.layers import LayerGrant, Layers, StoredLayer

ACCOUNT, REGION = "000000000000", "us-east-1"


def layer(name: str = "tools", digest: str = "d1", size: int = 10) -> StoredLayer:
    return StoredLayer(
        account=ACCOUNT, region=REGION, name=name, number=0, details={"Description": "\u2603"}, code_digest=digest,
        code_size=size,
    )  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def layers(database: Database) -> Layers:
    return Layers(database)


async def test_a_version_comes_back_as_it_was_stored(layers: Layers) -> None:
    published = await layers.publish(layer())

    assert published == replace(layer(), number=1)
    assert layers.get(ACCOUNT, REGION, "tools", 1) == published
    assert published.version_arn == f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:tools:1"
    assert layers.get(ACCOUNT, REGION, "tools", 2) is None
    assert layers.get(ACCOUNT, "eu-west-1", "tools", 1) is None


async def test_of_many_at_once_each_gets_a_number_of_its_own(layers: Layers) -> None:
    published = await asyncio.gather(*(layers.publish(layer()) for _ in range(20)))

    assert sorted(each.number for each in published) == list(range(1, 21))


async def test_numbers_go_on_after_every_version_was_deleted(layers: Layers) -> None:
    for number in (1, 2):
        await layers.publish(layer())
        await layers.delete(ACCOUNT, REGION, "tools", number)

    assert layers.names(ACCOUNT, REGION) == []
    assert (await layers.publish(layer())).number == 3


async def test_pages_go_on_after_the_last_entry(layers: Layers) -> None:
    for name in ("b", "a", "a", "c"):
        await layers.publish(layer(name))

    assert layers.names(ACCOUNT, REGION, limit=2) == ["a", "b"]
    assert layers.names(ACCOUNT, REGION, "b") == ["c"]
    assert [each.number for each in layers.versions(ACCOUNT, REGION, "a", limit=1)] == [2]
    assert [each.number for each in layers.versions(ACCOUNT, REGION, "a", before=2)] == [1]


async def test_the_bytes_of_all_versions_are_counted_by_account_and_region(layers: Layers) -> None:
    for size in (10, 32):
        await layers.publish(layer(size=size))

    assert layers.code_bytes(ACCOUNT, REGION) == 42
    assert layers.code_bytes(ACCOUNT, "eu-west-1") == 0


async def test_code_is_needed_by_versions_of_layers_and_by_functions_that_took_one(
    layers: Layers, database: Database
) -> None:
    functions = Functions(database)
    await layers.publish(layer(digest="d1"))
    version = StoredVersion(
        account=ACCOUNT, region=REGION, name="f", version=LATEST, revision="r", config={}, code_digest="code",
        code_size=1, layer_digests=("d1", "d2"), last_modified="",
    )  # fmt: skip
    function = StoredFunction(account=ACCOUNT, region=REGION, name="f", created_at=0.0)
    await functions.create(function, version)

    assert functions.get_version(ACCOUNT, REGION, "f").layer_digests == ("d1", "d2")
    assert layers.all_digests() == {"d1", "d2"}
    await layers.delete(ACCOUNT, REGION, "tools", 1)
    assert layers.all_digests() == {"d1", "d2"}
    published = await functions.publish(version, None)
    await functions.update_latest(replace(version, layer_digests=("d3",)), None)
    assert layers.all_digests() == {"d1", "d2", "d3"}
    await functions.delete_version(ACCOUNT, REGION, "f", published.version)
    assert layers.all_digests() == {"d3"}


async def test_grants_belong_to_one_version_and_go_with_it(layers: Layers) -> None:
    first, second = await layers.publish(layer()), await layers.publish(layer())
    grant = LayerGrant(statement_id="s", principal="*")
    await layers.grant(first, grant)

    assert layers.grants(first) == [grant]
    assert layers.grants(second) == []
    with pytest.raises(ResourceConflict, match="already exists"):
        await layers.grant(first, grant)
    assert await layers.revoke(second, "s") is False
    await layers.delete(ACCOUNT, REGION, "tools", 1)
    assert layers.grants(first) == []
    with pytest.raises(ResourceNotFound, match="does not exist"):
        await layers.grant(first, grant)


async def test_layers_survive_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path)
    await Layers(database).publish(layer())
    database.close()
    again = Database(tmp_path)

    assert Layers(again).names(ACCOUNT, REGION) == ["tools"]
    again.close()
