"""What a subscription to the Telemetry API may say: a pure check. Source: lambda-semantics.md §13."""

from typing import Any
from urllib.parse import urlsplit

import msgspec

SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
TYPES = ("platform", "function", "extension")
HOSTS = ("sandbox.localdomain", "sandbox")
RESERVED_PORT = 9001  # the APIs' own
# name: least, most, default
LIMITS = {
    "maxItems": (1_000, 10_000, 10_000),
    "maxBytes": (262_144, 1_048_576, 262_144),
    "timeoutMs": (25, 30_000, 1_000),
}


class Buffering(msgspec.Struct, frozen=True, rename="camel"):
    max_items: int = 10_000
    max_bytes: int = 262_144
    timeout_ms: int = 1_000


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription that was found valid."""

    schema: str
    types: tuple[str, ...]
    buffering: Buffering
    protocol: str  # HTTP | TCP
    port: int  # inside the environment
    path: str = "/"  # of HTTP
    host: str = "sandbox.localdomain"


def check(body: bytes) -> tuple[Subscription | None, list[str]]:
    """The subscription, or what is wrong with it: sentences that AWS joins with semicolons."""
    try:
        asked = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        return None, [f"failed to parse JSON: {error}"]
    wrong: list[str] = []
    schema = asked.get("schemaVersion")
    if schema not in SCHEMAS:
        wrong.append(f"schemaVersion should be one of {', '.join(SCHEMAS)}")
    types = _types(asked.get("types"), wrong)
    buffering = _buffering(asked.get("buffering"), wrong)
    protocol, host, port, path = _destination(asked.get("destination"), wrong)
    if wrong:
        return None, wrong
    made = Subscription(
        schema=str(schema), types=types, buffering=buffering, protocol=protocol, port=port, path=path, host=host
    )
    return made, []


def _types(asked: Any, wrong: list[str]) -> tuple[str, ...]:
    if not isinstance(asked, list) or not asked:
        wrong.append("types should not be empty")
        return ()
    unknown = [str(each) for each in asked if each not in TYPES]
    if unknown:
        wrong.append(f"types should be of {', '.join(TYPES)}, not {', '.join(unknown)}")
    return tuple(dict.fromkeys(each for each in asked if each in TYPES))


def _buffering(asked: Any, wrong: list[str]) -> Buffering:
    if asked is None:
        return Buffering()
    if not isinstance(asked, dict):
        wrong.append("buffering should be an object")
        return Buffering()
    found = []
    for name, (least, most, default) in LIMITS.items():
        value = asked.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            wrong.append(f"{name} should be between {least} and {most}")
            value = default
        found.append(value)
    return Buffering(*found)


def _destination(asked: Any, wrong: list[str]) -> tuple[str, str, int, str]:
    """Protocol, host, port and path."""
    nowhere = ("HTTP", HOSTS[0], 0, "/")
    if not isinstance(asked, dict):
        wrong.append("destination is not provided")
        return nowhere
    protocol = asked.get("protocol")
    if protocol not in ("HTTP", "TCP"):
        wrong.append("protocol should be HTTP or TCP")
        return nowhere
    if protocol == "TCP" and "URI" not in asked:
        port = asked.get("port")
        usable = isinstance(port, int) and not isinstance(port, bool)
        return "TCP", HOSTS[0], _port(port if usable else None, wrong), "/"
    return (protocol, *_uri(asked.get("URI"), wrong))


def _uri(asked: Any, wrong: list[str]) -> tuple[str, int, str]:
    if not isinstance(asked, str) or not asked:
        wrong.append("URI is not provided")
        return HOSTS[0], 0, "/"
    try:
        parts = urlsplit(asked if "://" in asked else f"//{asked}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        wrong.append(f"URI is not valid: {asked}")
        return HOSTS[0], 0, "/"
    if host not in HOSTS:
        wrong.append(f"URI host should be {HOSTS[0]}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, _port(port, wrong, "URI port"), path


def _port(port: int | None, wrong: list[str], what: str = "port") -> int:
    if port is None:
        wrong.append(f"{what} is not provided")
        return 0
    if port == RESERVED_PORT:
        wrong.append(f"{what} {RESERVED_PORT} is reserved")
    elif not 1 <= port <= 65535:
        wrong.append(f"{what} should be between 1 and 65535")
    return port
