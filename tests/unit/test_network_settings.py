"""The settings about networks: what is taken, and what is refused before anything starts."""

import pytest

from lambent.errors import SettingError
from lambent.sandbox.agent_process import network_plan
from lambent.settings import load, names_in


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("network_range", "198.18.0.0", "16 addresses or more"),
        ("network_range", "8.8.0.0/16", "must be private"),
        ("network_range", "10.0.0.1/8", "host bits"),
        ("network_range", "fd00::/8", "must be IPv4"),
        ("network_blocked", "10.0.0.0/8, nonsense", "nonsense"),
        ("vpc_routed_subnets", "subnet-1,vpc-1", "vpc-1"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_by_name(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        load({name: value}, {})
    assert reason in caught.value.message


@pytest.mark.parametrize("value", ["198.18.0.0/15", "100.64.0.0/10", "10.9.0.0/28", "192.168.0.0/16"])
def test_private_ranges_are_taken(value: str) -> None:
    assert load({"network_range": value}, {}).network_range == value


def test_the_agent_is_told_what_the_settings_say() -> None:
    plan = network_plan(load({"port": 5000, "network_blocked": "10.0.0.0/8, 169.254.0.0/16", "outbound": False}, {}))
    assert (plan.endpoint_port, plan.blocked, plan.outbound) == (5000, ("10.0.0.0/8", "169.254.0.0/16"), False)
    assert network_plan(load({"port": 0}, {})).endpoint_port == 4566
    assert network_plan(load({"function_endpoint": False}, {})).endpoint_port == 0


def test_names_stand_between_commas() -> None:
    assert names_in(" a, b,,c ") == ("a", "b", "c")
    assert names_in("") == ()
