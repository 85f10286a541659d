"""PutProvisionedConcurrencyConfig, its Get, List and Delete, and how they meet aliases and reserved concurrency."""

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn

from lambent.model import Allocation

UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
NO_QUALIFIED = "The function resource provided must be an alias or a published version."
OVER_RESERVED = (
    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
)
AT = "2026-01-12T15:37:17+0000"


def key(qualifier: str = "1", name: str = "hello") -> tuple[str, str, str, str]:
    return (ACCOUNT, REGION, name, qualifier)


async def provision(client, qualifier: str = "1", count: int = 5, name: str = "hello"):
    return await client(
        "PutProvisionedConcurrencyConfig",
        FunctionName=name,
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=count,
    )


async def published(client, name: str = "hello", versions: int = 1) -> None:
    await client.create(name)
    for number in range(versions):
        await client("PublishVersion", FunctionName=name, Description=str(number))
        await client("UpdateFunctionConfiguration", FunctionName=name, Timeout=4 + number)
        await client.control.settled()


async def alias(client, name: str, version: str, **changes) -> None:
    await client("CreateAlias", FunctionName="hello", Name=name, FunctionVersion=version, **changes)


async def unreserved(client) -> int:
    return (await client("GetAccountSettings"))["AccountLimit"]["UnreservedConcurrentExecutions"]


async def refusal(asked) -> tuple[int, str, str]:
    with pytest.raises(RefusedError) as caught:
        await asked
    return caught.value.status, caught.value.code, caught.value.message


async def test_the_answer_is_in_progress_with_nothing_allocated(client, capacity):
    await published(client)
    capacity.limits.clear()
    assert await provision(client) == {
        "RequestedProvisionedConcurrentExecutions": 5,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "AvailableProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "LastModified": AT,
        "ResponseMetadata": {"HTTPStatusCode": 202},
    }
    assert capacity.limits == [key()[:3]]
    assert await unreserved(client) == 995


async def test_how_far_it_is_comes_from_the_engine(client, capacity, clock):
    await published(client)
    await provision(client)
    clock.advance(60)
    capacity.allocations[key()] = Allocation(allocated=5, available=5, status="READY")
    answer = await client("GetProvisionedConcurrencyConfig", FunctionName="hello", Qualifier="1")
    assert answer == {
        "RequestedProvisionedConcurrentExecutions": 5,
        "AllocatedProvisionedConcurrentExecutions": 5,
        "AvailableProvisionedConcurrentExecutions": 5,
        "Status": "READY",
        "LastModified": AT,
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }
    capacity.allocations[key()] = Allocation(allocated=2, status="FAILED", reason="init failed")
    failed = await client("GetProvisionedConcurrencyConfig", FunctionName="hello", Qualifier="1")
    assert (failed["Status"], failed["StatusReason"]) == ("FAILED", "init failed")


async def test_another_put_changes_how_many(client, clock):
    await published(client)
    await provision(client, count=5)
    clock.advance(2.9)
    answer = await provision(client, count=8)
    assert answer["RequestedProvisionedConcurrentExecutions"] == 8
    assert answer["LastModified"] == "2026-01-12T15:37:20+0000"
    assert await unreserved(client) == 992


async def test_the_list_has_all_of_a_function_page_by_page(client):
    await published(client, versions=3)
    await published(client, "other")
    for qualifier in ("3", "1"):
        await provision(client, qualifier, int(qualifier))
    await alias(client, "prod", "2")
    await provision(client, "prod", 4)
    await provision(client, name="other")
    whole = await client("ListProvisionedConcurrencyConfigs", FunctionName="hello")
    assert "NextMarker" not in whole
    assert whole["ProvisionedConcurrencyConfigs"][0] == {
        "FunctionArn": function_arn(qualifier="1"),
        "RequestedProvisionedConcurrentExecutions": 1,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "AvailableProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "LastModified": AT,
    }
    pages, marker = [], {}
    while True:
        page = await client("ListProvisionedConcurrencyConfigs", FunctionName="hello", MaxItems=1, **marker)
        pages += page["ProvisionedConcurrencyConfigs"]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}
    assert pages == whole["ProvisionedConcurrencyConfigs"]
    assert [each["FunctionArn"] for each in pages] == [function_arn(qualifier=each) for each in ("1", "3", "prod")]


async def test_a_list_of_nothing_is_empty_and_a_bad_marker_is_refused(client):
    await client.create()
    answer = await client("ListProvisionedConcurrencyConfigs", FunctionName="hello")
    assert answer == {"ProvisionedConcurrencyConfigs": [], "ResponseMetadata": {"HTTPStatusCode": 200}}
    with pytest.raises(RefusedError, match="Invalid pagination token"):
        await client("ListProvisionedConcurrencyConfigs", FunctionName="hello", Marker="bm8=")


async def test_what_is_deleted_is_everybodys_again_and_deleting_nothing_is_no_error(client, capacity):
    await published(client)
    await provision(client)
    capacity.limits.clear()
    for _ in range(2):
        answer = await client("DeleteProvisionedConcurrencyConfig", FunctionName="hello", Qualifier="1")
        assert answer == {"ResponseMetadata": {"HTTPStatusCode": 204}}
    assert await unreserved(client) == 1000
    assert capacity.limits == [key()[:3]]
    assert await refusal(client("GetProvisionedConcurrencyConfig", FunctionName="hello", Qualifier="1")) == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )


VERSION_404 = (404, "ResourceNotFoundException", f"Function not found: {function_arn(qualifier='9')}")
ALIAS_404 = (404, "ResourceNotFoundException", f"Cannot find alias arn: {function_arn(qualifier='nope')}")
NOBODY_404 = (404, "ResourceNotFoundException", f"Function not found: {function_arn('nobody', '1')}")
NOBODYS_ALIAS_404 = (404, "ResourceNotFoundException", f"Cannot find alias arn: {function_arn('nobody', 'prod')}")


@pytest.mark.parametrize("operation", ["Put", "Get", "Delete"])
@pytest.mark.parametrize(
    ("name", "qualifier", "expected"),
    [
        ("hello", "9", VERSION_404),
        ("hello", "nope", ALIAS_404),
        ("nobody", "1", NOBODY_404),
        ("nobody", "prod", NOBODYS_ALIAS_404),
        ("nobody", "$LATEST", None),
        ("hello:$LATEST", "$LATEST", None),
    ],
)
async def test_what_is_not_there_is_said_in_awss_words(client, operation, name, qualifier, expected):
    """Sources: errors.tsv, localstack-core; $LATEST is refused before the function is looked for."""
    await published(client)
    more = {"ProvisionedConcurrentExecutions": 1} if operation == "Put" else {}
    latest = (400, "InvalidParameterValueException", UNPUBLISHED if operation == "Put" else NO_QUALIFIED)
    asked = client(f"{operation}ProvisionedConcurrencyConfig", FunctionName=name, Qualifier=qualifier, **more)
    assert await refusal(asked) == (expected or latest)


async def test_a_list_for_nobody_is_refused(client):
    assert await refusal(client("ListProvisionedConcurrencyConfigs", FunctionName="nobody")) == (
        404, "ResourceNotFoundException", f"Function not found: {function_arn('nobody')}",
    )  # fmt: skip


async def test_less_than_one_is_refused_by_the_model(client):
    await published(client)
    assert await refusal(provision(client, count=0)) == (
        400,
        "ValidationException",
        "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    )


async def test_the_sum_stays_within_what_is_reserved_and_the_other_way_round(client):
    await published(client, versions=2)
    await client("PutFunctionConcurrency", FunctionName="hello", ReservedConcurrentExecutions=10)
    await provision(client, "1", 6)
    assert await refusal(provision(client, "2", 5)) == (400, "InvalidParameterValueException", OVER_RESERVED)
    await provision(client, "2", 4)
    await provision(client, "1", 5)  # its own old count is not in the way
    assert await unreserved(client) == 990  # provisioned concurrency is part of the reserved
    with pytest.raises(RefusedError) as caught:
        await client("PutFunctionConcurrency", FunctionName="hello", ReservedConcurrentExecutions=8)
    assert caught.value.message == (
        " ReservedConcurrentExecutions  8 should not be lower than function's total provisioned concurrency [9]."
    )
    await client("DeleteFunctionConcurrency", FunctionName="hello")
    assert await unreserved(client) == 991


async def test_without_a_reservation_it_comes_out_of_what_is_left_to_all(client):
    await published(client)
    await client.create("other")
    await client("PutFunctionConcurrency", FunctionName="other", ReservedConcurrentExecutions=300)
    greater = "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [700]."
    floor = (
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100]."
    )
    assert await refusal(provision(client, count=701)) == (400, "InvalidParameterValueException", greater)
    assert await refusal(provision(client, count=601)) == (400, "InvalidParameterValueException", floor)
    await provision(client, count=600)
    await provision(client, count=600)
    assert await unreserved(client) == 100
    with pytest.raises(RefusedError, match="decreases account's"):
        await client("PutFunctionConcurrency", FunctionName="other", ReservedConcurrentExecutions=301)


async def test_an_alias_and_its_version_cannot_both_have_it(client):
    await published(client, versions=2)
    await alias(client, "prod", "1")
    await provision(client, "1")
    assert await refusal(provision(client, "prod")) == (
        409,
        "ResourceConflictException",
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    )
    await client("DeleteProvisionedConcurrencyConfig", FunctionName="hello", Qualifier="1")
    await provision(client, "prod")
    assert await refusal(provision(client, "1")) == (
        409, "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias",
    )  # fmt: skip
    await provision(client, "2")
    await provision(client, "prod", 3)  # what it already has is not in its own way


async def test_an_alias_that_is_split_or_for_latest_cannot_be_given_any(client):
    await published(client, versions=2)
    await alias(client, "split", "1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    await alias(client, "dev", "$LATEST")
    assert await refusal(provision(client, "split")) == (
        400,
        "InvalidParameterValueException",
        "Alias with weights can not be used with Provisioned Concurrency",
    )
    assert await refusal(provision(client, "dev")) == (400, "InvalidParameterValueException", UNPUBLISHED)


async def test_versions_with_snapstart_cannot_have_it(client):
    await client.create(SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)
    await alias(client, "prod", "1")
    message = "Provisioned Concurrency is not supported for SnapStart enabled functions."
    for qualifier in ("1", "prod"):
        assert await refusal(provision(client, qualifier)) == (400, "InvalidParameterValueException", message)


async def test_it_goes_with_its_version_its_alias_or_its_function(client):
    await published(client, versions=2)
    await alias(client, "prod", "2")
    await provision(client, "1", 10)
    await provision(client, "prod", 20)
    await client("DeleteFunction", FunctionName="hello", Qualifier="1")
    assert await unreserved(client) == 980
    await client("DeleteAlias", FunctionName="hello", Name="prod")
    assert await unreserved(client) == 1000
    await provision(client, "2", 30)
    await client("DeleteFunction", FunctionName="hello")
    assert await unreserved(client) == 1000
    assert client.control.concurrency.all_provisioned() == []
