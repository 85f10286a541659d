"""The operations on log groups, their retention and their tags. Source: CloudWatch Logs API Reference."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lambent.errors import AwsError, NotImplementedYet
from lambent.model import Document
from lambent.services.logs.engine import Logs
from lambent.services.logs.errors import exists_already, invalid, not_found
from lambent.services.logs.nouns import RETENTIONS, Group, Key, Settings, key_of
from lambent.wire import markers
from lambent.wire.parse import Call

MOST_TAGS = 50


def named(call: Call, name: str = "logGroupName") -> Key:
    return call.account, call.region, call.parameters[name]


def identified(call: Call) -> Key:
    """By logGroupName or logGroupIdentifier, which may be an ARN."""
    name, identifier = call.parameters.get("logGroupName"), call.parameters.get("logGroupIdentifier")
    if name and identifier:
        raise AwsError(
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.", code="ValidationException", status=400
        )
    meant = name or identifier
    if not meant:
        raise invalid("Either logGroupName or logGroupIdentifier must be given.")
    return own(call, key_of(meant, call.account, call.region))


def own(call: Call, key: Key) -> Key:
    """Of the caller's account and region: there are no linked accounts here."""
    if key[:2] != (call.account, call.region):
        raise not_found("log group")
    return key


def paged(call: Call, found: list[Any], name: Callable[[Any], str], most: int = 50) -> tuple[list[Any], Document]:
    """The part of a list, in its order, that comes after the token; and the next token."""
    token, limit = call.parameters.get("nextToken"), call.parameters.get("limit") or most
    scope = f"logs:{call.operation}"
    if token:
        after = markers.unseal(scope, token, refuse=invalid("The specified nextToken is invalid."))[0]
        names = [name(each) for each in found]
        found = found[names.index(after) + 1 :] if after in names else []
    page = found[:limit]
    return page, {"nextToken": markers.seal(scope, [name(page[-1])])} if len(found) > limit else {}


async def create_log_group(logs: Logs, call: Call) -> Document:
    asked, key = call.parameters, named(call)
    if asked.get("kmsKeyId"):
        raise NotImplementedYet("Lambent does not encrypt log groups with KMS keys yet: leave kmsKeyId out.")
    group_class = asked.get("logGroupClass") or "STANDARD"
    if group_class != "STANDARD":
        raise NotImplementedYet(f"Lambent has no log groups of the class {group_class} yet: leave logGroupClass out.")
    if await logs.find(key) is not None:
        raise exists_already("log group")
    settings = Settings(tags=asked.get("tags") or {}, is_protected=bool(asked.get("deletionProtectionEnabled")))
    await logs.put_group(Group(key=key, created=logs.now, settings=settings))
    return {}


async def delete_log_group(logs: Logs, call: Call) -> Document:
    group = await logs.group(named(call))
    if group.settings.is_protected:
        raise invalid("The log group is protected from deletion: PutLogGroupDeletionProtection turns that off.")
    await logs.delete_group(group)
    return {}


async def put_log_group_deletion_protection(logs: Logs, call: Call) -> Document:
    group = await logs.group(identified(call))
    protected = bool(call.parameters["deletionProtectionEnabled"])
    await logs.put_group(replace(group, settings=replace(group.settings, is_protected=protected)))
    return {}


async def describe_log_groups(logs: Logs, call: Call) -> Document:
    asked = call.parameters
    prefix, pattern = asked.get("logGroupNamePrefix") or "", asked.get("logGroupNamePattern") or ""
    if prefix and pattern:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    only = {key_of(each, call.account, call.region) for each in asked.get("logGroupIdentifiers") or ()}
    found = [
        (group, size) for group, size in await logs.groups(call.account, call.region)
        if group.name.startswith(prefix) and pattern.lower() in group.name.lower() and (not only or group.key in only)
        and asked.get("logGroupClass") in (None, group.settings.group_class)
    ]  # fmt: skip
    page, more = paged(call, found, lambda each: each[0].name)
    return {"logGroups": [_described(group, size) for group, size in page]} | more


def _described(group: Group, size: int) -> Document:
    said = {
        "logGroupName": group.name, "creationTime": group.created, "metricFilterCount": 0, "arn": f"{group.arn}:*",
        "storedBytes": size, "logGroupClass": group.settings.group_class, "logGroupArn": group.arn,
        "deletionProtectionEnabled": group.settings.is_protected,
    }  # fmt: skip
    days = group.settings.retention_days
    return said | ({"retentionInDays": days} if days else {})


async def list_log_groups(logs: Logs, call: Call) -> Document:
    """The pattern: up to five alternatives, each somewhere in the name, or at its beginning with a ^."""
    asked = call.parameters
    for name in ("dataSources", "fieldIndexNames", "logGroupTags"):
        if asked.get(name):
            raise NotImplementedYet(f"Lambent does not list log groups by {name} yet.")
    pieces = (asked.get("logGroupNamePattern") or "").split("|")
    found = [
        group for group, _ in await logs.groups(call.account, call.region)
        if any(group.name.startswith(each[1:]) if each[:1] == "^" else each in group.name for each in pieces)
        and asked.get("logGroupClass") in (None, group.settings.group_class)
    ]  # fmt: skip
    page, more = paged(call, found, lambda group: group.name)
    shown = [
        {"logGroupName": group.name, "logGroupArn": group.arn, "logGroupClass": group.settings.group_class}
        for group in page
    ]
    return {"logGroups": shown} | more


async def put_retention_policy(logs: Logs, call: Call) -> Document:
    days = call.parameters["retentionInDays"]
    if days not in RETENTIONS:
        raise invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(map(str, RETENTIONS))}]"
        )
    group = await logs.group(named(call))
    await logs.put_group(replace(group, settings=replace(group.settings, retention_days=days)))
    return {}


async def delete_retention_policy(logs: Logs, call: Call) -> Document:
    group = await logs.group(named(call))
    await logs.put_group(replace(group, settings=replace(group.settings, retention_days=0)))
    return {}


# -- tags, by ARN or, as it was earlier, by name


async def _tagged(logs: Logs, call: Call) -> Group:
    if "logGroupName" in call.parameters:
        return await logs.group(named(call))
    return await logs.group(own(call, key_of(call.parameters["resourceArn"], call.account, call.region)))


async def tag(logs: Logs, call: Call) -> Document:
    group = await _tagged(logs, call)
    tags = group.settings.tags | call.parameters["tags"]
    if len(tags) > MOST_TAGS:
        raise AwsError(
            f"A log group can have at most {MOST_TAGS} tags.", code="TooManyTagsException", status=400,
            resourceName=group.arn,
        )  # fmt: skip
    await logs.put_group(replace(group, settings=replace(group.settings, tags=tags)))
    return {}


async def untag(logs: Logs, call: Call) -> Document:
    group = await _tagged(logs, call)
    gone = set(call.parameters.get("tagKeys") or call.parameters.get("tags") or ())
    tags = {key: value for key, value in group.settings.tags.items() if key not in gone}
    await logs.put_group(replace(group, settings=replace(group.settings, tags=tags)))
    return {}


async def list_tags(logs: Logs, call: Call) -> Document:
    return {"tags": (await _tagged(logs, call)).settings.tags}
