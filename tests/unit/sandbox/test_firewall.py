"""The rules as text, and how they are put in force and taken away; no tool is run here."""

import subprocess
from typing import Any

import pytest

from lambent.errors import SandboxError
from lambent.sandbox import firewall
from lambent.sandbox.firewall import ISOLATED, ROUTED, Rules

RULES = Rules(
    instance="ab12cd34ef56",
    slice="198.18.32.0/19",
    mark="c6122000",
    everyone="198.18.0.0/15",
    blocked=("169.254.0.0/16", "10.0.0.0/8"),
    dns=("192.0.2.53",),
)


class Tools:
    """What was run, and what it answers: output by the first words of the command, or failure."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
        self.there = there
        self.ran: list[list[str]] = []
        self.texts: list[str] = []
        self.says: dict[str, str] = {}
        self.fails = ""
        monkeypatch.setattr(firewall.shutil, "which", lambda name, path: f"/sbin/{name}" if name in there else None)
        monkeypatch.setattr(firewall.subprocess, "run", self.run)

    def run(self, command: list[str], **options: Any) -> Any:
        words = " ".join(command).removeprefix("/sbin/")
        self.ran.append(words.split())
        self.texts.append(options["input"])
        failed = bool(self.fails) and words.startswith(self.fails)
        said = next((text for start, text in self.says.items() if words.startswith(start)), "")
        return subprocess.CompletedProcess(command, 1 if failed else 0, said, "no such thing" if failed else "")


def lines(chain: str) -> list[str]:
    """Of one chain of the script."""
    text = firewall.script(RULES).partition(f"chain {chain} {{")[2].partition("}\n  chain")[0]
    return [line.strip() for line in text.splitlines() if line.strip() not in ("", "}")]


def test_what_a_sandbox_sends_is_judged_in_this_order() -> None:
    assert lines("from_sandboxes") == [
        "meta nfproto != ipv4 drop",
        "ip saddr != 198.18.32.0/19 drop",
        "fib saddr . iif oif missing drop",
        f"iifgroup != {{ {ROUTED}, {ISOLATED} }} drop",
        "ip daddr { 192.0.2.53 } meta l4proto { tcp, udp } th dport 53 accept",
        f"iifgroup != {ROUTED} drop",
        "ip daddr { 169.254.0.0/16, 10.0.0.0/8, 198.18.0.0/15 } drop",
        "fib daddr type { local, broadcast, anycast, multicast } drop",
    ]


def test_sandboxes_are_judged_before_the_rules_of_anybody_else() -> None:
    assert lines("prerouting") == [
        "type filter hook prerouting priority -300; policy accept;",
        'iifname "lbc6122000-*" jump from_sandboxes',
    ]


def test_only_answers_come_in() -> None:
    assert lines("forward")[1:] == [
        'oifname "lbc6122000-*" ct state established,related accept',
        'oifname "lbc6122000-*" drop',
    ]


def test_without_nameservers_no_port_is_open() -> None:
    script = firewall.script(Rules(instance="a" * 12, slice="10.0.0.0/24", mark="0a000000", everyone="10.0.0.0/24"))
    assert "dport" not in script


def test_iptables_gets_the_same_rules_in_the_same_order() -> None:
    words = [" ".join(rule) for rule in firewall.judging(RULES)]
    assert words == [
        "! -s 198.18.32.0/19 -j DROP",
        "-m rpfilter --invert -j DROP",
        "-m devgroup --src-group 0x0 -j DROP",
        "-d 192.0.2.53 -p udp --dport 53 -j RETURN",
        "-d 192.0.2.53 -p tcp --dport 53 -j RETURN",
        "-m devgroup ! --src-group 0x6c62 -j DROP",
        "-d 169.254.0.0/16 -j DROP",
        "-d 10.0.0.0/8 -j DROP",
        "-d 198.18.0.0/15 -j DROP",
        "-m addrtype --dst-type LOCAL -j DROP",
        "-m addrtype --dst-type BROADCAST -j DROP",
        "-m addrtype --dst-type ANYCAST -j DROP",
        "-m addrtype --dst-type MULTICAST -j DROP",
    ]


@pytest.mark.parametrize(
    ("there", "tool"), [(("nft", "iptables"), "nft"), (("nft",), "nft"), (("iptables",), "iptables"), ((), "")]
)
def test_nft_is_preferred(monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], tool: str) -> None:
    Tools(monkeypatch, *there)
    assert firewall.tool() == tool


def test_loading_removes_what_a_killed_server_left(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = Tools(monkeypatch, "nft")
    tools.says = {
        "nft list tables": "table inet lambent_ab12cd34ef56_c6120000\ntable inet lambent_000000000000_c6122000\n"
        "table inet lambent_000000000000_c6124000\ntable inet filter\n"
    }
    firewall.load(RULES)

    deleted = [words[-1] for words in tools.ran if words[1] == "delete"]
    assert deleted == ["lambent_ab12cd34ef56_c6120000", "lambent_000000000000_c6122000"]
    assert tools.ran[-1] == ["nft", "-f", "-"]
    assert tools.texts[-1] == firewall.script(RULES)


def test_a_forward_chain_that_drops_lets_ours_through(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = Tools(monkeypatch, "nft", "iptables")
    tools.says = {"iptables -w -S FORWARD": "-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n"}
    firewall.load(RULES)

    added = [" ".join(words[2:]) for words in tools.ran if "-I" in words]
    assert added[-1] == "-t filter -I FORWARD -i lbc6122000-+ -j ACCEPT"
    assert len(added) == 3


def test_what_iptables_was_given_is_found_and_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = Tools(monkeypatch, "iptables")
    tools.says = {
        "iptables -w -t raw -S": "-P PREROUTING ACCEPT\n-A PREROUTING -i lbc6122000-+ -j LAMBENT_c6122000\n"
        "-A PREROUTING -i lbc6124000-+ -j LAMBENT_c6124000\n"
    }
    firewall.remove(RULES)

    deleted = [" ".join(words) for words in tools.ran if "-D" in words]
    assert deleted == ["iptables -w -t raw -D PREROUTING -i lbc6122000-+ -j LAMBENT_c6122000"]


def test_a_tool_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = Tools(monkeypatch, "nft")
    tools.fails = "nft -f"
    with pytest.raises(SandboxError, match="nft -f -: no such thing"):
        firewall.load(RULES)
