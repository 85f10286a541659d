"""The operations on aliases, and those that take an alias for a version."""

import asyncio
import random

import pytest
from alias_samples import CONFLICT, INVALID, NOT_FOUND, listed, make, publish_three, weights
from control_client import ACCOUNT, REGION, RefusedError, function_arn

from lambent.errors import ResourceConflict
from lambent.store.functions import LATEST


@pytest.fixture
async def function(client):
    return await publish_three(client)


# -- what is answered


async def test_an_alias_is_answered_with_its_members_and_no_others(function):
    made = await make(function, Description="for all", RoutingConfig=weights(v2=0.2))

    assert made.pop("ResponseMetadata") == {"HTTPStatusCode": 201}
    revision = made.pop("RevisionId")
    assert made == {
        "AliasArn": function_arn(qualifier="live"),
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "for all",
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2}},
    }
    found = await function("GetAlias", FunctionName="hello", Name="live")
    assert found == made | {"RevisionId": revision, "ResponseMetadata": {"HTTPStatusCode": 200}}


@pytest.mark.parametrize("routing", [None, {}, {"AdditionalVersionWeights": {}}])
async def test_without_weights_there_is_no_routing_config_and_a_description_always(function, routing):
    made = await make(function, **({} if routing is None else {"RoutingConfig": routing}))
    assert "RoutingConfig" not in made
    assert made["Description"] == ""


async def test_an_alias_may_stand_for_latest(function):
    assert (await make(function, version=LATEST))["FunctionVersion"] == LATEST


async def test_an_update_changes_what_it_names_and_the_revision_in_any_case(function):
    before = await make(function, Description="for all", RoutingConfig=weights(v2=0.2))
    same = await function("UpdateAlias", FunctionName="hello", Name="live")
    assert same.pop("RevisionId") != before.pop("RevisionId")
    before["ResponseMetadata"] = {"HTTPStatusCode": 200}
    assert same == before

    told = await function("UpdateAlias", FunctionName="hello", Name="live", Description="")
    assert (told["Description"], told["RoutingConfig"]) == ("", weights(v2=0.2))
    moved = await function("UpdateAlias", FunctionName="hello", Name="live", FunctionVersion="2", RoutingConfig={})
    assert moved["FunctionVersion"] == "2"
    assert "RoutingConfig" not in moved


async def test_an_update_that_names_the_current_revision_is_done_once(function):
    made = await make(function)
    asked = {"FunctionName": "hello", "Name": "live", "FunctionVersion": "2", "RevisionId": made["RevisionId"]}
    answers = await asyncio.gather(*(function("UpdateAlias", **asked) for _ in range(4)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, RefusedError)]
    assert len(refused) == 3
    assert {(each.status, each.code) for each in refused} == {(412, "PreconditionFailedException")}


async def test_a_deleted_alias_is_gone_and_deleting_it_again_is_no_error(function):
    await make(function)
    for _ in range(2):
        answer = await function("DeleteAlias", FunctionName="hello", Name="live")
        assert answer == {"ResponseMetadata": {"HTTPStatusCode": 204}}
    with pytest.raises(RefusedError) as caught:
        await function("GetAlias", FunctionName="hello", Name="live")
    assert caught.value.message == f"Cannot find alias arn: {function_arn(qualifier='live')}"


# -- lists


async def test_aliases_are_listed_by_name_in_pages(function):
    names = ["b", "A", "c", "z-9", "_"]
    for name in names:
        await make(function, name)
    seen, marker = await listed(function, MaxItems=2)
    while marker:
        page, marker = await listed(function, MaxItems=2, Marker=marker)
        assert len(page) <= 2
        seen += page
    assert seen == sorted(names)
    assert await listed(function) == (sorted(names), None)


async def test_a_list_can_be_of_the_aliases_of_one_version(function):
    await make(function, "one", "1")
    await make(function, "mixed", "1", RoutingConfig=weights(v2=0.5))
    await make(function, "two", "2")
    assert await listed(function, FunctionVersion="1") == (["mixed", "one"], None)
    assert await listed(function, FunctionVersion="2") == (["two"], None)
    assert await listed(function, FunctionVersion=LATEST) == ([], None)


async def test_markers_are_opaque_and_those_of_another_function_are_refused(function):
    await function.create("other")
    for name in ("a", "b"):
        await make(function, name)
    _, marker = await listed(function, MaxItems=1)
    for asked in [{"FunctionName": "other", "Marker": marker}, {"FunctionName": "hello", "Marker": "a"}]:
        with pytest.raises(RefusedError) as caught:
            await function("ListAliases", **asked)
        assert (caught.value.status, caught.value.code) == (400, INVALID)


# -- the other operations


@pytest.mark.parametrize("asked", [{"Qualifier": "live"}, {"FunctionName": "hello:live"}])
async def test_a_function_can_be_read_through_an_alias(function, asked):
    await make(function, RoutingConfig=weights(v2=0.9))
    asked = {"FunctionName": "hello"} | asked
    configuration = await function("GetFunctionConfiguration", **asked)
    assert configuration["FunctionArn"] == function_arn(qualifier="live")
    assert (configuration["Version"], configuration["Description"]) == ("1", "one")
    one = await function("GetFunctionConfiguration", FunctionName="hello", Qualifier="1")
    assert configuration | {"FunctionArn": one["FunctionArn"]} == one
    whole = await function("GetFunction", **asked)
    assert {"ResponseMetadata": {"HTTPStatusCode": 200}} | whole["Configuration"] == configuration


@pytest.mark.parametrize("operation", ["GetFunction", "GetFunctionConfiguration"])
async def test_an_alias_that_is_not_there_is_no_function(function, operation):
    """tsv; of the function's own operations only those on aliases say `Cannot find alias arn`."""
    with pytest.raises(RefusedError) as caught:
        await function(operation, FunctionName="hello", Qualifier="aliasdoesnotexist")
    assert (caught.value.code, caught.value.status) == (NOT_FOUND, 404)
    assert caught.value.message == f"Function not found: {function_arn(qualifier='aliasdoesnotexist')}"


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_version_that_an_alias_stands_for_cannot_be_deleted(function, version):
    """The sentence is AWS's own, as many users quote it."""
    await make(function, RoutingConfig=weights(v2=0.0))
    await make(function, "beta", version)
    with pytest.raises(RefusedError) as caught:
        await function("DeleteFunction", FunctionName="hello", Qualifier=version)
    assert (caught.value.status, caught.value.code) == (409, CONFLICT)
    assert caught.value.message == "Unable to delete version because the following aliases reference it: [beta, live]"
    assert (await function("GetFunction", FunctionName="hello", Qualifier=version))["Configuration"]


async def test_a_version_that_no_alias_stands_for_any_more_can_be_deleted(function):
    await make(function, RoutingConfig=weights(v2=0.1))
    await function("UpdateAlias", FunctionName="hello", Name="live", FunctionVersion="2", RoutingConfig={})
    await function("DeleteFunction", FunctionName="hello", Qualifier="1")
    with pytest.raises(RefusedError, match="Function not found"):
        await function("GetFunction", FunctionName="hello", Qualifier="1")


@pytest.mark.parametrize("alias", ["live", "not-there", "1a", "_"])
async def test_aliases_are_not_deleted_by_delete_function(function, alias):
    await make(function)
    with pytest.raises(RefusedError) as caught:
        await function("DeleteFunction", FunctionName="hello", Qualifier=alias)
    assert (caught.value.status, caught.value.message) == (400, "Deletion of aliases is not currently supported.")


async def test_aliases_go_with_their_function_and_do_not_come_back_with_its_name(function):
    await make(function)
    await function("DeleteFunction", FunctionName="hello")
    await function.create()
    assert await listed(function) == ([], None)


# -- together


async def test_the_engine_hears_of_aliases_that_change_and_throws_nothing_away(function, capacity):
    await make(function)
    changes = list(capacity.changes)
    assert capacity.reroutes == []
    await function("UpdateAlias", FunctionName="hello", Name="live", FunctionVersion="2")
    await function("DeleteAlias", FunctionName="hello", Name="live")
    assert capacity.reroutes == [(ACCOUNT, REGION, "hello")] * 2
    assert capacity.changes == changes


@pytest.mark.parametrize("seed", range(5))
async def test_no_order_of_requests_leaves_an_alias_of_a_version_that_is_gone(function, seed):
    """Property: whatever runs at once, every alias stands for versions that are there."""
    chance = random.Random(seed)
    refusals = set()
    store = function.control

    async def something() -> None:
        name, version, other = chance.choice("ab"), chance.choice("12"), chance.choice("12")
        routing = weights(**{f"v{other}": 0.5}) if chance.random() < 0.5 else {}
        asked = {"FunctionName": "hello", "Name": name}
        request = chance.choice(
            [
                ("CreateAlias", asked | {"FunctionVersion": version, "RoutingConfig": routing}),
                ("UpdateAlias", asked | {"FunctionVersion": version, "RoutingConfig": routing}),
                ("DeleteAlias", asked),
                ("DeleteFunction", {"FunctionName": "hello", "Qualifier": version}),
            ]
        )
        try:
            await function(request[0], **request[1])
        except RefusedError as refused:
            refusals.add(refused.status)

    for _ in range(6):
        await asyncio.gather(*(something() for _ in range(8)))
        there = {each.version for each in store.functions.list_versions(ACCOUNT, REGION, "hello")}
        for alias in store.aliases.page(ACCOUNT, REGION, "hello"):
            assert {*alias.versions} <= there
    assert refusals <= {400, 404, 409}


async def test_the_store_refuses_what_slipped_past_the_judgement(function):
    """Two front ends cannot both take a name, though each found it free."""
    await make(function)
    taken = function.control.aliases.get(ACCOUNT, REGION, "hello", "live")
    with pytest.raises(ResourceConflict, match="Alias already exists"):
        await function.control.aliases.create(taken)
