"""/_lambent/signing: whose signatures are believed. Client: `lambent signing`. Keys never come here."""

from typing import Any, TypeVar

import msgspec

from lambent.clock import Clock, iso
from lambent.errors import AwsError, InvalidParameterValue, ResourceConflict
from lambent.settings import Settings
from lambent.store.code_signing import CodeSigning, StoredProfile
from lambent.wire.http import Request, Response

PREFIX = "/_lambent/signing"
T = TypeVar("T")

_json = msgspec.json.Encoder().encode


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST PREFIX: believe signatures of a profile version that lead to one of these certificates."""

    arn: str
    certificates: str  # PEM
    own: bool = False  # made by `lambent signing create`


class Revoke(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST PREFIX/revocations: a profile version or a signing job."""

    arn: str


class SigningDoor:
    """GET lists, POST trusts, POST PREFIX/revocations revokes. Raises AwsError."""

    prefix = PREFIX

    def __init__(self, store: CodeSigning, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock

    async def answer(self, request: Request) -> Response:
        if request.path == PREFIX and request.method in ("GET", "HEAD"):
            return _response(self._list())
        if request.path == PREFIX and request.method == "POST":
            return await self._trust(_body(request, Trust))
        if request.path == f"{PREFIX}/revocations" and request.method == "POST":
            return await self._revoke(_body(request, Revoke))
        raise AwsError(f"{request.method} is not for {request.path}", code="MethodNotAllowed", status=405)

    def _list(self) -> dict[str, Any]:
        """With the account and region in which a client should name new profiles."""
        revoked = self._store.revocations()
        return {
            "account": self._settings.account,
            "region": self._settings.region,
            "profiles": [_shown(profile, revoked.get(profile.arn)) for profile in self._store.profiles()],
            "revocations": [{"arn": arn, "revoked": iso(at)} for arn, at in revoked.items()],
        }

    async def _trust(self, wanted: Trust) -> Response:
        from lambent.signing import profiles

        if not profiles.is_profile(wanted.arn):
            raise InvalidParameterValue(f"{wanted.arn} is not the ARN of a signing profile version.")
        try:
            named = profiles.names_in(wanted.certificates)
        except ValueError as error:
            raise InvalidParameterValue(f"The certificates cannot be read: {error}") from None
        if wanted.own and named != [wanted.arn]:
            raise InvalidParameterValue("The certificate is not that of the profile version.")
        profile = StoredProfile(
            arn=wanted.arn, certificates=wanted.certificates, own=wanted.own, created_at=self._clock.epoch()
        )
        if not await self._store.trust(profile):
            raise ResourceConflict(f"{wanted.arn} is trusted already; a profile version never changes.")
        return _response(_shown(profile, None))

    async def _revoke(self, wanted: Revoke) -> Response:
        from lambent.signing import profiles

        if not (profiles.is_profile(wanted.arn) or profiles.is_job(wanted.arn)):
            raise InvalidParameterValue(f"{wanted.arn} is the ARN neither of a profile version nor of a signing job.")
        await self._store.revoke(wanted.arn, self._clock.epoch())
        return _response({"revoked": wanted.arn})


def _body(request: Request, kind: type[T]) -> T:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        # A web page can send any other type from the browser of somebody on this machine, without asking.
        raise InvalidParameterValue("The Content-Type must be application/json.")
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidParameterValue(f"The body is not what this request takes: {error}") from None


def _shown(profile: StoredProfile, revoked: float | None) -> dict[str, Any]:
    document = {"arn": profile.arn, "made_here": profile.own, "created": iso(profile.created_at)}
    return document | ({"revoked": iso(revoked)} if revoked is not None else {})


def _response(document: dict[str, Any]) -> Response:
    return Response(200, [("content-type", "application/json")], _json(document))
