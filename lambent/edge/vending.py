"""Credentials of a function's role, for the AWS clients in its sandboxes that ask for them (SnapStart).

The container provider of the AWS SDKs: GET with the voucher as Authorization, and JSON with AccessKeyId,
SecretAccessKey, Token and Expiration.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from lambent.iam.credentials import Temporary
from lambent.wire.http import Request, Response

_json = msgspec.json.Encoder().encode


class Vending:
    """`answer` is what listens at sandbox.role_keys.PATH inside sandboxes."""

    def __init__(self, redeem: Callable[[str], Temporary | None], valid_s: float, now: Callable[[], float]) -> None:
        """`redeem` turns a voucher into credentials. `now` is the real time: clients count by it when to ask again."""
        self._redeem = redeem
        self._valid_s = valid_s
        self._now = now

    async def answer(self, request: Request) -> Response:
        made = self._redeem(request.headers.get("authorization", ""))
        if made is None:
            return _response(403, {"code": "AccessDenied", "message": "The voucher is not one of ours."})
        until = datetime.fromtimestamp(self._now() + self._valid_s, UTC)
        return _response(
            200,
            {
                "AccessKeyId": made.access_key, "SecretAccessKey": made.secret_key, "Token": made.token,
                "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        )  # fmt: skip


def _response(status: int, document: dict[str, str]) -> Response:
    return Response(status, [("content-type", "application/json")], _json(document))
