"""Put-, Get- and DeleteFunctionConcurrency, and where else reserved concurrency shows."""

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn

KEY = (ACCOUNT, REGION, "hello")
QUALIFIED = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please "
    "specify either a function name or an unqualified function ARN."
)
FLOOR = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
    "minimum value of [100]."
)


async def reserve(client, reserved: int, name: str = "hello"):
    return await client("PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=reserved)


async def unreserved(client) -> int:
    return (await client("GetAccountSettings"))["AccountLimit"]["UnreservedConcurrentExecutions"]


async def test_what_is_reserved_is_answered_shown_and_counted(client, capacity):
    await client.create()
    answer = await reserve(client, 7)
    assert answer == {"ReservedConcurrentExecutions": 7, "ResponseMetadata": {"HTTPStatusCode": 200}}
    assert (await client("GetFunctionConcurrency", FunctionName="hello"))["ReservedConcurrentExecutions"] == 7
    assert (await client("GetFunction", FunctionName="hello"))["Concurrency"] == {"ReservedConcurrentExecutions": 7}
    assert await unreserved(client) == 993
    assert capacity.limits == [KEY]


async def test_nought_is_something_to_reserve_and_nothing_is_absent(client):
    await client.create()
    assert await client("GetFunctionConcurrency", FunctionName="hello") == {"ResponseMetadata": {"HTTPStatusCode": 200}}
    assert "Concurrency" not in await client("GetFunction", FunctionName="hello")
    await reserve(client, 0)
    assert (await client("GetFunctionConcurrency", FunctionName="hello"))["ReservedConcurrentExecutions"] == 0
    assert (await client("GetFunction", FunctionName="hello"))["Concurrency"] == {"ReservedConcurrentExecutions": 0}


async def test_what_is_given_back_is_everybodys_again(client, capacity):
    await client.create()
    await reserve(client, 900)
    for _ in range(2):  # the second time there is nothing to give back, which is no error
        answer = await client("DeleteFunctionConcurrency", FunctionName="hello")
        assert answer == {"ResponseMetadata": {"HTTPStatusCode": 204}}
    assert "ReservedConcurrentExecutions" not in await client("GetFunctionConcurrency", FunctionName="hello")
    assert await unreserved(client) == 1000
    assert capacity.limits == [KEY] * 3


async def test_a_new_reservation_takes_the_place_of_the_old_one(client):
    await client.create()
    await reserve(client, 900)
    await reserve(client, 899)
    await reserve(client, 900)
    assert await unreserved(client) == 100


async def test_a_hundred_stay_unreserved_over_all_functions(client):
    await client.create("hello")
    await client.create("other")
    await reserve(client, 500)
    with pytest.raises(RefusedError) as caught:
        await reserve(client, 401, "other")
    assert (caught.value.status, caught.value.code, caught.value.message) == (
        400, "InvalidParameterValueException", FLOOR,
    )  # fmt: skip
    assert "Type" not in caught.value.answer  # AWS sends none with this one
    await reserve(client, 400, "other")


async def test_regions_have_limits_of_their_own(client):
    await client.create()
    await reserve(client, 900)
    answer = await client("GetAccountSettings", region="us-east-1")
    assert answer["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000


async def test_an_account_with_a_low_limit_can_only_stop_functions(client, control):
    control.settings = type(control.settings)(data=control.settings.data, region=REGION, concurrency=10)
    await client.create()
    with pytest.raises(RefusedError, match=r"below its minimum value of \[10\]\."):
        await reserve(client, 1)
    await reserve(client, 0)


async def test_after_the_limit_was_lowered_one_may_still_claim_less(client, control):
    await client.create()
    await reserve(client, 900)
    control.settings = type(control.settings)(data=control.settings.data, region=REGION, concurrency=500)
    await reserve(client, 800)
    with pytest.raises(RefusedError, match="below its minimum"):
        await reserve(client, 801)


@pytest.mark.parametrize(
    ("operation", "parameters", "status", "code", "message", "source"),
    [
        (
            "PutFunctionConcurrency",
            {"FunctionName": "nobody", "ReservedConcurrentExecutions": 1},
            404,
            "ResourceNotFoundException",
            f"Function not found: {function_arn('nobody', '$LATEST')}",
            "localstack-core",
        ),
        (
            "PutFunctionConcurrency",
            {"FunctionName": "hello:1", "ReservedConcurrentExecutions": 1},
            400,
            "InvalidParameterValueException",
            QUALIFIED,
            "errors.tsv",
        ),
        (
            "PutFunctionConcurrency",
            {"FunctionName": "nobody:prod", "ReservedConcurrentExecutions": 1},
            400,
            "InvalidParameterValueException",
            QUALIFIED,
            "localstack-core: the qualifier is looked at first",
        ),
        (
            "PutFunctionConcurrency",
            {"FunctionName": "hello", "ReservedConcurrentExecutions": 901},
            400,
            "InvalidParameterValueException",
            FLOOR,
            "errors.tsv",
        ),
        (
            "PutFunctionConcurrency",
            {"FunctionName": "hello", "ReservedConcurrentExecutions": -1},
            400,
            "ValidationException",
            "1 validation error detected: Value '-1' at 'reservedConcurrentExecutions' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
            "service model",
        ),
        (
            "GetFunctionConcurrency",
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            f"Function not found: {function_arn('nobody')}",
            "localstack-core",
        ),
        (
            "DeleteFunctionConcurrency",
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            f"Function not found: {function_arn('nobody')}",
            "as GetFunctionConcurrency",
        ),
    ],
)
async def test_what_aws_refuses_is_refused_in_its_words(  # noqa: PLR0917
    client, operation, parameters, status, code, message, source
):
    await client.create()
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    assert (caught.value.status, caught.value.code, caught.value.message) == (status, code, message)
    assert await unreserved(client) == 1000


async def test_a_function_that_is_deleted_gives_back_what_it_reserved(client, capacity):
    await client.create()
    await reserve(client, 100)
    await client("DeleteFunction", FunctionName="hello")
    assert await unreserved(client) == 1000
    assert capacity.changes[-1] == KEY
    assert capacity.limits == [KEY]  # or the engine would begin to count for a function that is gone
    await client.create()
    assert "ReservedConcurrentExecutions" not in await client("GetFunctionConcurrency", FunctionName="hello")
