"""The filter and NAT rules of one server's sandboxes: as text, and put in force with nft or else iptables.

What comes from a sandbox is judged once, before connection tracking and before anybody else's rules, so that no rule of
the machine can lead it round ours. Sources: nft(8), iptables(8), iptables-extensions(8).
"""

import os
import shutil
import subprocess
from collections.abc import Sequence

import msgspec

from lambent.errors import SandboxError

# Groups of interfaces (any other one, the kernel's default 0 included, is cut off): a route out, or DNS only.
ROUTED, ISOLATED = 0x6C62, 0x6C63
TABLE = "lambent_"  # nft's table: lambent_<instance>_<mark>
_PATIENCE_S = 30.0  # for one run of a tool, on a machine that is busy
_ESTABLISHED = ("-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules of one server are made from."""

    instance: str  # of the data directory: 12 hex digits
    slice: str  # "198.18.32.0/19": the addresses of this server's sandboxes
    mark: str  # the slice's first address as 8 hex digits; interfaces are called lb<mark>-<number>
    everyone: str  # the range that all servers of this machine take their slices from
    blocked: tuple[str, ...] = ()  # destinations that no sandbox reaches
    dns: tuple[str, ...] = ()  # addresses whose port 53 is reached, whatever else is said about them

    @property
    def table(self) -> str:
        return f"{TABLE}{self.instance}_{self.mark}"


def script(rules: Rules) -> str:
    """nft's script that puts `rules` in force in one step, in place of those of the same name."""
    name, ours = rules.table, f'"lb{rules.mark}-*"'
    dns = f"ip daddr {_set(rules.dns)} meta l4proto {{ tcp, udp }} th dport 53 accept" if rules.dns else ""
    return f"""
table inet {name} {{}}
delete table inet {name}
table inet {name} {{
  chain from_sandboxes {{
    meta nfproto != ipv4 drop
    ip saddr != {rules.slice} drop
    fib saddr . iif oif missing drop
    iifgroup != {{ {ROUTED}, {ISOLATED} }} drop
    {dns}
    iifgroup != {ROUTED} drop
    ip daddr {_set((*rules.blocked, rules.everyone))} drop
    fib daddr type {{ local, broadcast, anycast, multicast }} drop
  }}
  chain prerouting {{
    type filter hook prerouting priority -300; policy accept;
    iifname {ours} jump from_sandboxes
  }}
  chain forward {{
    type filter hook forward priority 0; policy accept;
    oifname {ours} ct state established,related accept
    oifname {ours} drop
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    ip saddr {rules.slice} oifname != {ours} masquerade
  }}
}}
"""


def _set(members: Sequence[str]) -> str:
    return "{ " + ", ".join(dict.fromkeys(members)) + " }"


def judging(rules: Rules) -> list[list[str]]:
    """What `from_sandboxes` does, as words for iptables that follow "-t raw -A CHAIN"."""
    foreign = [["!", "-s", rules.slice], ["-m", "rpfilter", "--invert"], ["-m", "devgroup", "--src-group", "0x0"]]
    dns = [["-d", each, "-p", kind, "--dport", "53"] for each in rules.dns for kind in ("udp", "tcp")]
    closed = [["-m", "devgroup", "!", "--src-group", hex(ROUTED)]]
    closed += [["-d", each] for each in dict.fromkeys((*rules.blocked, rules.everyone))]
    closed += [["-m", "addrtype", "--dst-type", kind] for kind in ("LOCAL", "BROADCAST", "ANYCAST", "MULTICAST")]
    verdicts = ((foreign, "DROP"), (dns, "RETURN"), (closed, "DROP"))
    return [[*words, "-j", verdict] for cases, verdict in verdicts for words in cases]


def hooks(rules: Rules, judge: str) -> list[list[str]]:
    """Where the machine's own chains of iptables lead to ours: table, chain and the rule."""
    ours = f"lb{rules.mark}-+"
    return [
        ["raw", "PREROUTING", "-i", ours, "-j", judge],
        *passage(rules),
        ["nat", "POSTROUTING", "-s", rules.slice, "!", "-o", ours, "-j", "MASQUERADE"],
    ]


def passage(rules: Rules) -> list[list[str]]:
    """The way through a FORWARD chain, last rule first; needed beside nft too where its policy is DROP (Docker's)."""
    ours = f"lb{rules.mark}-+"
    return [
        ["filter", "FORWARD", "-o", ours, "-j", "DROP"],
        ["filter", "FORWARD", "-o", ours, *_ESTABLISHED, "-j", "ACCEPT"],
        ["filter", "FORWARD", "-i", ours, "-j", "ACCEPT"],
    ]


# -- effects


def tool() -> str:
    """ "nft", "iptables", or "" where neither is installed."""
    return next((name for name in ("nft", "iptables") if _path(name)), "")


def load(rules: Rules) -> None:
    """Put the rules in force, in place of what a killed server with this slice left. Raises SandboxError."""
    sweep(rules.instance, rules.mark)
    if tool() == "nft":
        _run("nft", "-f", "-", text=script(rules))
        if _path("iptables") and "-P FORWARD DROP" in _try("iptables", "-w", "-S", "FORWARD"):
            _hook(passage(rules))
        return
    judge = _chain(rules.mark)
    _run("iptables", "-w", "-t", "raw", "-N", judge)
    for words in judging(rules):
        _run("iptables", "-w", "-t", "raw", "-A", judge, *words)
    _hook(hooks(rules, judge))
    if _path("ip6tables"):  # sandboxes have no IPv6 address; whoever gave himself one would not get far
        _run("ip6tables", "-w", "-t", "raw", "-I", "PREROUTING", "-i", f"lb{rules.mark}-+", "-j", "DROP")


def remove(rules: Rules) -> None:
    """Take the rules out of force; what is not there does not matter."""
    sweep(rules.instance, rules.mark)


def sweep(instance: str, mark: str) -> None:
    """Remove the rules of this data directory, and of whoever had this slice, for they are gone."""
    for line in _try("nft", "list", "tables", "inet").splitlines():
        name = line.rpartition(" ")[2]
        if name.startswith(f"{TABLE}{instance}_") or (name.startswith(TABLE) and name.endswith(f"_{mark}")):
            _try("nft", "delete", "table", "inet", name)
    for name, table in (("iptables", "raw"), ("iptables", "filter"), ("iptables", "nat"), ("ip6tables", "raw")):
        for line in _try(name, "-w", "-t", table, "-S").splitlines():
            if line.startswith("-A ") and f" lb{mark}-+ " in line:
                _try(name, "-w", "-t", table, "-D", *line.split()[1:])
    _try("iptables", "-w", "-t", "raw", "-F", _chain(mark))
    _try("iptables", "-w", "-t", "raw", "-X", _chain(mark))


def _chain(mark: str) -> str:
    return f"LAMBENT_{mark}"


def _hook(rules: list[list[str]]) -> None:
    for table, chain, *words in rules:
        _run("iptables", "-w", "-t", table, "-I", chain, *words)


def _path(name: str) -> str | None:
    """Where a tool is: in the places of the administrator's too, which are not on everybody's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def _run(name: str, *words: str, text: str = "") -> str:
    """Raises SandboxError with what the tool said."""
    try:
        done = subprocess.run(
            [_path(name) or name, *words], input=text, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(f"{name} could not be run: {error}") from error
    if done.returncode:
        said = done.stderr.strip().partition("\n")[0]
        raise SandboxError(f"{name} {' '.join(words)}: {said or done.returncode}")
    return done.stdout


def _try(name: str, *words: str) -> str:
    try:
        return _run(name, *words) if _path(name) else ""
    except SandboxError:
        return ""
