"""AssumeRole. Roles are known by their ARNs alone: whoever is of the role's account may assume it."""

import re
from typing import Any

from lambent.clock import Clock
from lambent.errors import AwsError, NotImplementedYet
from lambent.iam.credentials import Mint, Session, assumed_role
from lambent.model import Document
from lambent.principal import Principal
from lambent.services.sts.sessions import caller_of, denied, refuse_mfa, session_of, shown
from lambent.wire.parse import Call

_ARN = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+")
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/(?:[!-~]+/)?[\w+=,.@-]{1,64}", re.ASCII)
_USUAL_S = _CHAINED_S = 3_600  # if nothing is said; the most from one role to another
_ROOM = 4_096  # bytes of tags that PackedPolicySize counts as all there is
# Session policies restrict what a session may do, and nothing here evaluates policies of identities yet.
_UNBUILT = ("Policy", "PolicyArns", "ProvidedContexts")


def assume_role(mint: Mint, clock: Clock, call: Call) -> Document:
    asked, caller, session = call.parameters, caller_of(call), session_of(mint, call)
    role = _role(asked["RoleArn"], caller)
    _refuse_unbuilt(asked)
    refuse_mfa(asked)
    tags, transitive = _tags(asked, session)
    seconds = asked.get("DurationSeconds") or _USUAL_S
    if caller.role and seconds > _CHAINED_S:
        raise _invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            "ValidationError",
        )
    account = role.split(":")[4]
    principal = assumed_role(role, asked["RoleSessionName"], account)
    identity = asked.get("SourceIdentity") or (session.source_identity if session else "")
    made = mint.mint(principal, clock.epoch() + seconds, tags=tags, transitive=transitive, source_identity=identity)
    answer: Document = {
        "Credentials": shown(made),
        "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": principal.arn},
    }
    if asked.get("Tags"):
        answer["PackedPolicySize"] = _packed(tags)
    if identity:
        answer["SourceIdentity"] = identity
    return answer


def _role(arn: str, caller: Principal) -> str:
    """The role, if this caller may assume it. Who has proved who it is gets into no other account by that."""
    if not _ARN.fullmatch(arn):
        raise _invalid(f"{arn} is invalid", "ValidationError")
    found = _ROLE.fullmatch(arn)
    if found is None or (caller.proven and found[1] != caller.account):
        raise denied(f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}")
    return arn


def _refuse_unbuilt(asked: dict[str, Any]) -> None:
    for name in _UNBUILT:
        if asked.get(name):
            raise NotImplementedYet(f"Lambent does not support {name} of AssumeRole yet: nothing would enforce it.")


def _tags(asked: dict[str, Any], session: Session | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """The tags of the session, and the keys (in lower case) of those that pass on. Keys are compared without case."""
    tags = {tag["Key"]: tag["Value"] for tag in asked.get("Tags") or ()}
    keys = {key.lower() for key in tags}
    if len(keys) < len(asked.get("Tags") or ()):
        raise _invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    wanted = tuple(key.lower() for key in asked.get("TransitiveTagKeys") or ())
    if not keys.issuperset(wanted):
        raise _invalid("The specified transitive tag key must be included in the requested tags.")
    passed_on = session.transitive if session else ()
    if keys.intersection(passed_on):
        raise _invalid(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
            "the calling session."
        )
    inherited = {key: value for key, value in (session.tags if session else {}).items() if key.lower() in passed_on}
    return inherited | tags, (*passed_on, *wanted)


def _packed(tags: dict[str, str]) -> int:
    """Percent of the room for tags that these take; AWS packs them in a way of its own, which nobody knows."""
    return min(100, -(-100 * sum(len(key) + len(value) for key, value in tags.items()) // _ROOM))


def _invalid(message: str, code: str = "InvalidParameterValue") -> AwsError:
    return AwsError(message, code=code, status=400)
