"""Print the address at which a function answers HTTP (its function URL), or give it one.

--public lets everybody call it, with the two permissions that AWS's console adds too; --iam takes signed requests only.
Said again they change the address that is there. The address goes to standard output, all else to standard error.
"""

import argparse
import json
import sys
from typing import Any
from urllib.parse import quote

from lambent.cli.endpoint import CommandFailed, Endpoint, add_endpoint, add_region, endpoint_of, refusal
from lambent.cli.output import paint

POSITIONAL = "FUNCTION"
EXAMPLES = (
    "lambent url hello --public",
    'curl "$(lambent url hello)"',
    "lambent url hello --iam --stream",
    "lambent url hello --public --cors https://app.example.com",
    "lambent url hello --delete",
)
# The Sids of AWS's console, by action.
_PUBLIC: dict[str, tuple[str, dict[str, Any]]] = {
    "lambda:InvokeFunctionUrl": ("FunctionURLAllowPublicAccess", {"FunctionUrlAuthType": "NONE"}),
    "lambda:InvokeFunction": ("FunctionURLInvokeAllowPublicAccess", {"InvokedViaFunctionUrl": True}),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION", help="name, name:alias or ARN")
    parser.add_argument("--qualifier", metavar="ALIAS", help="the address of an alias")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--public", action="store_true", help="make one that everybody may call")
    who.add_argument("--iam", action="store_true", help="make one for signed requests (AWS_IAM)")
    who.add_argument("--delete", action="store_true", help="take the address away, and who was let in with --public")
    parser.add_argument("--stream", action="store_true", help="send the answer as it comes (RESPONSE_STREAM)")
    parser.add_argument("--cors", metavar="ORIGIN", help="let pages of ORIGIN call it from browsers; * for all")
    add_endpoint(parser)
    add_region(parser)


def run(args: argparse.Namespace) -> int:
    name, colon, alias = (
        args.function.partition(":") if not args.function.startswith("arn:") else (args.function, "", "")
    )
    function = _Function(endpoint_of(args), name, alias if colon else args.qualifier)
    if args.delete:
        function.request("DELETE", "2021-10-31", "url")
        function.close_to_all()
        return 0
    if args.public or args.iam:
        found: dict[str, Any] | None = _configured(function, args)
    elif args.stream or args.cors:
        raise CommandFailed("add --public or --iam: who may call it?")
    else:
        found = function.url()
    if found is None:
        raise CommandFailed(
            f"{args.function} has no address. `lambent url {args.function} --public` gives it one that everybody may "
            "call, --iam one for signed requests."
        )
    _tell(function, found)
    return 0


class _Function:
    """One function, or one of its aliases, as the requests of the Lambda API name it."""

    def __init__(self, endpoint: Endpoint, name: str, qualifier: str | None) -> None:
        self.endpoint = endpoint
        self._name = name
        self._query = f"?Qualifier={quote(qualifier, safe='')}" if qualifier else ""

    def request(
        self,
        method: str,
        version: str,
        what: str,
        document: dict[str, Any] | None = None,
        *,
        allow: tuple[int, ...] = (),
    ) -> dict[str, Any] | None:
        """The answer; None if it is a refusal with one of the statuses in `allow`. Raises CommandFailed for others."""
        path = f"/{version}/functions/{quote(self._name, safe='')}/{what}{self._query}"
        body = json.dumps(document).encode() if document is not None else b""
        response = self.endpoint.send(method, path, {"Content-Type": "application/json"}, body)
        answer = response.read()
        if response.status in allow:
            return None
        if response.status >= 300:
            raise CommandFailed(refusal(response, answer))
        return dict(json.loads(answer)) if answer else {}

    def url(self) -> dict[str, Any] | None:
        return self.request("GET", "2021-10-31", "url", allow=(404,))

    def open_to_all(self) -> None:
        for action, (sid, condition) in _PUBLIC.items():
            statement = {"StatementId": sid, "Action": action, "Principal": "*", **condition}
            self.request("POST", "2015-03-31", "policy", statement, allow=(409,))

    def close_to_all(self) -> None:
        for sid, _ in _PUBLIC.values():
            self.request("DELETE", "2015-03-31", f"policy/{sid}", allow=(404,))


def _configured(function: _Function, args: argparse.Namespace) -> dict[str, Any]:
    """Make the address, or change the one that is there."""
    wanted: dict[str, Any] = {"AuthType": "NONE" if args.public else "AWS_IAM"}
    if args.cors:
        wanted["Cors"] = {"AllowOrigins": [args.cors], "AllowMethods": ["*"], "AllowHeaders": ["*"], "MaxAge": 300}
    there = function.url()
    if args.stream or there:
        wanted["InvokeMode"] = "RESPONSE_STREAM" if args.stream else "BUFFERED"
    found = function.request("PUT" if there else "POST", "2021-10-31", "url", wanted)
    if args.public:
        function.open_to_all()
    else:
        function.close_to_all()
    return found or {}


def _tell(function: _Function, found: dict[str, Any]) -> None:
    print(found["FunctionUrl"], flush=True)
    url_id = found["FunctionUrl"].partition("://")[2].partition(".")[0]
    who = "everybody whom its policy lets in" if found["AuthType"] == "NONE" else "signed requests (AWS_IAM)"
    for line in (
        f"for {who}, {'streamed' if found.get('InvokeMode') == 'RESPONSE_STREAM' else 'in one piece'}",
        f"clients that cannot resolve that name take {function.endpoint.url}/_lambent/url/{url_id}/",
    ):
        print(paint(line, "dim", sys.stderr), file=sys.stderr)
