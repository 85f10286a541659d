"""Policy documents as AWS shows them: what AddPermission writes, what PutResourcePolicy may write. No I/O."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.errors import AwsError, InvalidParameterValue, ResourceConflict
from lambent.iam.policy import Statement, statements_of
from lambent.iam.policy_matching import wildcard
from lambent.iam.policy_principals import rendered
from lambent.model import Document

LIMIT = 20_480  # bytes
VERSIONS = ("2012-10-17", "2008-10-17")

# Who is meant is fixed by these, if their value is: then "*" does not mean everybody. Source: AWS's definition of
# "public" (S3 User Guide, "The meaning of public"), with the keys that functions know.
_NARROWING = {
    "aws:sourcearn", "aws:sourceaccount", "aws:sourceowner", "aws:sourceip", "aws:principalorgid", "aws:principalarn",
    "aws:principalaccount", "aws:userid", "aws:principalservicename", "lambda:eventsourcetoken",
}  # fmt: skip
_FIXING = {"stringequals", "stringlike", "stringequalsignorecase", "arnequals", "arnlike", "ipaddress"}


def statement(asked: Mapping[str, Any], resource: str) -> Document:
    """The statement that AddPermission makes, in the order of AWS's members. Raises InvalidParameterValue."""
    try:
        principal = rendered(asked["Principal"])
    except ValueError:
        raise InvalidParameterValue(
            "The provided principal was invalid. Please check the principal and try again."
        ) from None
    given: Document = {
        "Sid": asked["StatementId"],
        "Effect": "Allow",
        "Principal": principal,
        "Action": asked["Action"],
        "Resource": resource,
    }
    conditions = _conditions(asked)
    return given | ({"Condition": conditions} if conditions else {})


def _conditions(asked: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By operator and key, spelled and ordered as AWS does (recorded for the two AWS:Source… keys)."""
    equal = {
        "lambda:FunctionUrlAuthType": asked.get("FunctionUrlAuthType"),
        "aws:PrincipalOrgID": asked.get("PrincipalOrgID"),
        "AWS:SourceAccount": asked.get("SourceAccount"),
        "lambda:EventSourceToken": asked.get("EventSourceToken"),
    }
    via_url = asked.get("InvokedViaFunctionUrl")
    blocks = {
        "StringEquals": {key: value for key, value in equal.items() if value},
        "Bool": {} if via_url is None else {"lambda:InvokedViaFunctionUrl": str(via_url).lower()},
        "ArnLike": {"AWS:SourceArn": asked["SourceArn"]} if asked.get("SourceArn") else {},
    }
    return {operator: keys for operator, keys in blocks.items() if keys}


def added(document: str, new: Document) -> str:
    """The document ("": none yet) with one more statement. Raises ResourceConflict for a Sid that is taken."""
    policy: Document = _read(document) if document else {"Version": VERSIONS[0], "Id": "default", "Statement": []}
    statements = _listed(policy)
    if any(each.get("Sid") == new["Sid"] for each in statements):
        raise ResourceConflict(
            f"The statement id ({new['Sid']}) provided already exists. Please provide a new statement id, or remove "
            "the existing statement."
        )
    return written(policy | {"Statement": [*statements, new]})


def removed(document: str, sid: str) -> str | None:
    """The document without the statement of that Sid; "" if that was the last one, None if there is none."""
    policy = _read(document)
    statements = _listed(policy)
    left = [each for each in statements if each.get("Sid") != sid]
    if len(left) == len(statements):
        return None
    return written(policy | {"Statement": left}) if left else ""


def written(policy: Document) -> str:
    """As AWS shows it, without blanks. Raises PolicyLengthExceededException."""
    text = msgspec.json.encode(policy)
    if len(text) > LIMIT:
        raise too_long(len(text))
    return text.decode()


def too_long(size: int) -> AwsError:
    message = f"The final policy size ({size}) is bigger than the limit ({LIMIT})."
    return AwsError(message, code="PolicyLengthExceededException", status=400)


def checked(text: str, resource: str) -> str:
    """The document of a PutResourcePolicy for the function, version or alias of that ARN. Raises
    InvalidParameterValue in a sentence about what is wrong with it.
    """
    policy = _read(text)
    try:
        statements = statements_of(policy)
        _check(policy, statements, resource)
    except ValueError as error:
        raise InvalidParameterValue(f"The policy is not valid: {error}") from None
    return written(policy)


def _check(policy: Document, statements: tuple[Statement, ...], resource: str) -> None:
    """Raises ValueError."""
    if policy.get("Version", VERSIONS[1]) not in VERSIONS:
        raise ValueError("its Version has to be 2012-10-17")
    twice = [sid for sid, count in Counter(each.sid for each in statements).items() if sid and count > 1]
    if twice:
        raise ValueError(f"Statement IDs (SID) in a single policy must be unique. {twice[0]} is there twice")
    for each in statements:
        for action in each.actions:
            if not wildcard(action, "lambda:") and not action.lower().startswith("lambda:"):
                raise ValueError(f"{action} is not an action of Lambda")
        if not each.not_resources and not any(wildcard(pattern, resource) for pattern in each.resources):
            raise ValueError(f"a Resource has to be or include {resource}, which the policy is for")


def denies(document: str) -> bool:
    """Whether a statement of it says Deny."""
    return any(not each.allows for each in statements_of(_read(document)))


def public(document: str) -> bool:
    """Whether it lets everybody in: an Allow for "*" of which no condition fixes who is meant."""
    return any(
        each.allows and each.principals.everybody and not _narrow(each) for each in statements_of(_read(document))
    )


def _narrow(each: Statement) -> bool:
    return any(
        condition.key in _NARROWING
        and condition.operator in _FIXING
        and not condition.if_exists
        and not any(value in ("*", "0.0.0.0/0", "::/0") or "${" in value for value in condition.values)
        for condition in each.conditions
    )


def _read(text: str) -> Document:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise InvalidParameterValue("Policies must be valid JSON and the first byte must be '{'") from None


def _listed(policy: Document) -> list[Document]:
    """Its statements; a single one may stand there without a list."""
    given = policy["Statement"]
    return given if isinstance(given, list) else [given]
