"""Run a function once: its answer goes to standard output, its error and the end of its log to standard error.

The exit status is 1 when the function failed or the call was refused. With --async the event is only accepted: standard
output has its request id, for `lambent explain` and `lambent events show`."""

import argparse
import base64
import contextlib
import http.client
import json
import sys
from pathlib import Path
from urllib.parse import quote

from lambent.cli.endpoint import CommandFailed, add_endpoint, add_region, endpoint_of, refusal
from lambent.cli.output import paint

POSITIONAL = "FUNCTION"
EXAMPLES = (
    "lambent invoke hello",
    'lambent invoke hello --payload \'{"name": "Ada"}\'',
    "lambent invoke resize --event event.json > answer.json",
    "echo '{}' | lambent invoke hello --event - --quiet",
    "lambent invoke resize --tenant-id blue",
    "lambent explain $(lambent invoke resize --async --event event.json)",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION", help="name, name:qualifier or ARN")
    event = parser.add_mutually_exclusive_group()
    event.add_argument("--event", metavar="FILE", help="file that holds the event; - is standard input")
    event.add_argument("--payload", metavar="JSON", help="the event itself (default: {})")
    parser.add_argument("--qualifier", help="version or alias")
    parser.add_argument("--async", dest="asynchronous", action="store_true", help="do not wait: send it as an event")
    parser.add_argument("--idempotency-key", metavar="KEY", help="run once for KEY, if the function is tagged for that")
    parser.add_argument("--tenant-id", metavar="TENANT", help="whose environments run it, of a function with tenants")
    parser.add_argument("--quiet", action="store_true", help="do not show the end of the log")
    add_endpoint(parser)
    add_region(parser)


def run(args: argparse.Namespace) -> int:
    path = f"/2015-03-31/functions/{quote(args.function, safe='')}/invocations"
    if args.qualifier:
        path += f"?Qualifier={quote(args.qualifier, safe='')}"
    headers = {"Content-Type": "application/json", "X-Amz-Log-Type": "Tail"}
    if args.asynchronous:
        headers = {"Content-Type": "application/json", "X-Amz-Invocation-Type": "Event"}
    if args.idempotency_key:
        headers["Idempotency-Key"] = args.idempotency_key
    if args.tenant_id:
        headers["X-Amz-Tenant-Id"] = args.tenant_id
    response = endpoint_of(args).send("POST", path, headers, event_of(args))
    body = response.read()
    if response.status >= 300:
        raise CommandFailed(_refused(response, body))
    _tell_of_key(args, response)
    if args.asynchronous:
        print(response.getheader("x-amzn-RequestId"))
        return 0
    return _show(args.quiet, body, response.getheader("X-Amz-Function-Error"), response.getheader("X-Amz-Log-Result"))


def _tell_of_key(args: argparse.Namespace, response: http.client.HTTPResponse) -> None:
    """What became of the idempotency key, if there was one."""
    replayed = response.getheader("Idempotency-Replayed")
    if args.idempotency_key and replayed is None:
        warning = f"warning: the key was ignored: {args.function} has no tag lambent:idempotency=24h, or like it"
        print(paint(warning, "yellow", sys.stderr), file=sys.stderr)
    if replayed == "true" and not args.quiet:
        said = f"the answer of request {response.getheader('x-amzn-RequestId')}; it did not run again"
        print(paint(said, "dim", sys.stderr), file=sys.stderr)


def _refused(response: http.client.HTTPResponse, body: bytes) -> str:
    """A throttle says which limit it was, and where one finds out who had the executions."""
    said = refusal(response, body)
    if response.status != 429:
        return said
    with contextlib.suppress(ValueError):
        said += f" ({json.loads(body).get('Reason')})"
    return f"{said}\nWho had the executions: lambent explain {response.getheader('x-amzn-RequestId')}"


def event_of(args: argparse.Namespace) -> bytes:
    """The event's bytes, from wherever they were said to be."""
    if args.event == "-":
        return sys.stdin.buffer.read()
    if args.event:
        try:
            return Path(args.event).read_bytes()
        except OSError as error:
            raise CommandFailed(f"cannot read the event from {args.event}: {error.strerror}") from error
    return (args.payload or "{}").encode()


def _show(quiet: bool, body: bytes, function_error: str | None, log: str | None) -> int:
    sys.stdout.buffer.write(body + (b"\n" if sys.stdout.isatty() else b""))
    sys.stdout.flush()
    if log and not quiet:
        tail = base64.b64decode(log).decode(errors="replace").rstrip().replace("\r", "\n")
        print(paint(tail, "dim", sys.stderr), file=sys.stderr)
    if function_error:
        print(paint(f"the function failed ({function_error})", "red", sys.stderr), file=sys.stderr)
        return 1
    return 0
