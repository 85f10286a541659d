"""List the Lambda runtimes that this machine can run, and where their interpreters lie."""

import argparse
import json
from typing import Any

from lambent.cli.endpoint import add_endpoint, endpoint_of
from lambent.cli.output import table

EXAMPLES = ("lambent runtimes", "lambent runtimes --json")


def arguments(parser: argparse.ArgumentParser) -> None:
    add_endpoint(parser)
    parser.add_argument("--json", action="store_true", help="print the server's own list")


def run(args: argparse.Namespace) -> int:
    found = endpoint_of(args).document("/_lambent/status").get("runtimes") or []
    print(json.dumps(found, indent=2) if args.json else describe(found))
    return 0


def describe(found: list[Any]) -> str:
    """The list for people: one runtime a line."""
    if not found:
        return "no runtime was found; `apt-get install python3` or nodejs adds one (restart the server afterwards)"
    rows = [_row(each if isinstance(each, dict) else {"name": str(each)}) for each in found]
    return table(rows, ("RUNTIME", "VERSION", "INTERPRETER"))


def runtime_name(each: Any) -> str:
    return str(each.get("name", "?")) if isinstance(each, dict) else str(each)


def _row(each: dict[str, Any]) -> tuple[str, str, str]:
    where = each.get("executable") or "(the function's own bootstrap)"
    if each.get("stands_in_for"):
        where += f"  stands in for {each['stands_in_for']} (--runtime-fallback)"
    return str(each.get("name", "?")), str(each.get("version") or "-"), str(where)
