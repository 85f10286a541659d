"""boto3's STS client in front of the handlers, without a socket: what it sends is answered where it would be sent."""

import asyncio
import io
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from lambent.errors import AwsError
from lambent.services.sts.registry import Sts
from lambent.wire.http import Request, Response
from lambent.wire.parse import Wire

ENDPOINT = "http://localhost:4566"


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()


def sts_client(wire: Wire, sts: Sts, key: tuple[str, str, str | None], region: str = "eu-west-1") -> Any:
    """A client that signs with `key`: id, secret and session token."""
    client = boto3.client(
        "sts", endpoint_url=ENDPOINT, region_name=region, aws_access_key_id=key[0], aws_secret_access_key=key[1],
        aws_session_token=key[2], config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )  # fmt: skip

    def answer(request: Any, **_: Any) -> AWSResponse:
        response = asyncio.run(_answer(wire, sts, _request(request)))
        assert isinstance(response.body, bytes)
        return AWSResponse(request.url, response.status, dict(response.headers), _Raw(response.body))

    client.meta.events.register("before-send.sts", answer)
    return client


def _request(sent: Any) -> Request:
    path, _, query = sent.url.removeprefix(ENDPOINT).partition("?")
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in sent.headers.items()
    }
    body = sent.body or b""
    return Request(
        sent.method,
        path,
        query,
        {"host": "localhost:4566"} | headers,
        body if isinstance(body, bytes) else body.encode(),
    )


async def _answer(wire: Wire, sts: Sts, request: Request) -> Response:
    call = None
    try:
        call = wire.parse(request)
        return wire.render(call, await sts.answer(call))
    except AwsError as error:
        return wire.render_error(call or request, error, "11111111-2222-3333-4444-555555555555")
