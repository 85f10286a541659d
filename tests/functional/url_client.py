"""Function URLs as their clients see them: names that this machine need not resolve, signatures, and permissions."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from real_server import PATIENCE_S, Function, Server


class Heard(NamedTuple):
    """One response, read to its end."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)


class Url:
    """A function's URL, with nothing granted yet unless it is `open_to_all`."""

    def __init__(self, function: Function, auth_type: str = "NONE", **configuration: Any) -> None:
        self.server, self.function, self.auth_type = function.server, function, auth_type
        self.qualifier = {name: configuration[name] for name in ("Qualifier",) if name in configuration}
        made = self.server.client.create_function_url_config(
            FunctionName=function.name, AuthType=auth_type, **configuration
        )
        self.url: str = made["FunctionUrl"]
        self.host = urlsplit(self.url).netloc
        self.id = self.host.partition(".")[0]

    def grant(self, principal: str = "*") -> Url:
        """Both permissions that its callers need."""
        add = self.server.client.add_permission
        sid = f"s-{self.auth_type}-{''.join(filter(str.isalnum, principal))}"
        named = {"FunctionName": self.function.name, "Principal": principal, **self.qualifier}
        add(**named, StatementId=sid, Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType=self.auth_type)
        add(**named, StatementId=f"{sid}-2", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True)
        return self

    @contextmanager
    def open(
        self, method: str = "GET", path: str = "/", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, {"Host": self.host} | (headers or {}))
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def call(
        self, method: str = "GET", path: str = "/", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Heard:
        with self.open(method, path, body, headers) as response:
            return Heard(response.status, response.getheaders(), response.read())

    def signed(
        self, method: str = "GET", path: str = "/", body: bytes = b"", *, key: str = "000000000000",
        secret: str = "any", service: str = "lambda", region: str = "us-east-1",
    ) -> dict[str, str]:  # fmt: skip
        """The headers of a request signed by botocore, an implementation that is not ours."""
        request = AWSRequest(method, self.url.rstrip("/") + path, {"Host": self.host}, body or None)
        SigV4Auth(Credentials(key, secret), service, region).add_auth(request)
        return dict(request.headers)


def send(server: Server, method: str, path: str, body: bytes = b"") -> bytes:
    """A request of Lambent's own, which must succeed."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            answer = response.read()
            assert response.status < 300, answer
            return answer
    finally:
        connection.close()
