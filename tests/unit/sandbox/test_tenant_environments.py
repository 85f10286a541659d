"""How many environments tenants may have, and that nobody meets another's."""

import pytest
from sandbox_samples import FakeSandbox, version

from lambent.observe import report
from lambent.sandbox import coldness, tenants
from lambent.sandbox.pool import Pool
from lambent.sandbox.telemetry_events import start
from lambent.sandbox.tenants import TooManyTenants


def pool(tenant: str = "", *, account: str = "111111111111", idle: int = 0, busy: int = 0, starting: int = 0) -> Pool:
    made = Pool(f"{account}{tenant}", (account, "eu-west-1", "f"), "$LATEST")
    made.tenant, made.starting = tenant, starting
    made.idle = [FakeSandbox(f"i{n}") for n in range(idle)]  # type: ignore[misc]
    made.busy = {FakeSandbox(f"b{n}") for n in range(busy)}  # type: ignore[misc]
    return made


def test_idle_and_active_environments_of_all_tenants_count():
    mine = pool("blue", idle=1)
    others = [pool("green", idle=1, busy=2), mine]
    tenants.check(mine, others, 2)
    with pytest.raises(TooManyTenants) as caught:
        tenants.check(mine, [*others, pool("red", starting=1)], 2)
    assert caught.value.message == "Rate Exceeded."
    assert caught.value.members["Type"] == "User"
    assert "5 environments of tenants" in caught.value.why


def test_those_of_other_accounts_and_of_functions_without_tenants_do_not():
    mine = pool("blue")
    tenants.check(mine, [mine, pool(idle=9), pool("green", account="222222222222", busy=9)], 1)
    tenants.check(pool(idle=9), [pool("green", busy=9)], 1)


def test_a_first_call_of_a_tenant_is_told_as_that():
    losses = coldness.Losses()
    losses.changed(("111111111111", "eu-west-1", "f"), 1.0)
    assert losses.why(pool("blue"), None) == "first call for this tenant on this node"
    assert losses.why(pool(), None).startswith("first call since the function was updated")


@pytest.mark.parametrize(("tenant", "told"), [("blue", True), ("", False)])
def test_json_logs_and_telemetry_name_the_tenant(tenant, told):
    of = version(per_tenant=bool(tenant), tenant=tenant, log_format="JSON")
    line = report.start("r", of, 0.0)
    assert (b'"tenantId":"blue"' in line) is told
    assert ("tenantId" in start(0.0, "r", of, "").record) is told
    assert b"blue" not in report.start("r", version(tenant=tenant), 0.0)
