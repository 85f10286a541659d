"""/_lambent/keys: the access keys that signatures are checked with. Client: `lambent keys`."""

from typing import Any
from urllib.parse import unquote

import msgspec

from lambent.clock import Clock, iso
from lambent.errors import AwsError, InvalidParameterValue, ResourceConflict, ResourceNotFound
from lambent.iam.authenticator import Authenticator
from lambent.iam.keys import Key
from lambent.settings import Settings
from lambent.wire.http import Request, Response

PREFIX = "/_lambent/keys"
_json = msgspec.json.Encoder().encode


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST: a key for this user of this account."""

    account: str = ""  # "": the server's own
    user: str = ""  # "": the root of the account
    access_key: str = ""  # both brought by the caller, or both made
    secret: str = ""


class KeysDoor:
    """GET lists, POST adds, DELETE PREFIX/ID removes. Raises AwsError."""

    prefix = PREFIX

    def __init__(self, authenticator: Authenticator, settings: Settings, clock: Clock) -> None:
        self._authenticator = authenticator
        self._keys = authenticator.keys
        self._settings = settings
        self._clock = clock

    async def answer(self, request: Request) -> Response:
        access_key = unquote(request.path.removeprefix(PREFIX).removeprefix("/"))
        if not access_key and request.method in ("GET", "HEAD"):
            return _response({"keys": [_shown(key) for key in self._keys.everyone()]})
        if not access_key and request.method == "POST":
            return await self._add(request)
        if access_key and request.method == "DELETE":
            return await self._remove(access_key)
        raise AwsError(f"{request.method} is not for {request.path}", code="MethodNotAllowed", status=405)

    async def _add(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            # A web page can send any other type from the browser of somebody on this machine, without asking.
            raise InvalidParameterValue("The Content-Type must be application/json.")
        try:
            wanted = msgspec.json.decode(request.body or b"{}", type=Wanted)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidParameterValue(f'The body must be like {{"user": "ada"}}: {error}') from None
        account = wanted.account or self._settings.account
        key = await self._keys.add(
            account, wanted.user, self._clock.epoch(), access_key=wanted.access_key, secret=wanted.secret
        )
        self._authenticator.forget(key.principal.access_key)
        return _response(_shown(key) | {"secret": key.secret})

    async def _remove(self, access_key: str) -> Response:
        """Never the last with which somebody could add another."""
        if self._keys.get(access_key) is None:
            raise ResourceNotFound(f"There is no access key {access_key}.")
        account = self._settings.account
        own = [key for key in self._keys.everyone() if key.principal.account == account and not key.lost]
        if self._settings.auth and [key.principal.access_key for key in own] == [access_key]:
            raise ResourceConflict(
                f"{access_key} is the last key of the account {account}, which is the server's own: "
                "without it nobody could add another. Add one before you remove this one."
            )
        await self._keys.remove(access_key)
        self._authenticator.forget(access_key)
        return _response({"removed": access_key})


def _shown(key: Key) -> dict[str, Any]:
    """Without the secret."""
    who = key.principal
    return {
        "access_key": who.access_key, "account": who.account, "user": key.user, "arn": who.arn,
        "created": iso(key.created_at), "lost": key.lost,
    }  # fmt: skip


def _response(document: dict[str, Any]) -> Response:
    return Response(200, [("content-type", "application/json")], _json(document))
