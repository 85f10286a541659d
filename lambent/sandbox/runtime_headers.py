"""The headers with which the Runtime API hands out an invocation."""

import json
from typing import Any


def next_headers(meta: dict[str, Any]) -> list[tuple[str, str]]:
    """Header names and values for the meta of an invocation; what it does not have has no header."""
    headers = [
        ("Lambda-Runtime-Aws-Request-Id", meta["id"]),
        ("Lambda-Runtime-Deadline-Ms", str(meta["deadline"])),
        ("Lambda-Runtime-Invoked-Function-Arn", meta["arn"]),
        ("Lambda-Runtime-Trace-Id", meta.get("trace")),
        ("Lambda-Runtime-Client-Context", _ascii_json(meta.get("context"))),
        ("Lambda-Runtime-Cognito-Identity", json.dumps(meta["identity"]) if meta.get("identity") else None),
        ("Lambda-Runtime-Aws-Tenant-Id", meta.get("tenant")),
    ]
    return [(name, _one_line(value)) for name, value in headers if value]


def _ascii_json(text: str | None) -> str | None:
    """The same JSON on one line in ASCII, since a header can carry no other; text that is no JSON stays."""
    if not text:
        return None
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        return text


def _one_line(value: str) -> str:
    """A caller's text must not be able to add headers."""
    return " ".join(value.splitlines())
