"""The operations on schedule groups, and on their tags. Source: EventBridge Scheduler API Reference."""

from msgspec.structs import replace

from lambent.errors import ValidationException
from lambent.model import Document
from lambent.services.scheduler.engine import Scheduler
from lambent.services.scheduler.nouns import DEFAULT, Group, dated
from lambent.services.scheduler.operations import conflict, not_found, page_of
from lambent.wire.parse import Call


async def create_schedule_group(scheduler: Scheduler, call: Call) -> Document:
    name, now = call.parameters["Name"], scheduler.clock.epoch()
    if scheduler.group(call.account, call.region, name) is not None:
        raise conflict("Schedule group", name)
    tags = {tag["Key"]: tag["Value"] for tag in call.parameters.get("Tags") or ()}
    group = Group(account=call.account, region=call.region, name=name, tags=tags, created=now, modified=now)
    await scheduler.put_group(group)
    return {"ScheduleGroupArn": group.arn}


async def get_schedule_group(scheduler: Scheduler, call: Call) -> Document:
    return _group(_found_group(scheduler, call, call.parameters["Name"]))


def _group(group: Group) -> Document:
    dates = {"CreationDate": dated(group.created), "LastModificationDate": dated(group.modified)}
    return {"Arn": group.arn, "Name": group.name, "State": "ACTIVE", **dates}


def _found_group(scheduler: Scheduler, call: Call, name: str) -> Group:
    found = scheduler.group(call.account, call.region, name)
    if found is None:
        raise not_found("Schedule group", name)
    return found


async def delete_schedule_group(scheduler: Scheduler, call: Call) -> Document:
    name = call.parameters["Name"]
    if name == DEFAULT:
        raise ValidationException("The default schedule group cannot be deleted.")
    await scheduler.delete_group(_found_group(scheduler, call, name))
    return {}


async def list_schedule_groups(scheduler: Scheduler, call: Call) -> Document:
    prefix = call.parameters.get("NamePrefix") or ""
    found = [each for each in scheduler.groups(call.account, call.region) if each.name.startswith(prefix)]
    page, more = page_of(call, "scheduler:ListScheduleGroups", found, lambda each: each.name)
    return {"ScheduleGroups": [_group(each) for each in page]} | more


# -- tags, of groups


def _tagged(scheduler: Scheduler, call: Call) -> Group:
    parts = call.parameters["ResourceArn"].split(":")
    if (parts[4], parts[3]) != (call.account, call.region):
        raise not_found("Schedule group", parts[5].rpartition("/")[2])
    return _found_group(scheduler, call, parts[5].rpartition("/")[2])


async def tag_resource(scheduler: Scheduler, call: Call) -> Document:
    group = _tagged(scheduler, call)
    tags = group.tags | {tag["Key"]: tag["Value"] for tag in call.parameters["Tags"]}
    await scheduler.put_group(replace(group, tags=tags))
    return {}


async def untag_resource(scheduler: Scheduler, call: Call) -> Document:
    group, gone = _tagged(scheduler, call), set(call.parameters["TagKeys"])
    await scheduler.put_group(replace(group, tags={key: value for key, value in group.tags.items() if key not in gone}))
    return {}


async def list_tags_for_resource(scheduler: Scheduler, call: Call) -> Document:
    return {"Tags": [{"Key": key, "Value": value} for key, value in _tagged(scheduler, call).tags.items()]}
