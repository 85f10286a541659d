"""Who gets which addresses and nameservers, and what a husk is told; nothing of the machine is changed here."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from lambent.errors import SandboxError
from lambent.sandbox import netlink, network, resolver, slices
from lambent.sandbox.firewall import ISOLATED, Rules
from lambent.sandbox.network import Network, NetworkPlan, Outbound, establish
from lambent.sandbox.resolver import Resolver, choose

RULES = Rules(instance="ab12cd34ef56", slice="198.18.32.0/29", mark="c6122000", everyone="198.18.0.0/15")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the kernel was asked."""
    messages: list[bytes] = []
    monkeypatch.setattr(netlink, "ask", lambda sock, message: messages.append(message))
    return messages


@pytest.fixture
def outbound(asked: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(network.firewall, "tool", lambda: "nft")
    made = Outbound(4566, RULES, -1, Resolver("nameserver 192.0.2.53\n", ("192.0.2.53",)))
    yield made
    made._socket.close()


def own_address(order: dict[str, Any]) -> str:
    message = bytes.fromhex(next(each for each in order["inside"] if bytes.fromhex(each)[4] == 20))
    return str(ipaddress.IPv4Address(message[-4:]))


# -- what husks are told


def test_no_two_living_husks_have_an_address_in_common(outbound: Outbound) -> None:
    orders = [outbound.order(f"h{number}") for number in range(5)]

    addresses = [own_address(order) for order in orders]
    assert sorted(addresses) == [f"198.18.32.{number}" for number in range(2, 7)]
    assert all(order["endpoint"] == 4566 and not order["hand_over"] for order in orders)


def test_when_all_addresses_are_in_use_it_is_said(outbound: Outbound) -> None:
    for number in range(5):
        outbound.order(f"h{number}")
    with pytest.raises(SandboxError, match="all 5 addresses of"):
        outbound.order("one more")

    outbound.release("h3")
    outbound.order("one more")


def test_an_address_that_was_just_given_back_is_the_last_to_be_used_again(outbound: Outbound) -> None:
    first = own_address(outbound.order("first"))
    outbound.release("first")
    assert first not in [own_address(outbound.order(f"h{number}")) for number in range(4)]


def test_an_isolated_husk_changes_its_group_and_nothing_else(outbound: Outbound, asked: list[bytes]) -> None:
    cable = bytes.fromhex(outbound.order("h")["cable"])
    outbound.isolate("h", None)
    assert asked == [netlink.group(int.from_bytes(cable[20:24], "little"), ISOLATED)]


def test_without_a_route_the_husk_hands_its_routing_socket_over(asked: list[bytes]) -> None:
    nowhere = Network(4566)
    assert nowhere.order("h") == {"cable": "", "endpoint": 4566, "hand_over": True}
    with netlink.routing_socket() as sock:
        nowhere.isolate("h", sock.fileno())
    assert len(asked) == 5
    with pytest.raises(OSError, match="no routing socket"):
        nowhere.isolate("h", None)


@pytest.mark.parametrize(
    ("plan", "level", "tool", "warning"),
    [
        (NetworkPlan(), "userns", "nft", "only root"),
        (NetworkPlan(), "full", "", "install nftables"),
        (NetworkPlan(outbound=False), "full", "nft", ""),
        (NetworkPlan(), "process", "nft", ""),
    ],
)
def test_what_the_machine_lacks_is_said_loudly(
    monkeypatch: pytest.MonkeyPatch, plan: NetworkPlan, level: str, tool: str, warning: str
) -> None:
    monkeypatch.setattr(network.firewall, "tool", lambda: tool)
    made = establish(plan, "ab12cd34ef56", level)
    assert not made.routed
    assert [warning in each for each in made.warnings] == ([True] if warning else [])


# -- slices of the range


def test_each_data_directory_prefers_a_slice_of_its_own() -> None:
    parts = slices.slices("198.18.0.0/15", "000000000003")
    assert len(parts) == len(set(parts)) == 16
    assert str(parts[0]) == "198.18.96.0/19"
    assert slices.slices("10.9.0.0/24", "ab12cd34ef56") == [ipaddress.IPv4Network("10.9.0.0/24")]


def test_two_servers_never_have_the_same_slice(tmp_path: Path) -> None:
    wanted = slices.slices("198.18.0.0/18", "000000000000")
    switch = tmp_path / "switch"
    switch.write_text("1")
    first, second = slices.claim(wanted, tmp_path / "run"), slices.claim(wanted, tmp_path / "run")
    assert first is not None
    assert second is not None
    assert (first[0], second[0], slices.claim(wanted, tmp_path / "run")) == (wanted[0], wanted[1], None)

    slices.release(*first, tmp_path / "run", switch)
    third = slices.claim(wanted, tmp_path / "run")
    assert third is not None
    assert third[0] == wanted[0]
    for part, lock in (second, third):
        slices.release(part, lock, tmp_path / "run", switch)


@pytest.mark.parametrize(("before", "after"), [("0", "0"), ("1", "1")])
def test_the_last_server_puts_the_machines_switch_back(tmp_path: Path, before: str, after: str) -> None:
    wanted, state, switch = slices.slices("198.18.0.0/18", "000000000000"), tmp_path / "run", tmp_path / "switch"
    switch.write_text(before + "\n")
    claimed = [slices.claim(wanted, state), slices.claim(wanted, state)]
    for _ in claimed:
        slices.turn_forwarding_on(state, switch)

    seen = []
    for each in claimed:
        assert each is not None
        seen.append(switch.read_text().strip())
        slices.release(*each, state, switch)
    assert seen == ["1", "1"]
    assert switch.read_text().strip() == after


# -- nameservers

STUB = "nameserver 127.0.0.53\noptions edns0\nsearch example.org\n"


def test_nameservers_that_sandboxes_reach_are_taken_as_they_are() -> None:
    found = choose(["# comment\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n"], "198.18.0.1")
    assert found == Resolver("nameserver 192.0.2.53\nnameserver 192.0.2.54\n", ("192.0.2.53", "192.0.2.54"))


def test_a_stub_is_replaced_by_what_it_asks_itself() -> None:
    found = choose([STUB, "nameserver 192.0.2.53\n"], "198.18.0.1")
    assert found == Resolver("options edns0\nsearch example.org\nnameserver 192.0.2.53\n", ("192.0.2.53",))


@pytest.mark.parametrize("text", [STUB, "nameserver ::1\n", "nameserver fe80::1%eth0\n", "nameserver nonsense\n", ""])
def test_nameservers_that_only_the_machine_reaches_are_relayed(text: str) -> None:
    found = choose([text], "198.18.0.1")
    assert found.nameservers == ("198.18.0.1",)
    assert found.text.endswith("nameserver 198.18.0.1\n")
    assert found.relayed == (tuple(resolver.nameservers(text)) or ("127.0.0.1",))


def test_files_that_are_not_there_are_empty(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("nameserver 192.0.2.53\n")
    assert resolver.texts([tmp_path / "missing", tmp_path / "there"]) == ["", "nameserver 192.0.2.53\n"]
