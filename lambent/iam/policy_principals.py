"""Whom a statement means. Source: IAM User Guide, "AWS JSON policy elements: Principal"."""

import re
from functools import lru_cache
from typing import Any

import msgspec

from lambent.principal import Principal

EVERYBODY = "*"
KINDS = ("AWS", "Service", "Federated", "CanonicalUser")

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"arn:aws[a-zA-Z-]*:iam::(\d{12}):root")
_IDENTITY = re.compile(r"arn:aws[a-zA-Z-]*:(iam|sts)::\d{12}:\S+|(AIDA|AROA)[A-Z0-9]+(:\S+)?")
_SERVICE = re.compile(
    r"(?P<name>[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*?)(?:\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?"
    r"\.(?P<domain>amazonaws\.com(?:\.cn)?|amazon\.com)"  # Alexa's are amazon.com
)


class Principals(msgspec.Struct, frozen=True, kw_only=True):
    """The principals of a statement, by kind."""

    everybody: bool = False
    accounts: frozenset[str] = frozenset()  # an account's root stands for everyone in it
    identities: frozenset[str] = frozenset()  # ARNs of users, roles and sessions, and their unique ids
    services: frozenset[str] = frozenset()  # as written: sns.amazonaws.com, logs.eu-west-1.amazonaws.com
    negated: bool = False  # NotPrincipal: all but those

    def include(self, principal: Principal, resource: str) -> bool:
        """Whether these are or hold `principal`; `resource`, an ARN, says which region is meant."""
        return self._named(principal, resource) is not self.negated

    def _named(self, principal: Principal, resource: str) -> bool:
        if self.everybody:
            return True
        if principal.service:
            return bool(self.services) and not self.services.isdisjoint(_spellings(principal.service, resource))
        return principal.account in self.accounts or not self.identities.isdisjoint(_names(principal))


def _names(principal: Principal) -> set[str]:
    """All that a policy may call somebody who is not a service."""
    role_id = principal.user_id.partition(":")[0]  # of a session: the role's own id comes first
    return {principal.arn, principal.role, principal.user_id, role_id} - {""}


@lru_cache(maxsize=1024)
def _spellings(service: str, resource: str) -> frozenset[str]:
    """A service is also called with the region in its name: logs.eu-west-1.amazonaws.com."""
    match = _SERVICE.fullmatch(service)
    parts = resource.split(":")
    if match is None or match["region"] or len(parts) < 4:
        return frozenset([service])
    return frozenset([service, f"{match['name']}.{parts[3]}.{match['domain']}"])


def principals_of(statement: dict[str, Any]) -> Principals:
    """The Principal or NotPrincipal of a statement. Raises ValueError in a sentence."""
    if ("Principal" in statement) is ("NotPrincipal" in statement):
        raise ValueError("A statement of a resource-based policy needs Principal or NotPrincipal, and not both")
    negated = "NotPrincipal" in statement
    if negated and statement.get("Effect") == "Allow":
        raise ValueError("NotPrincipal with Allow would let everybody in; it goes with Deny only")
    given = statement["NotPrincipal" if negated else "Principal"]
    if given == EVERYBODY:
        return Principals(everybody=True, negated=negated)
    if not isinstance(given, dict) or not given:
        raise ValueError(f"Invalid principal in policy: {given!r}")
    named = {kind: _listed(kind, values) for kind, values in given.items()}
    aws = [_account_in(name) for name in named.get("AWS", [])]
    return Principals(
        everybody=EVERYBODY in aws,
        accounts=frozenset(name for name in aws if _ACCOUNT.fullmatch(name)),
        identities=frozenset(name for name in aws if not _ACCOUNT.fullmatch(name)),
        services=frozenset(named.get("Service", [])),
        negated=negated,
    )


def _listed(kind: str, values: Any) -> list[str]:
    listed = values if isinstance(values, list) else [values]
    if kind not in KINDS or not listed or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"Invalid principal in policy: {kind}")
    wrong = [name for name in listed if not _valid(kind, name)]
    if wrong:
        raise ValueError(f'Invalid principal in policy: "{kind}":"{wrong[0]}"')
    return listed


def _valid(kind: str, name: str) -> bool:
    if kind == "AWS":
        return name == EVERYBODY or any(form.fullmatch(name) for form in (_ACCOUNT, _ROOT, _IDENTITY))
    return bool(_SERVICE.fullmatch(name)) if kind == "Service" else bool(name)


def _account_in(name: str) -> str:
    """An account by its number, whichever way it was written; everybody and everything else as it is."""
    root = _ROOT.fullmatch(name)
    return root[1] if root else name


def rendered(principal: str) -> str | dict[str, str]:
    """The Principal of a statement that AddPermission makes, as AWS shows it. Raises ValueError for what is none."""
    if principal == EVERYBODY:
        return EVERYBODY
    if _ACCOUNT.fullmatch(principal):
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if _SERVICE.fullmatch(principal):
        return {"Service": principal}
    if _IDENTITY.fullmatch(principal):
        return {"AWS": principal}
    raise ValueError(principal)
