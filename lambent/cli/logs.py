"""Print what a function has logged, oldest first; --follow goes on until Ctrl-C."""

import argparse
import json
import re
import time
from typing import Any
from urllib.parse import quote, urlencode

from lambent.cli.endpoint import CommandFailed, add_endpoint, add_region, endpoint_of, refusal
from lambent.cli.output import paint

POSITIONAL = "FUNCTION"
EXAMPLES = (
    "lambent logs hello",
    "lambent logs hello --follow",
    "lambent logs hello --since 10m --limit 1000",
    "lambent logs hello --json | jq -r .message",
)

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION", help="name of the function")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is logged from now on")
    parser.add_argument("--since", metavar="AGE", help="only what is younger: 30s, 10m, 2h or 1d")
    parser.add_argument("--limit", metavar="N", type=int, help="only the last N lines")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as the server sends them")
    add_endpoint(parser)
    add_region(parser)


def run(args: argparse.Namespace) -> int:
    endpoint = endpoint_of(args)
    response = endpoint.send("GET", _path(args, endpoint.owner(), time.time()), {})
    if response.status != 200:
        raise CommandFailed(refusal(response, response.read()))
    try:
        for line in response:
            if line.strip():
                text = line.decode(errors="replace").rstrip("\n")
                print(text if args.json else shown(json.loads(text)), flush=args.follow)
    except KeyboardInterrupt:
        return 0  # the ordinary end of --follow
    except OSError as error:
        raise CommandFailed(f"the log ended early: {error}") from error
    return 0


def _path(args: argparse.Namespace, owner: dict[str, str], now: float) -> str:
    query: dict[str, Any] = dict(owner)
    if args.since:
        query["since"] = f"{now - age_s(args.since):.3f}"
    if args.limit is not None:
        query["limit"] = args.limit
    if args.follow:
        query["follow"] = 1
    path = f"/_lambent/logs/{quote(args.function, safe='')}"
    return f"{path}?{urlencode(query)}" if query else path


def age_s(text: str) -> int:
    """'10m' in seconds. Raises CommandFailed, which says what an age looks like."""
    match = re.fullmatch(r"(\d+)([smhd])", text.strip())
    if not match:
        raise CommandFailed(f"{text!r} is not an age; one looks like 30s, 10m, 2h or 1d")
    return int(match[1]) * _UNITS_S[match[2]]


def shown(event: dict[str, Any]) -> str:
    """One log line for people: local time, the message, platform lines set back."""
    at = float(event.get("at", 0.0))
    moment = time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03d}"
    message = str(event.get("message", "")).rstrip("\n").replace("\r", "\n")  # runtimes keep a traceback in one event
    platform = message.startswith(("START ", "END ", "REPORT ", "INIT_START "))
    return f"{paint(moment, 'cyan')}  {paint(message, 'dim') if platform else message}"
