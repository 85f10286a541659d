"""The operations on the targets of rules. Source: Amazon EventBridge API Reference; recordings of AWS."""

import re

from msgspec.structs import replace

from lambent.errors import AwsError, NotImplementedYet, ValidationException
from lambent.model import Document
from lambent.services.events import inputs
from lambent.services.events.engine import EventBridge
from lambent.services.events.lookup import paged, rule_named
from lambent.services.events.nouns import Rule, Target
from lambent.wire.parse import Call

MOST_TARGETS = 5
_ID = re.compile(r"[\.\-_A-Za-z0-9]+")
_LONGEST_ID = 64
_ARN = re.compile(r"arn:[\w:\-/.]+")
_OBEYED = {
    "Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "SqsParameters", "DeadLetterConfig",
    "RetryPolicy",
}  # fmt: skip
_NO_TARGETS = ("s3",)  # what other services deliver to, and EventBridge does not


async def put_targets(events: EventBridge, call: Call) -> Document:
    """Those that can be taken are; the others are told in FailedEntries."""
    rule = rule_named(events, call, call.parameters["Rule"])
    asked: list[Target] = call.parameters["Targets"]
    for position, target in enumerate(asked, start=1):
        _check_id(target["Id"], position)
        inputs.check(target)
    failed = [refused for refused in map(_refusal, asked) if refused]
    refused_ids = {refused["TargetId"] for refused in failed}
    taken = {target["Id"]: _kept(events, target) for target in asked if target["Id"] not in refused_ids}
    targets = rule.targets | taken
    if len(targets) > MOST_TARGETS:
        message = "The requested resource exceeds the maximum number allowed."
        raise AwsError(message, code="LimitExceededException", status=400)
    if taken:
        await events.timetable.put(replace(rule, targets=targets))
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def _check_id(identifier: str, position: int) -> None:
    trouble = ""
    if not _ID.fullmatch(identifier):
        trouble = r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+"
    elif len(identifier) > _LONGEST_ID:
        trouble = "Member must have length less than or equal to 64"
    if trouble:
        where = f"Value '{identifier}' at 'targets.{position}.member.id'"
        raise ValidationException(f"1 validation error detected: {where} failed to satisfy constraint: {trouble}")


def _refusal(target: Target) -> Document | None:
    identifier, arn, message = target["Id"], target["Arn"], ""
    if not _ARN.fullmatch(arn):
        message = f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
    elif ":sqs:" in arn and arn.endswith(".fifo") and not target.get("SqsParameters"):
        message = f"Parameter(s) SqsParameters must be specified for target: {identifier}."
    if not message:
        return None
    return {"TargetId": identifier, "ErrorCode": "ValidationException", "ErrorMessage": message}


def _kept(events: EventBridge, target: Target) -> Target:
    """What is stored of it: only what is obeyed. Raises NotImplementedYet for the rest."""
    service = target["Arn"].split(":")[2] if target["Arn"].count(":") >= 5 else ""
    known = sorted(service for service in events.post.takers if service not in _NO_TARGETS)
    if service not in known:
        raise NotImplementedYet(
            f"Lambent cannot deliver events to {target['Arn']}: targets of rules are {', '.join(known)}."
        )
    for name, value in target.items():
        if name not in _OBEYED and value:
            raise NotImplementedYet(f"Lambent does not support {name} of targets. Leave it out.")
    if service == "events" and any(target.get(name) for name in ("Input", "InputPath", "InputTransformer")):
        raise ValidationException(
            f"A target that is an event bus gets events as they are: leave the input of target {target['Id']} out."
        )
    return {name: value for name, value in target.items() if value is not None}


async def remove_targets(events: EventBridge, call: Call) -> Document:
    rule = rule_named(events, call, call.parameters["Rule"])
    ids = call.parameters["Ids"]
    failed = [_unknown(rule, identifier) for identifier in ids if identifier not in rule.targets]
    kept = {identifier: target for identifier, target in rule.targets.items() if identifier not in ids}
    if len(kept) < len(rule.targets):
        await events.timetable.put(replace(rule, targets=kept))
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def _unknown(rule: Rule, identifier: str) -> Document:
    message = f"Rule '{rule.name}' does not have a target with the Id '{identifier}'."
    return {"TargetId": identifier, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": message}


async def list_targets_by_rule(events: EventBridge, call: Call) -> Document:
    rule = rule_named(events, call, call.parameters["Rule"])
    ids = sorted(rule.targets)
    page, more = paged(call, [rule.targets[identifier] for identifier in ids], ids)
    return {"Targets": list(page)} | more
