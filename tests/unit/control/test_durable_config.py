"""DurableConfig: what makes a function durable, and when it may be given."""

import pytest
from control_client import RefusedError, creation

from lambent.control.durable_config import durability
from lambent.model import Durability


async def test_a_durable_function_shows_its_configuration_with_aws_defaults_and_versions_keep_it(client):
    made = await client("CreateFunction", **creation(DurableConfig={"ExecutionTimeout": 60}))
    assert made["DurableConfig"] == {"RetentionPeriodInDays": 14, "ExecutionTimeout": 60}
    name = made["FunctionName"]
    await client.control.settled()
    changed = await client(
        "UpdateFunctionConfiguration", FunctionName=name, DurableConfig={"RetentionPeriodInDays": 3}
    )  # fmt: skip
    assert changed["DurableConfig"] == {"RetentionPeriodInDays": 3, "ExecutionTimeout": 60}
    await client.control.settled()
    version = await client("PublishVersion", FunctionName=name)
    assert version["DurableConfig"] == changed["DurableConfig"]
    plain = await client("UpdateFunctionConfiguration", FunctionName=name, Description="another")
    assert plain["DurableConfig"] == changed["DurableConfig"]


async def test_other_functions_have_no_durable_config(client):
    made = await client("CreateFunction", **creation())
    assert "DurableConfig" not in made
    await client.control.settled()
    with pytest.raises(RefusedError) as refused:
        await client(
            "UpdateFunctionConfiguration", FunctionName=made["FunctionName"], DurableConfig={"ExecutionTimeout": 9}
        )
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameterValueException")
    assert "was created without one" in refused.value.message


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"RetentionPeriodInDays": 3}, "ExecutionTimeout is required"),
        ({"ExecutionTimeout": 9, "KMSKeyArn": "arn:aws:kms:eu-west-1:111111111111:key/k"}, "KMSKeyArn"),
    ],
)
async def test_what_cannot_be_obeyed_is_refused_at_creation(client, config, word):
    with pytest.raises(RefusedError) as refused:
        await client("CreateFunction", **creation(DurableConfig=config))
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameterValueException")
    assert word in refused.value.message


def test_the_engine_is_told_of_durable_functions_only():
    assert durability({}) is None
    config = {"DurableConfig": {"ExecutionTimeout": 60, "RetentionPeriodInDays": 3}}
    assert durability(config) == Durability(60, 3)
