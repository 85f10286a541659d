"""The server as the commands see it: plain HTTP with the standard library, signed when credentials are set."""

import argparse
import http.client
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lambent.cli.signature import Credentials, credentials_of, sign
from lambent.errors import LambentError

DEFAULT = "http://127.0.0.1:4566"
NO_LIMIT_S = None  # a function may run for 15 minutes, and a followed log has no end


_STRANGER = ("MissingAuthenticationTokenException", "UnrecognizedClientException")
_UNSIGNED = """
This server takes only what is signed by a key that it knows:
set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE.
Its first key is in the file `credentials` of its data directory."""


class CommandFailed(LambentError):
    """The command could not do what it was asked."""


def add_endpoint(parser: argparse.ArgumentParser) -> None:
    """The option that every command with a server has."""
    parser.add_argument("--endpoint-url", metavar="URL", help=f"the server (default: {DEFAULT})")


def add_region(parser: argparse.ArgumentParser) -> None:
    """The option of the commands that name a function."""
    parser.add_argument("--region", help="region (or AWS_REGION, AWS_DEFAULT_REGION; default: the server's)")


class Endpoint:
    """One server; each call opens a connection of its own."""

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        self.url = url.rstrip("/")
        self._tls = self.url.startswith("https:")
        try:
            parts = urlsplit(self.url)
            self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        except ValueError:  # brackets that are not closed, or what is no port: an IPv6 address without them
            raise _no_url(url) from None
        if parts.scheme not in ("http", "https") or not self._host:
            raise _no_url(url)
        self._netloc, self._base = parts.netloc.rpartition("@")[2], parts.path
        self._credentials = credentials

    def owner(self) -> dict[str, str]:
        """Account and region as query parameters, for Lambent's own requests, as far as the credentials tell them."""
        if not self._credentials:
            return {}
        key, region = self._credentials.access_key, self._credentials.region
        return {"region": region} | ({"account": key} if key.isdigit() and len(key) == 12 else {})

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> http.client.HTTPResponse:
        """The response with its body unread; `path` is already percent-encoded and may have a query.

        Raises CommandFailed when nobody answers.
        """
        lines = {"Host": self._netloc, **headers}
        if self._credentials:
            lines = sign(self._credentials, method, self._base + path, lines, body)
        lines["Connection"] = "close"  # after the one answer; not signed, since a proxy may change it
        try:
            connection = self._connect()
            connection.request(method, self._base + path, body=body or None, headers=lines)
            return connection.getresponse()
        except ConnectionRefusedError as error:
            raise CommandFailed(self._nobody()) from error
        except (OSError, http.client.HTTPException) as error:
            raise CommandFailed(f"no answer from {self.url}: {error or type(error).__name__}") from error

    def document(self, path: str) -> dict[str, Any]:
        """The JSON object at `path`. Raises CommandFailed for anything else."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object that answers a request with `document` as its body (None: it has none). Raises CommandFailed
        for anything else."""
        headers = {} if document is None else {"Content-Type": "application/json"}
        body = b"" if document is None else json.dumps(document).encode()
        response = self.send(method, path, headers, body)
        answer = response.read()
        if response.status != 200:
            raise CommandFailed(refusal(response, answer))
        try:
            found = json.loads(answer)
        except ValueError as error:
            raise CommandFailed(f"{self.url} answered something that is not JSON; is it Lambent?") from error
        return dict(found)

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=NO_LIMIT_S)

    def _nobody(self) -> str:
        return (
            f"nobody listens on {self.url}.\n"
            "Start the server with `lambent up`, or name another one with --endpoint-url or LAMBENT_ENDPOINT."
        )


def _no_url(url: str) -> CommandFailed:
    return CommandFailed(f"{url!r} is not the URL of a server; one looks like {DEFAULT}")


def endpoint_of(args: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """The server that the options or the environment name."""
    url = args.endpoint_url or environ.get("LAMBENT_ENDPOINT") or environ.get("AWS_ENDPOINT_URL") or DEFAULT
    return Endpoint(url, credentials_of(environ, getattr(args, "region", None)))


def refusal(response: http.client.HTTPResponse, body: bytes) -> str:
    """What a non-200 answer says, in one line: AWS's code and message where there is one."""
    try:
        found = json.loads(body)
    except ValueError:
        return f"the server answered {response.status}: {body[:200].decode(errors='replace').strip() or 'nothing'}"
    code = str(response.getheader("x-amzn-errortype") or found.get("__type") or response.status).partition(":")[0]
    said = f"{code}: {found.get('Message') or found.get('message') or found}"
    return said + (_UNSIGNED if code in _STRANGER else "")
