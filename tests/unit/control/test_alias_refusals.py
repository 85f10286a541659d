"""What AWS refuses of aliases, and in which words."""

import pytest
from alias_samples import CONFLICT, INVALID, NOT_FOUND, VALIDATION, listed, make, publish_three, weights
from control_client import ACCOUNT, REGION, ROLE, RefusedError, function_arn

from lambent.store.concurrency import ProvisionedConfig
from lambent.store.functions import LATEST

STALE = "0" * 8 + "-0000-0000-0000-" + "0" * 12
ONLY_FUNCTIONS = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)


@pytest.fixture
async def function(client):
    return await publish_three(client)


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
    for queue in ["dead", "deader"]:
        change = {"Role": ROLE, "DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"}}
        await function("UpdateFunctionConfiguration", FunctionName="hello", **change)
        await function.control.settled()
        await function("PublishVersion", FunctionName="hello")
    for one, other in [("1", "4"), ("4", "5")]:
        with pytest.raises(RefusedError, match="associated with the same dead letter queue") as caught:
            await make(function, version=one, RoutingConfig=weights(**{f"v{other}": 0.5}))
        assert (caught.value.status, caught.value.code) == (400, INVALID)


# -- provisioned concurrency


async def provision(client, qualifier):
    names = {"account": ACCOUNT, "region": REGION, "name": "hello", "qualifier": qualifier}
    await client.control.concurrency.provision(ProvisionedConfig(**names, requested=1, last_modified=0.0))


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        (
            {"FunctionVersion": LATEST},
            400,
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        (
            {"FunctionVersion": "2"},
            409,
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
        ),
        (
            {"RoutingConfig": weights(v2=0.1)},
            409,
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
        ),
    ],
)
async def test_an_alias_with_provisioned_concurrency_goes_only_where_it_could_have_got_it(
    function, change, status, message
):
    """The sentences are those of PutProvisionedConcurrencyConfig; other aliases go where they like."""
    await make(function)
    await make(function, "free")
    await provision(function, "live")
    await provision(function, "2")
    await function("UpdateAlias", FunctionName="hello", Name="free", **change)
    with pytest.raises(RefusedError) as caught:
        await function("UpdateAlias", FunctionName="hello", Name="live", **change)
    assert (caught.value.status, caught.value.message) == (status, message)
    await function("UpdateAlias", FunctionName="hello", Name="live", FunctionVersion="3")


async def test_an_alias_with_provisioned_concurrency_cannot_go_to_a_version_with_snapstart(function):
    await make(function)
    await provision(function, "live")
    store = function.control.functions
    three = store.get_version(ACCOUNT, REGION, "hello", "3")
    three.config["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    await store.store_config(three)
    with pytest.raises(RefusedError, match="not supported for SnapStart enabled functions"):
        await function("UpdateAlias", FunctionName="hello", Name="live", FunctionVersion="3")
