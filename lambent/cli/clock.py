"""Show the time that the server lives in, or move it, if the server was started with `--clock virtual`.

  advance SPAN     let that much time pass: 90s, 2m, 1h30m, 3d; a number alone is seconds
  run-until-idle   go from one retry (or whatever somebody waits for) to the next until none is left

Both answer when everything that was due on the way has been done. Functions do not notice: their time is the real one.
"""

import argparse
import json
from typing import Any

from lambent.cli.endpoint import CommandFailed, Endpoint, add_endpoint, endpoint_of
from lambent.cli.output import paint

POSITIONAL = "[show | advance SPAN | run-until-idle]"
EXAMPLES = (
    "lambent clock",
    "lambent clock advance 2m",
    "lambent clock advance 1h30m --json",
    "lambent clock run-until-idle --most 1d",
)
_PATH = "/_lambent/clock"


def arguments(parser: argparse.ArgumentParser) -> None:
    add_endpoint(parser)
    parser.add_argument("--json", action="store_true", help="print the server's own document")
    parser.add_argument("--most", metavar="SPAN", help="how far run-until-idle goes at most (default: 7d)")
    actions = ("show", "advance", "run-until-idle")
    parser.add_argument("action", nargs="?", choices=actions, default="show", help="(default: show)")
    parser.add_argument("span", nargs="?", metavar="SPAN", help="how far to advance")


def run(args: argparse.Namespace) -> int:
    if (args.action == "advance") != (args.span is not None):
        said = "needs to be told how far: `lambent clock advance 2m`" if args.span is None else "takes no SPAN"
        raise CommandFailed(f"`lambent clock {args.action}` {said}")
    if args.most and args.action != "run-until-idle":
        raise CommandFailed("--most is for `lambent clock run-until-idle`")
    found = _ask(endpoint_of(args), args)
    print(json.dumps(found, indent=2) if args.json else describe(found))
    return 0


def describe(found: dict[str, Any]) -> str:
    """The clock's document for people."""
    if found.get("kind") != "virtual":
        return f"{found.get('iso', '?')}  real"
    line = f"{found.get('iso', '?')}  {paint('VIRTUAL', 'yellow')}, {_count(found.get('pending', 0))} pending"
    if found.get("fired"):
        line += f", {found['fired']} done on the way"
    return line


def _count(pending: int) -> str:
    return f"{pending or 'no'} timer{'' if pending == 1 else 's'}"


def _ask(endpoint: Endpoint, args: argparse.Namespace) -> dict[str, Any]:
    if args.action == "show":
        return endpoint.document(_PATH)
    asked = {"by": args.span} if args.action == "advance" else {"most": args.most} if args.most else {}
    return endpoint.ask("POST", f"{_PATH}/{args.action}", asked)
