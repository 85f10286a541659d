"""List, add or remove access keys: what requests are signed with, and checked by (`lambent up --auth`).

A key is a user's (--user) or, without one, the root's of its account. `add` shows the secret once, and never again.
With --id it takes a key that you have: its secret is read from standard input.
"""

import argparse
import getpass
import json
import sys
from typing import Any
from urllib.parse import quote

from lambent.cli.endpoint import CommandFailed, Endpoint, add_endpoint, endpoint_of
from lambent.cli.output import table

POSITIONAL = "[list | add | remove ID...]"
EXAMPLES = (
    "lambent keys",
    "lambent keys add --user ada",
    'eval "$(lambent keys add --user ci --account 111122223333 --export)"',
    "lambent keys add --id AKIAIOSFODNN7EXAMPLE < secret.txt",
    "lambent keys remove AKIAIOSFODNN7EXAMPLE",
)
_PATH = "/_lambent/keys"


def arguments(parser: argparse.ArgumentParser) -> None:
    add_endpoint(parser)
    parser.add_argument("--json", action="store_true", help="print the server's own document")
    parser.add_argument("--user", default="", help="whose key to add (default: the root of the account)")
    parser.add_argument("--account", default="", help="in which account (default: the server's own)")
    parser.add_argument("--id", default="", help="id of a key that you bring")
    parser.add_argument("--export", action="store_true", help="print an added key as commands for your shell")
    parser.add_argument("action", nargs="?", choices=("list", "add", "remove"), default="list", help="(default: list)")
    parser.add_argument("ids", nargs="*", metavar="ID", help="keys to remove")


def run(args: argparse.Namespace) -> int:
    if (args.action == "remove") != bool(args.ids):
        said = "needs the id of a key" if args.action == "remove" else "takes no ID (--id brings one)"
        raise CommandFailed(f"`lambent keys {args.action}` {said}")
    if args.action != "add" and (args.user or args.account or args.id or args.export):
        raise CommandFailed("--user, --account, --id and --export are for `lambent keys add`")
    endpoint = endpoint_of(args)
    if args.action == "list":
        found = endpoint.document(_PATH)
        print(json.dumps(found, indent=2) if args.json else describe(found["keys"]))
    elif args.action == "add":
        _add(endpoint, args)
    else:
        for access_key in args.ids:
            endpoint.ask("DELETE", f"{_PATH}/{quote(access_key, safe='')}")
            print(f"{access_key} removed")
    return 0


def describe(keys: list[dict[str, Any]]) -> str:
    """The list for people: one key a line."""
    if not keys:
        return "no keys; `lambent keys add` makes one, and `lambent up --auth` makes the first by itself"
    return table([_row(each) for each in keys], ("ID", "ACCOUNT", "USER", "CREATED"))


def _row(each: dict[str, Any]) -> tuple[str, str, str, str]:
    lost = "  (refused: its secret cannot be opened, see the server's log)" if each.get("lost") else ""
    return each["access_key"], each["account"], each["user"] or "(root)", each["created"] + lost


def _add(endpoint: Endpoint, args: argparse.Namespace) -> None:
    wanted = {"account": args.account, "user": args.user}
    if args.id:
        wanted |= {"access_key": args.id, "secret": _secret()}
    made = endpoint.ask("POST", _PATH, wanted)
    exports = f"export AWS_ACCESS_KEY_ID={made['access_key']} AWS_SECRET_ACCESS_KEY='{made['secret']}'"
    if args.json:
        print(json.dumps(made, indent=2))
    elif args.export:
        print(exports)
    else:
        secret = f"{made['secret']}  (shown only now)"
        print(table([("key", made["access_key"]), ("secret", secret), ("of", made["arn"])]))
        print(f"\n{exports}")


def _secret() -> str:
    """Never an argument: other users see those of every process."""
    return getpass.getpass("secret: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
