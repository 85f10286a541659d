"""Functions, versions and tags: conflicts, revisions, numbers, pages and totals."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lambent.errors import InvalidParameterValue, PreconditionFailed, ResourceConflict, ResourceNotFound
from lambent.store.database import Database
from lambent.store.functions import LATEST, Functions, StoredFunction, StoredVersion

ACCOUNT, REGION = "000000000000", "us-east-1"
evolve = msgspec.structs.replace


def latest(name: str, **more: Any) -> StoredVersion:
    values = {
        "version": LATEST,
        "revision": "r1",
        "config": {"Handler": "app.handler", "Environment": {"Variables": {"ÄÖ": "\u2603"}}},
        "code_digest": "d1",
        "code_size": 10,
        "last_modified": "2026-01-31T12:00:00.000+0000",
    }
    return StoredVersion(account=ACCOUNT, region=REGION, name=name, **{**values, **more})


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[Functions]:
    db = Database(tmp_path)
    yield Functions(db)
    db.close()


async def make(functions: Functions, name: str = "f", **more: Any) -> StoredVersion:
    version = latest(name, **more)
    await functions.create(StoredFunction(account=ACCOUNT, region=REGION, name=name, created_at=1.5), version)
    return version


async def test_a_function_comes_back_as_it_was_stored(functions: Functions) -> None:
    version = await make(functions, state="Pending", state_reason="being made", state_reason_code="Creating")

    assert functions.get_version(ACCOUNT, REGION, "f") == version
    assert functions.get(ACCOUNT, REGION, "f").created_at == 1.5


async def test_a_name_can_be_taken_only_once_and_the_first_stays(functions: Functions) -> None:
    first = await make(functions)

    with pytest.raises(ResourceConflict, match="Function already exist: f"):
        await make(functions, revision="other")

    assert functions.get_version(ACCOUNT, REGION, "f") == first


async def test_of_many_creations_at_once_exactly_one_succeeds(functions: Functions) -> None:
    results = await asyncio.gather(*(make(functions) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(result, StoredVersion) for result in results) == 1


async def test_what_does_not_exist_is_named_by_its_arn(functions: Functions) -> None:
    with pytest.raises(
        ResourceNotFound, match=r"Function not found: arn:aws:lambda:us-east-1:000000000000:function:f$"
    ):
        functions.get(ACCOUNT, REGION, "f")
    with pytest.raises(ResourceNotFound, match=r":function:f:7$"):
        functions.get_version(ACCOUNT, REGION, "f", "7")


@pytest.mark.parametrize("version", ["", "0", "01", "live", "-1", "1.0", "٣", "9" * 30])
def test_what_is_no_version_is_refused(functions: Functions, version: str) -> None:
    with pytest.raises(InvalidParameterValue):
        functions.get_version(ACCOUNT, REGION, "f", version)


async def test_an_update_at_the_expected_revision_is_stored(functions: Functions) -> None:
    changed = evolve(await make(functions), revision="r2", code_digest="d2", config={"Handler": "b.c"})

    await functions.update_latest(changed, "r1")
    await functions.update_latest(evolve(changed, revision="r3"), None)

    assert functions.get_version(ACCOUNT, REGION, "f") == evolve(changed, revision="r3")


async def test_an_update_at_another_revision_is_refused_and_changes_nothing(functions: Functions) -> None:
    version = await make(functions)

    with pytest.raises(PreconditionFailed, match="The Revision Id provided does not match"):
        await functions.update_latest(evolve(version, revision="r3"), "r2")

    assert functions.get_version(ACCOUNT, REGION, "f") == version


async def test_of_many_updates_of_one_revision_exactly_one_wins(functions: Functions) -> None:
    version = await make(functions)

    results = await asyncio.gather(
        *(functions.update_latest(evolve(version, revision=f"n{number}"), "r1") for number in range(20)),
        return_exceptions=True,
    )

    assert sum(result is None for result in results) == 1


async def test_an_update_of_nothing_is_not_found(functions: Functions) -> None:
    with pytest.raises(ResourceNotFound):
        await functions.update_latest(latest("f"), "r1")


async def test_a_state_is_settled_only_if_nothing_changed_meanwhile(functions: Functions) -> None:
    version = await make(functions, state="Pending")
    active = evolve(version, state="Active", revision="r2", config={"not": "stored"})

    assert await functions.settle(active, "r1")
    assert not await functions.settle(evolve(active, state="Failed"), "r1")

    assert functions.get_version(ACCOUNT, REGION, "f") == evolve(active, config=version.config)


async def test_versions_are_numbered_and_a_deleted_number_is_never_given_again(functions: Functions) -> None:
    version = await make(functions)
    first, second = [(await functions.publish(version, "r1")).version for _ in range(2)]
    await functions.delete_version(ACCOUNT, REGION, "f", second)

    third = await functions.publish(version, None)

    assert (first, second, third.version) == ("1", "2", "3")
    assert functions.get_version(ACCOUNT, REGION, "f", "3") == third
    assert functions.get(ACCOUNT, REGION, "f").last_version == 3


async def test_a_function_made_anew_goes_on_counting(functions: Functions) -> None:
    version = await make(functions)
    await functions.publish(version, None)
    await functions.delete(ACCOUNT, REGION, "f")
    await make(functions)

    assert (await functions.publish(version, None)).version == "2"


async def test_concurrent_publications_get_numbers_of_their_own(functions: Functions) -> None:
    version = await make(functions)

    published = await asyncio.gather(*(functions.publish(version, None) for _ in range(20)))

    assert sorted(int(each.version) for each in published) == list(range(1, 21))


async def test_a_publication_of_another_revision_is_refused(functions: Functions) -> None:
    version = await make(functions)

    with pytest.raises(PreconditionFailed):
        await functions.publish(version, "r9")

    assert functions.get(ACCOUNT, REGION, "f").last_version == 0


async def test_latest_goes_only_with_its_function(functions: Functions) -> None:
    await make(functions)

    with pytest.raises(ResourceConflict, match=r"\$LATEST version cannot be deleted without deleting the function\."):
        await functions.delete_version(ACCOUNT, REGION, "f", LATEST)


async def test_a_deleted_function_leaves_no_version_and_no_tag(functions: Functions) -> None:
    version = await make(functions)
    await functions.publish(version, None)
    await functions.put_tags(ACCOUNT, REGION, "f", {"a": "b"})

    await functions.delete(ACCOUNT, REGION, "f")

    assert functions.all_digests() == set()
    assert functions.tags(ACCOUNT, REGION, "f") == {}
    for missing in (functions.delete(ACCOUNT, REGION, "f"), functions.delete_version(ACCOUNT, REGION, "f", "1")):
        with pytest.raises(ResourceNotFound):
            await missing


async def test_pages_of_functions_go_on_after_a_name_even_if_it_is_gone(functions: Functions) -> None:
    for name in ("b", "a", "d", "c"):
        await make(functions, name)
    first = functions.list(ACCOUNT, REGION, limit=2)
    await functions.delete(ACCOUNT, REGION, "b")

    second = functions.list(ACCOUNT, REGION, after="b", limit=2)

    assert [version.name for version in first + second] == ["a", "b", "c", "d"]
    assert functions.list(ACCOUNT, "eu-west-1") == []


async def test_pages_of_versions_begin_with_latest_and_count_as_numbers(functions: Functions) -> None:
    version = await make(functions)
    for _ in range(11):
        await functions.publish(version, None)

    first = functions.list_versions(ACCOUNT, REGION, "f", limit=3)
    rest = functions.list_versions(ACCOUNT, REGION, "f", after="2")

    assert [each.version for each in first + rest] == [LATEST, *map(str, range(1, 12))]
    assert functions.list_versions(ACCOUNT, REGION, "f", after="11") == []
    with pytest.raises(ResourceNotFound):
        functions.list_versions(ACCOUNT, REGION, "g")


async def test_all_versions_of_all_functions_can_be_paged(functions: Functions) -> None:
    for name in ("a", "b"):
        await functions.publish(await make(functions, name), None)

    seen, after = [], None
    while page := functions.list_all_versions(ACCOUNT, REGION, after, limit=1):
        after = (page[0].name, page[0].version)
        seen.append(after)

    assert seen == [("a", LATEST), ("a", "1"), ("b", LATEST), ("b", "1")]


async def test_tags_are_added_overwritten_and_removed(functions: Functions) -> None:
    await make(functions)
    await functions.put_tags(ACCOUNT, REGION, "f", {"a": "1", "b": "2"})
    await functions.put_tags(ACCOUNT, REGION, "f", {"b": "3", "c": ""})
    await functions.remove_tags(ACCOUNT, REGION, "f", ["a", "zzz"])

    assert functions.get(ACCOUNT, REGION, "f").tags == {"b": "3", "c": ""}
    with pytest.raises(ResourceNotFound):
        await functions.put_tags(ACCOUNT, REGION, "g", {"a": "1"})
    with pytest.raises(ResourceNotFound):
        await functions.remove_tags(ACCOUNT, REGION, "g", ["a"])


async def test_totals_count_the_code_of_every_version_of_the_account(functions: Functions) -> None:
    assert functions.totals(ACCOUNT, REGION) == (0, 0)
    await functions.publish(await make(functions, "a"), None)
    await make(functions, "b", code_digest="d2", code_size=5)

    assert functions.totals(ACCOUNT, REGION) == (2, 25)
    assert functions.all_digests() == {"d1", "d2"}


async def test_a_start_finds_every_function_and_what_was_left_half_way(functions: Functions) -> None:
    await make(functions, "a")
    await make(functions, "b", state="Pending")
    await make(functions, "c", last_update_status="InProgress")
    await functions.publish(await make(functions, "d"), None)

    assert [version.name for version in functions.all_latest()] == ["a", "b", "c", "d"]
    assert [version.name for version in functions.unsettled()] == ["b", "c"]
