"""Show what runs, how functions are isolated from the host and from each other, and the runtimes found."""

import argparse
import json
from typing import Any

from lambent.cli.endpoint import add_endpoint, endpoint_of
from lambent.cli.output import paint, span, table
from lambent.cli.runtimes import runtime_name

EXAMPLES = ("lambent status", "lambent status --json", "lambent status --endpoint-url http://127.0.0.1:5000")


def arguments(parser: argparse.ArgumentParser) -> None:
    add_endpoint(parser)
    parser.add_argument("--json", action="store_true", help="print the server's own document")


def run(args: argparse.Namespace) -> int:
    found = endpoint_of(args).document("/_lambent/status")
    print(json.dumps(found, indent=2) if args.json else describe(found))
    return 0


def describe(found: dict[str, Any]) -> str:
    """The status document for people."""
    isolation = found.get("isolation") or {}
    sandboxes = found.get("sandboxes") or {}
    runtimes = [runtime_name(each) for each in found.get("runtimes") or []]
    lines = table(
        [
            ("lambent", f"{found.get('version', '?')} at {found.get('endpoint', '?')}"),
            ("process", f"{found.get('pid', '?')}, up for {span(found.get('uptime_s', 0))}"),
            *_clock(found.get("clock") or {}),
            *_auth(found.get("auth") or {}),
            ("isolation", _isolation(isolation)),
            ("network", isolation.get("network") or "own loopback only"),
            ("runtimes", " ".join(runtimes) or "none found"),
            ("functions", str(found.get("functions", 0))),
            *_events(found.get("events") or {}),
            *_durable(found.get("durable") or {}),
            *_keys(found.get("idempotency") or {}),
            ("sandboxes", ", ".join(f"{_total(sandboxes.get(kind, 0))} {kind}" for kind in ("busy", "idle", "husks"))),
            *(("concurrency" if first else "", _claims(each)) for first, each in _marked(found.get("concurrency"))),
        ]
    )
    warnings = [paint(f"warning: {each}", "yellow") for each in isolation.get("warnings") or ()]
    return "\n".join([lines, *warnings])


def _marked(rows: list[dict[str, Any]] | None) -> list[tuple[bool, dict[str, Any]]]:
    """Each row, and whether it is the first."""
    return [(at == 0, row) for at, row in enumerate(rows or [])]


def _claims(row: dict[str, Any]) -> str:
    """For example: hello 3 running of 5 reserved, live: 2 provisioned, READY."""
    reserved = f" of {row['reserved']} reserved" if row.get("reserved") is not None else ""
    parts = [f"{row['name']} {row['running']} running{reserved}"]
    for qualifier, how in (row.get("provisioned") or {}).items():
        reason = f" ({how['reason']})" if how.get("reason") else ""
        parts.append(f"{qualifier}: {how['available']} provisioned, {how['status']}{reason}")
    return ", ".join(parts)


def _clock(clock: dict[str, Any]) -> list[tuple[str, str]]:
    """Nothing for the real one, which everybody takes for granted."""
    if clock.get("kind") != "virtual":
        return []
    stands = f"VIRTUAL: time stands still at {clock.get('iso', '?')} until `lambent clock` moves it"
    return [("clock", paint(stands, "yellow"))]


def _auth(auth: dict[str, Any]) -> list[tuple[str, str]]:
    """Nothing where everybody is believed."""
    return [("auth", f"every request must be signed; {auth.get('keys', 0)} keys")] if auth.get("required") else []


def _events(events: dict[str, Any]) -> list[tuple[str, str]]:
    """Nothing where nobody sends events and none is kept. For example: 1 running, 5 waiting, 2 kept."""
    words = {
        "running": "running", "waiting": "waiting", "kept": "failed and kept (`lambent events`)",
        "outbox": "in the outbox (`lambent events --kind outbox`)", "interrupted": "interrupted by the last end",
        "kept_dropped": "kept ones dropped for lack of room", "outbox_dropped": "messages dropped for lack of room",
    }  # fmt: skip
    told = [f"{events[name]} {word}" for name, word in words.items() if events.get(name)]
    return [("events", ", ".join(told))] if told else []


def _durable(counts: dict[str, Any]) -> list[tuple[str, str]]:
    """Nothing where no durable execution goes on. For example: 12 executions go on, 2 of them being invoked."""
    if not counts.get("running"):
        return []
    words = {"invoking": "of them being invoked", "waiting": "waiting for room"}
    more = [f"{counts[name]} {word}" for name, word in words.items() if counts.get(name)]
    return [("durable", ", ".join([f"{counts['running']} executions go on", *more]))]


def _keys(keys: dict[str, Any]) -> list[tuple[str, str]]:
    """Nothing where nobody uses idempotency keys."""
    if not any(keys.values()):
        return []
    repeated = f", {keys['repeated']} begun again after a crash" if keys.get("repeated") else ""
    return [("keys", f"{keys.get('running', 0)} running, {keys.get('bytes', 0) / 1e6:.1f} MB of answers{repeated}")]


def _total(count: Any) -> int:
    """Husks are counted by runtime, sandboxes as one number."""
    return sum(count.values()) if isinstance(count, dict) else int(count)


def _isolation(isolation: dict[str, Any]) -> str:
    """For example: full (mnt pid net ipc uts cgroup namespaces, cgroups v1, seccomp, own uid)."""
    parts = [f"{' '.join(isolation.get('namespaces') or []) or 'no'} namespaces"]
    parts.append(f"cgroups {isolation.get('cgroups', 'none')}")
    parts.append("seccomp" if isolation.get("seccomp") else "no seccomp")
    parts.append("own uid" if isolation.get("own_uid") else "the server's uid")
    kind = str(isolation.get("kind", "?"))
    return f"{paint(kind, 'green' if kind == 'full' else 'yellow')} ({', '.join(parts)})"
