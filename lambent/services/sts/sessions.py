"""Who is calling, and a session of the caller's own: GetCallerIdentity, GetSessionToken."""

import math
from typing import Any

from lambent.clock import Clock
from lambent.errors import AwsError
from lambent.iam import claim
from lambent.iam.credentials import Mint, Session, Temporary
from lambent.model import Document
from lambent.principal import Principal, root_of
from lambent.wire.parse import Call

_ROOT_S, _USER_S = 3_600, 43_200  # how long a session is good: root's at most that, a user's if nothing is said


def get_caller_identity(mint: Mint, clock: Clock, call: Call) -> Document:
    caller = caller_of(call)
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}


def get_session_token(mint: Mint, clock: Clock, call: Call) -> Document:
    caller = caller_of(call)
    if session_of(mint, call) is not None:
        raise denied("Cannot call GetSessionToken with session credentials")
    refuse_mfa(call.parameters)
    wanted = call.parameters.get("DurationSeconds")
    is_root = caller.arn.endswith(":root")
    seconds = min(wanted or _ROOT_S, _ROOT_S) if is_root else wanted or _USER_S
    return {"Credentials": shown(mint.mint(caller, clock.epoch() + seconds))}


def caller_of(call: Call) -> Principal:
    """Who calls. Whoever has not signed, where nobody has to, acts for the root of the server's account."""
    if call.caller.account:
        return call.caller
    return root_of(call.account)


def session_of(mint: Mint, call: Call) -> Session | None:
    """The session in which the caller calls, if it is one of ours; the signature has been checked by then."""
    session = mint.open(claim.token_of(call.request))
    return session if session is not None and session.access_key == call.access_key else None


def refuse_mfa(asked: dict[str, Any]) -> None:
    """There are no devices here, so that no code of one can be right."""
    if asked.get("SerialNumber") or asked.get("TokenCode"):
        raise denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is "
            "valid and associated with this user."
        )


def shown(made: Temporary) -> Document:
    """The Credentials of an answer."""
    return {
        "AccessKeyId": made.access_key, "SecretAccessKey": made.secret_key, "SessionToken": made.token,
        "Expiration": math.floor(made.expires),
    }  # fmt: skip


def denied(message: str) -> AwsError:
    return AwsError(message, code="AccessDenied", status=403)
