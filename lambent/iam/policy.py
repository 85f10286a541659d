"""What a resource policy says of a request: documents become statements, statements are asked. No I/O, no clock.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference".
"""

import enum
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from lambent.iam.policy_conditions import Condition, conditions_of
from lambent.iam.policy_matching import Keys, fill, wildcard
from lambent.iam.policy_principals import Principals, principals_of
from lambent.principal import Principal


class Verdict(enum.Enum):
    """What all statements say together: a Deny wins, and without any word nobody from elsewhere is let in."""

    ALLOW = "allow"
    DENY = "deny"
    SILENT = "silent"


ALLOW, DENY, SILENT = Verdict.ALLOW, Verdict.DENY, Verdict.SILENT


class Asked(msgspec.Struct, frozen=True):
    """What somebody wants to do."""

    principal: Principal
    action: str  # lambda:InvokeFunction
    resource: str  # ARN
    keys: Keys = {}  # condition keys in lower case


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of a policy."""

    sid: str = ""
    allows: bool
    principals: Principals
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_actions: bool = False  # NotAction: all but those
    not_resources: bool = False
    conditions: tuple[Condition, ...] = ()

    def speaks_of(self, asked: Asked) -> bool:
        """Whether all that it says is true of what is asked."""
        return (
            self.principals.include(asked.principal, asked.resource)
            and self._any_action(asked.action) is not self.not_actions
            and self._any_resource(asked) is not self.not_resources
            and all(condition.holds(asked.keys) for condition in self.conditions)
        )

    def _any_action(self, action: str) -> bool:
        return any(wildcard(pattern, action, ignore_case=True) for pattern in self.actions)

    def _any_resource(self, asked: Asked) -> bool:
        filled = (fill(pattern, asked.keys) for pattern in self.resources)
        return any(pattern is not None and wildcard(pattern, asked.resource) for pattern in filled)


def evaluate(statements: Iterable[Statement], asked: Asked) -> Verdict:
    """What a policy says."""
    verdict = SILENT
    for statement in statements:
        if statement.speaks_of(asked):
            if not statement.allows:
                return DENY
            verdict = ALLOW
    return verdict


def verdict_in(text: str | None, asked: Asked) -> Verdict:
    """What the text of a policy says; none, or one that is no policy, says nothing."""
    if not text:
        return SILENT
    try:
        statements = statements_in(text)
    except ValueError:
        return SILENT
    return evaluate(statements, asked)


def refusal(asked: Asked, said: Verdict, *, quote: str = "") -> str:
    """AWS's sentence to whoever may not; `quote` stands around the resource, as some services have it."""
    who = asked.principal.arn or asked.principal.service or "anonymous"
    because = (
        "with an explicit deny in a resource-based policy"
        if said is DENY
        else f"because no resource-based policy allows the {asked.action} action"
    )
    resource = f"{quote}{asked.resource}{quote}"
    return f"User: {who} is not authorized to perform: {asked.action} on resource: {resource} {because}"


def statements_of(document: dict[str, Any]) -> tuple[Statement, ...]:
    """The statements of a policy document. Raises ValueError in a sentence about what is wrong with it."""
    given = document.get("Statement")
    listed = given if isinstance(given, list) else [given]
    found = tuple(_statement(statement) for statement in listed if isinstance(statement, dict))
    if not found or len(found) != len(listed):
        raise ValueError("A policy needs a Statement, which is an object or a list of objects")
    return found


@lru_cache(maxsize=1024)
def statements_in(text: str) -> tuple[Statement, ...]:
    """The same of the text of a document, which each message for a queue or a topic asks for again."""
    document = msgspec.json.decode(text)
    return statements_of(document if isinstance(document, dict) else {})


def _statement(given: dict[str, Any]) -> Statement:
    effect = given.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise ValueError("The Effect of a statement has to be Allow or Deny")
    condition = given.get("Condition") or {}
    if not isinstance(condition, dict):
        raise ValueError("The Condition of a statement has to be an object")
    actions, not_actions = _either(given, "Action")
    resources, not_resources = _either(given, "Resource")
    return Statement(
        sid=str(given.get("Sid") or ""), allows=effect == "Allow", principals=principals_of(given),
        actions=actions, not_actions=not_actions, resources=resources, not_resources=not_resources,
        conditions=conditions_of(condition),
    )  # fmt: skip


def _either(given: dict[str, Any], name: str) -> tuple[tuple[str, ...], bool]:
    """The values of an element or of its negation, and whether it was the negation."""
    if (name in given) is (f"Not{name}" in given):
        raise ValueError(f"A statement needs {name} or Not{name}, and not both")
    negated = name not in given
    value = given[f"Not{name}" if negated else name]
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(text, str) and text for text in listed):
        raise ValueError(f"{name} has to be a string or a list of strings")
    return tuple(listed), negated
