"""List, show, replay or purge asynchronous events that failed for good and were kept, since they had nowhere to go.

  list      failed events that are kept; with --kind also those that wait, letters that are to be delivered to
            destinations and dead-letter queues, and the outbox (what an older Lambent, without queues, would have sent)
  show      all that is known of one event, with its payload
  replay    put kept events back into the queue, as new ones with the request ids that they had
  purge     forget kept events, or messages of the outbox, for good

An event that is replayed has all its attempts before it again; should it fail again, it is kept again.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from lambent.cli.endpoint import CommandFailed, Endpoint, add_endpoint, add_region, endpoint_of
from lambent.cli.event_views import listed, shown
from lambent.cli.logs import age_s

POSITIONAL = "[list | show REQUEST_ID | replay [REQUEST_ID...] | purge [REQUEST_ID...]]"
EXAMPLES = (
    "lambent events",
    "lambent events list --function resize --condition RetriesExhausted --since 1d",
    "lambent events list --kind letters --json | jq -r .[].target",
    "lambent events show 8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    "lambent events show 8476a536-e9f4-11e8-9739-2dfe598c3fcd --payload > event.json",
    "lambent events replay 8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    "lambent events replay --function resize",
    "lambent events purge --function resize",
    "lambent events purge --kind outbox --yes",
)
KINDS = ("kept", "waiting", "letters", "outbox")
PAGE = 500
_PATH = "/_lambent/events"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("list", "show", "replay", "purge")
    parser.add_argument("action", nargs="?", choices=actions, default="list", help="(default: list)")
    parser.add_argument("ids", nargs="*", metavar="REQUEST_ID", help="of events, as Invoke answered them")
    parser.add_argument("--kind", choices=KINDS, default="kept", help="what to list, or to purge (default: kept)")
    parser.add_argument("--function", metavar="NAME", help="only those of this function (name or ARN)")
    parser.add_argument("--condition", metavar="WORD", help="only those that ended so, for example EventAgeExceeded")
    parser.add_argument("--since", metavar="AGE", help="only those that came in the last 30s, 10m, 2h or 1d")
    parser.add_argument("--limit", metavar="N", type=int, default=100, help="list at most so many (default: 100)")
    parser.add_argument("--payload", action="store_true", help="show the payload of the event, and nothing else")
    parser.add_argument("--yes", action="store_true", help="purge everything without being asked")
    parser.add_argument("--json", action="store_true", help="print the server's own documents")
    add_endpoint(parser)
    add_region(parser)


def run(args: argparse.Namespace) -> int:
    endpoint = endpoint_of(args)
    match args.action:
        case "list":
            return _list(endpoint, args)
        case "show":
            return _show(endpoint, args)
        case "replay":
            return _replay(endpoint, args)
    return _purge(endpoint, args)


# -- looking


def _list(endpoint: Endpoint, args: argparse.Namespace) -> int:
    if args.ids:
        raise CommandFailed("`lambent events list` takes no REQUEST_ID; `lambent events show` does")
    query = _query(endpoint, args)
    rows = list(_rows(endpoint, query, args))
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        print(listed(args.kind, rows, _narrowed(args)))
    return 0


def _narrowed(args: argparse.Namespace) -> str:
    """The options that leave some out, as they were given."""
    given = {"--function": args.function, "--condition": args.condition, "--since": args.since}
    return " ".join(f"{option} {value}" for option, value in given.items() if value)


def _rows(endpoint: Endpoint, query: dict[str, Any], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Page by page, as many as are wanted."""
    wanted = max(args.limit, 0)
    while wanted > 0:
        page = _ask(endpoint, "GET", "", query | {"kind": args.kind, "limit": min(wanted, PAGE)})
        rows = page.get("functions") or page.get("events") or []
        yield from rows
        wanted -= len(rows)
        if not page.get("next"):
            return
        query = query | {"after": page["next"]}
    print(f"lambent events: there are more than the {args.limit} shown; --limit N shows more", file=sys.stderr)


def _show(endpoint: Endpoint, args: argparse.Namespace) -> int:
    if len(args.ids) != 1:
        raise CommandFailed("`lambent events show` needs one REQUEST_ID")
    found = _ask(endpoint, "GET", f"/{quote(args.ids[0], safe='')}", {})
    if args.payload:
        print(_payload(found), end="\n" if sys.stdout.isatty() else "")
    else:
        print(json.dumps(found, indent=2) if args.json else shown(found))
    return 0


def _payload(found: dict[str, Any]) -> str:
    for entry in [*found["kept"], *filter(None, [found["waiting"]])]:
        return str(entry["payload"])
    raise CommandFailed(
        "this event neither waits nor is kept; its payload is part of what was sent on: show it without --payload"
    )


# -- doing


def _replay(endpoint: Endpoint, args: argparse.Namespace) -> int:
    if bool(args.ids) == bool(args.function):
        raise CommandFailed("`lambent events replay` needs either REQUEST_IDs or --function NAME")
    for request_id in args.ids:
        _ask(endpoint, "POST", f"/{quote(request_id, safe='')}/replay", {})
    if args.ids:
        return _done("replayed", len(args.ids), "kept", args)
    return _done("replayed", _steps(endpoint, "POST", "/replay", args, "replayed"), "kept", args)


def _purge(endpoint: Endpoint, args: argparse.Namespace) -> int:
    if args.kind not in ("kept", "outbox"):
        raise CommandFailed(f"what is {args.kind} cannot be purged; --kind kept and --kind outbox can")
    if args.ids and (args.function or args.kind != "kept"):
        raise CommandFailed("`lambent events purge` takes REQUEST_IDs of kept events, or --function, or --kind")
    purged = sum(int(_ask(endpoint, "DELETE", f"/{quote(each, safe='')}", {})["purged"]) for each in args.ids)
    if not args.ids:
        if not args.function and not args.yes:
            _confirm(args.kind)
        purged = _steps(endpoint, "DELETE", "", args, "purged")
    return _done("purged", purged, args.kind, args)


def _steps(endpoint: Endpoint, method: str, path: str, args: argparse.Namespace, name: str) -> int:
    """The server does long work in steps; how many events all of them were."""
    query = _query(endpoint, args) | ({} if args.function else {"all": 1})
    query |= {"kind": args.kind} if method == "DELETE" else {}
    total = 0
    while True:
        step = _ask(endpoint, method, path, query)
        total += int(step[name])
        if not step.get("next"):
            return total
        if sys.stderr.isatty():
            print(f"\r{total} {name} …", end="", file=sys.stderr, flush=True)
        query = query | {"after": step["next"], "last": step["last"]}


def _confirm(kind: str) -> None:
    what = "all kept events" if kind == "kept" else "all messages of the outbox"
    if not sys.stdin.isatty():
        raise CommandFailed(f"this would purge {what}: say --yes, or name a function with --function")
    if input(f"Purge {what} for good? [y/N] ").strip().lower() not in ("y", "yes"):
        raise CommandFailed("nothing was purged")


def _done(word: str, number: int, kind: str, args: argparse.Namespace) -> int:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps({word: number}))
    else:
        what = "event" if kind == "kept" else "message"
        print(f"{number} {what}{'' if number == 1 else 's'} {word}")
    return 0


def _query(endpoint: Endpoint, args: argparse.Namespace) -> dict[str, Any]:
    """The filters. Ages are counted back from the server's own time, which may be a virtual one."""
    query: dict[str, Any] = dict(endpoint.owner())
    if args.function:
        query["function"] = args.function
    if args.condition:
        query["condition"] = args.condition
    if args.since:
        query["since"] = endpoint.document("/_lambent/clock")["now"] - age_s(args.since)
    return query


def _ask(endpoint: Endpoint, method: str, path: str, query: dict[str, Any]) -> dict[str, Any]:
    return endpoint.ask(method, f"{_PATH}{path}?{urlencode(query)}" if query else f"{_PATH}{path}")
