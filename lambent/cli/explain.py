"""Tell what happened to an invocation or an event, and why: why it was cold or throttled, what came of each attempt,
when the next one is due, and where its outcome went. Request ids are in the answers of AWS clients and in the logs."""

import argparse
import json
from typing import Any
from urllib.parse import quote

from lambent.cli.endpoint import add_endpoint, endpoint_of
from lambent.cli.output import paint

POSITIONAL = "REQUEST_ID"
EXAMPLES = (
    "lambent explain 8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    "lambent explain 8476a536-e9f4-11e8-9739-2dfe598c3fcd --json | jq .attempts",
)

_STYLES = {
    "throttled": "yellow", "waited": "yellow", "cold": "cyan", "failed": "red", "attempt-failed": "red",
    "kept": "red", "undeliverable": "red", "recursion": "red", "delivered": "green",
}  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("request_id", metavar="REQUEST_ID", help="of an invocation, or of an event")
    parser.add_argument("--json", action="store_true", help="print the server's own document")
    add_endpoint(parser)


def run(args: argparse.Namespace) -> int:
    found = endpoint_of(args).document(f"/_lambent/explain/{quote(args.request_id, safe='')}")
    print(json.dumps(found, indent=2) if args.json else told(found))
    return 0


def told(found: dict[str, Any]) -> str:
    """The life for people: a line for each thing that happened, in UTC, and where it is now."""
    lines = [paint(str(found.get("request_id", "?")), "bold")]
    if found.get("function"):
        lines.append(f"of {found['function']}")
    lines += [_line(each) for each in found.get("life") or ()]
    lines += [f"{paint('now', 'bold')}{' ' * 23}{_plain(str(each))}" for each in found.get("now") or ()]
    return "\n".join(lines)


def _line(chapter: dict[str, Any]) -> str:
    text, style = _plain(str(chapter.get("text", ""))), _STYLES.get(str(chapter.get("kind")))
    moment = str(chapter.get("time", "")).ljust(24)
    return f"{paint(moment, 'dim')}  {paint(text, style) if style else text}"


def _plain(text: str) -> str:
    """Functions choose the names of their errors: none of them is to move the cursor."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
