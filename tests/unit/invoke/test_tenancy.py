"""Which tenant an invocation is for: named exactly where there are tenants, and never confused with another."""

from typing import Any

import pytest
from invoke_doubles import Engine
from invoke_samples import ACCOUNT, REGION, REQUEST_ID, invocation, version
from msgspec.structs import replace

from lambent.errors import InvalidParameterValue
from lambent.invoke.keys import Term, asked_by, asked_of
from lambent.invoke.tenancy import version_for
from lambent.model import Event
from lambent.wire.http import Request
from lambent.wire.parse import Call

TENANTS = version(per_tenant=True)
TERM = Term(3600.0, 1.0)


class TenantEngine(Engine):
    """The function `hello` has tenants."""

    @staticmethod
    def load(account: str, region: str, name: str, qualifier: str | None) -> Any:
        return version(account=account, region=region, per_tenant=True)


def call(operation: str = "Invoke", **parameters: Any) -> Call:
    request = Request("POST", "/", "", {}, b"")
    given = {"FunctionName": "hello"} | parameters
    return Call("lambda", operation, given, request, REQUEST_ID, "", ACCOUNT, REGION, None)  # type: ignore[arg-type]


def test_sandboxes_are_shared_by_the_invocations_of_one_tenant_only():
    blue, green = version_for(TENANTS, "blue"), version_for(TENANTS, "green")
    assert version_for(TENANTS, "blue").pool_key == blue.pool_key
    assert len({TENANTS.pool_key, blue.pool_key, green.pool_key}) == 3
    assert (blue.function_arn, blue.arn) == (TENANTS.function_arn, TENANTS.arn)


@pytest.mark.parametrize("tenants", [("a", "a+b"), ("a", "a:1"), ("a@1", "a"), ("1", "1 "), ("a=b", "a")])
def test_no_two_tenants_have_one_pool(tenants):
    first, second = (version_for(TENANTS, tenant).pool_key for tenant in tenants)
    assert first != second
    assert not second.startswith(f"{first}+")  # as the pool of provisioned concurrency would


def test_tenants_are_named_exactly_where_there_are_any():
    assert version_for(version(), "") == version()
    with pytest.raises(InvalidParameterValue, match="Add a valid tenant ID"):
        version_for(TENANTS, "")
    with pytest.raises(InvalidParameterValue, match="Remove the tenant ID"):
        version_for(version(), "blue")


async def test_each_kind_of_invocation_runs_for_its_tenant():
    engine = TenantEngine()
    await engine.data.invoke(call(TenantId="blue"))
    await engine.data.invoke(call(TenantId="green", InvocationType="Event"))
    assert [ran.version.tenant for ran in engine.placement.ran] == ["blue"]
    ((event, _),) = engine.intake.taken
    assert event.tenant == "green"


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
async def test_whoever_names_no_tenant_is_refused_before_anything_happens(kind):
    engine = TenantEngine()
    with pytest.raises(InvalidParameterValue, match="Add a valid tenant ID"):
        await engine.data.invoke(call(InvocationType=kind))
    with pytest.raises(InvalidParameterValue, match="Add a valid tenant ID"):
        await engine.data.invoke_async(call("InvokeAsync", InvokeArgs=b"{}"))
    assert (engine.placement.ran, engine.intake.taken) == ([], [])


def test_an_idempotency_key_is_its_tenants_own():
    blue = invocation(version_for(TENANTS, "blue"))
    scopes = {asked_of("k", each, TERM).scope for each in (invocation(version()), blue)}
    scopes.add(asked_of("k", invocation(version_for(TENANTS, "green")), TERM).scope)
    assert len(scopes) == 3
    event = Event(
        id=0, request_id="r", account=ACCOUNT, region=REGION, name="hello", payload=b"{}", received=0.0, due=0.0,
        tenant="blue",
    )  # fmt: skip
    assert asked_by("k", event, TERM).scope == asked_of("k", blue, TERM).scope
    assert asked_by("k", replace(event, tenant=""), TERM).scope == asked_of("k", invocation(version()), TERM).scope
