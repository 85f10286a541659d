"""The operations on aliases, and those that take an alias for a version."""

import asyncio
import random
from typing import Any

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn

from lambent.errors import ResourceConflict
from lambent.store.functions import LATEST

ROLE_OF_ANOTHER = f"arn:aws:iam::{ACCOUNT}:role/another"
INVALID, VALIDATION = "InvalidParameterValueException", "ValidationException"
NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ResourceConflictException"
STALE = "0" * 8 + "-0000-0000-0000-" + "0" * 12
ONLY_FUNCTIONS = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)


@pytest.fixture
async def function(client):
    """`hello` in three versions: 1 and 2 differ in their code only, 3 has another role."""
    await client.create()
    for change in [{"Description": "one"}, {"Description": "two"}, {"Role": ROLE_OF_ANOTHER}]:
        await client("UpdateFunctionConfiguration", FunctionName="hello", **change)
        await client.control.settled()
        await client("PublishVersion", FunctionName="hello")
    return client


def weights(**routing: float) -> dict[str, Any]:
    return {"AdditionalVersionWeights": {key.removeprefix("v"): weight for key, weight in routing.items()}}


async def make(client, name="live", version="1", **more):
    return await client("CreateAlias", FunctionName="hello", Name=name, FunctionVersion=version, **more)


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


async def listed(client, **asked):
    answer = await client("ListAliases", FunctionName="hello", **asked)
    return [alias["Name"] for alias in answer["Aliases"]], answer.get("NextMarker")


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


# -- what is refused: operation | parameters | status | code | message | source of the message
# recorded: LocalStack's recordings of the real AWS (test_lambda_api.snapshot.json, TestLambdaAlias); tsv: errors.tsv

ALIAS = {"FunctionName": "hello", "Name": "new", "FunctionVersion": "1"}
OLD = {"FunctionName": "hello", "Name": "old"}
NO_10 = f"Function not found: {function_arn(qualifier='10')}"
SAME = "Invalid function version 1. Function version 1 is already included in routing configuration."
ON_LATEST = "$LATEST is not supported for an alias pointing to more than 1 version"
TOO_MANY = "Number of items in AdditionalVersionWeights cannot be greater than 1"
ONE_ROLE = "Specified versions must be associated with the same execution role"


def broken(value: str, member: str, constraint: str) -> str:
    return f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"


def bad_weight(value: str) -> str:
    return broken(
        value,
        "routingConfig.additionalVersionWeights",
        "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value "
        "greater than or equal to 0.0, Member must not be null]",
    )


def bad_name(value: str) -> str:
    return broken(value, "name", "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)")


BAD_KEY = broken(
    "{$LATEST=0.5}",
    "routingConfig.additionalVersionWeights",
    "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length "
    "greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]",
)
NOBODY = f"Function not found: {function_arn('nobody')}"

REFUSED = [
    # recorded
    ("CreateAlias", ALIAS | {"RoutingConfig": weights(v1=0.1, v2=0.2)}, 400, INVALID, TOO_MANY),  # tsv too
    ("CreateAlias", ALIAS | {"RoutingConfig": weights(v2=2.0)}, 400, VALIDATION, bad_weight("{2=2.0}")),
    ("CreateAlias", ALIAS | {"RoutingConfig": weights(v2=2)}, 400, VALIDATION, bad_weight("{2=2.0}")),
    ("CreateAlias", ALIAS | {"RoutingConfig": weights(v2=-1.0)}, 400, VALIDATION, bad_weight("{2=-1.0}")),
    ("CreateAlias", ALIAS | {"RoutingConfig": weights(v1=0.5)}, 400, INVALID, SAME),
    ("CreateAlias", ALIAS | {"FunctionVersion": "10"}, 404, NOT_FOUND, NO_10),
    ("CreateAlias", ALIAS | {"RoutingConfig": weights(v10=0.5)}, 404, NOT_FOUND, NO_10),
    ("CreateAlias", ALIAS | {"FunctionVersion": LATEST, "RoutingConfig": weights(v1=0.5)}, 400, INVALID, ON_LATEST),
    ("CreateAlias", ALIAS | {"RoutingConfig": {"AdditionalVersionWeights": {LATEST: 0.5}}}, 400, VALIDATION, BAD_KEY),
    ("CreateAlias", ALIAS | {"FunctionName": "nobody"}, 404, NOT_FOUND, f"{NOBODY}:1"),
    ("CreateAlias", ALIAS | OLD, 409, CONFLICT, f"Alias already exists: {function_arn(qualifier='old')}"),
    (
        "GetAlias",
        OLD | {"Name": "new"},
        404,
        NOT_FOUND,
        f"Cannot find alias arn: {function_arn(qualifier='new')}",
    ),  # tsv too
    ("UpdateAlias", OLD | {"Name": "new"}, 404, NOT_FOUND, f"Alias not found: {function_arn(qualifier='new')}"),  # tsv
    # the service model
    ("CreateAlias", ALIAS | {"Name": "123"}, 400, VALIDATION, bad_name("123")),
    ("CreateAlias", ALIAS | {"Name": "$LATEST"}, 400, VALIDATION, bad_name("$LATEST")),
    ("CreateAlias", ALIAS | {"Name": "a.b"}, 400, VALIDATION, bad_name("a.b")),
    (
        "CreateAlias",
        ALIAS | {"Name": "a" * 129},
        400,
        VALIDATION,
        broken("a" * 129, "name", "Member must have length less than or equal to 128"),
    ),
    (
        "CreateAlias",
        ALIAS | {"FunctionVersion": "old"},
        400,
        VALIDATION,
        broken(
            "old", "functionVersion", r"Member must satisfy regular expression pattern: (\$LATEST(\.PUBLISHED)?|[0-9]+)"
        ),
    ),
    (
        "CreateAlias",
        ALIAS | {"Description": "x" * 257},
        400,
        VALIDATION,
        broken("x" * 257, "description", "Member must have length less than or equal to 256"),
    ),
    (
        "ListAliases",
        {"FunctionName": "hello", "MaxItems": 10_001},
        400,
        VALIDATION,
        broken("10001", "maxItems", "Member must have value less than or equal to 10000"),
    ),
    # a GitHub issue (serverless-heaven/serverless-aws-alias 64) quotes the sentence on the role
    ("CreateAlias", ALIAS | {"RoutingConfig": weights(v3=0.5)}, 400, INVALID, ONE_ROLE),
    ("UpdateAlias", OLD | {"RoutingConfig": weights(v3=0.5)}, 400, INVALID, ONE_ROLE),
    # lambda-semantics.md §2, of RevisionId; what holds at creation holds at an update
    (
        "UpdateAlias",
        OLD | {"RevisionId": STALE},
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
    ),
    ("UpdateAlias", OLD | {"RoutingConfig": weights(v1=0.5)}, 400, INVALID, SAME),
    ("UpdateAlias", OLD | {"FunctionVersion": "10"}, 404, NOT_FOUND, NO_10),
    ("UpdateAlias", OLD | {"RoutingConfig": weights(v2=0.2, v3=0.2)}, 400, INVALID, TOO_MANY),
    ("UpdateAlias", OLD | {"RoutingConfig": weights(v2=1.1)}, 400, VALIDATION, bad_weight("{2=1.1}")),
    ("UpdateAlias", OLD | {"FunctionVersion": LATEST, "RoutingConfig": weights(v2=0.5)}, 400, INVALID, ON_LATEST),
    # LocalStack's provider, which was tested against AWS
    ("GetAlias", OLD | {"FunctionName": "nobody"}, 404, NOT_FOUND, NOBODY),
    ("UpdateAlias", OLD | {"FunctionName": "nobody"}, 404, NOT_FOUND, NOBODY),
    ("ListAliases", {"FunctionName": "nobody"}, 404, NOT_FOUND, NOBODY),
    ("DeleteAlias", OLD | {"FunctionName": "nobody"}, 404, NOT_FOUND, NOBODY),
    # as the other operations on functions (tsv)
    ("CreateAlias", ALIAS | {"FunctionName": "hello:1"}, 400, INVALID, ONLY_FUNCTIONS),
    ("ListAliases", {"FunctionName": "hello:old"}, 400, INVALID, ONLY_FUNCTIONS),
]


@pytest.mark.parametrize(("operation", "parameters", "status", "code", "message"), REFUSED)
async def test_what_aws_refuses_is_refused_in_its_words(  # noqa: PLR0917 - the columns of the table
    function, operation, parameters, status, code, message
):
    old = await make(function, "old")
    with pytest.raises(RefusedError) as caught:
        await function(operation, **parameters)
    assert (caught.value.status, caught.value.code, caught.value.message) == (status, code, message)
    old["ResponseMetadata"] = {"HTTPStatusCode": 200}
    assert await function("GetAlias", **OLD) == old
    assert await listed(function) == (["old"], None)


async def test_aws_does_not_say_whose_fault_weights_on_latest_are(function):
    """Recorded: this error comes without Type, those beside it with one."""
    for version, typed in [(LATEST, False), ("1", True)]:
        with pytest.raises(RefusedError) as caught:
            await make(function, version=version, RoutingConfig=weights(v1=0.5))
        assert ("Type" in caught.value.answer) is typed


async def test_a_version_that_has_a_weight_cannot_become_the_main_one_too(function):
    await make(function, RoutingConfig=weights(v2=0.5))
    with pytest.raises(RefusedError, match="Function version 2 is already included in routing configuration"):
        await function("UpdateAlias", FunctionName="hello", Name="live", FunctionVersion="2")
    with pytest.raises(RefusedError, match="is not supported for an alias pointing to more than 1 version"):
        await function("UpdateAlias", FunctionName="hello", Name="live", FunctionVersion=LATEST)


async def test_versions_with_other_dead_letter_queues_cannot_share_an_alias(function):
    """Stored as UpdateFunctionConfiguration would; the judgement reads nothing but the stored configuration."""
    store = function.control.functions
    two = store.get_version(ACCOUNT, REGION, "hello", "2")
    two.config["DeadLetterConfig"] = {"TargetArn": "arn:aws:sqs:eu-west-1:111111111111:dead"}
    await store.store_config(two)
    with pytest.raises(RefusedError, match="associated with the same dead letter queue") as caught:
        await make(function, RoutingConfig=weights(v2=0.5))
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
