"""TagResource, UntagResource and ListTags."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec.structs import replace

from lambent.arns import FunctionRef, parse_function
from lambent.control import capacity_providers, code_signing, lookup, mapping_tags, rules
from lambent.control.control import Control, new_revision
from lambent.errors import InvalidParameterValue, ResourceNotFound, ValidationException
from lambent.model import Document
from lambent.wire.parse import Call

Change = Callable[[dict[str, str]], dict[str, str]]  # from the tags that there are to those that shall be


class Kind(NamedTuple):
    """How things of one kind, other than functions, keep their tags."""

    tags: Callable[[Control, Call], dict[str, str]]
    change: Callable[[Control, Call, Change], Awaitable[None]]


# By the word in their ARNs.
_KINDS = {
    "capacity-provider": Kind(capacity_providers.tags, capacity_providers.change_tags),
    "code-signing-config": Kind(code_signing.tags, code_signing.change_tags),
    "event-source-mapping": Kind(mapping_tags.tags, mapping_tags.change_tags),
}


async def tag_resource(control: Control, call: Call) -> Document:
    tags = call.parameters["Tags"]
    kind = _kind(call)
    if kind is not None:
        await kind.change(control, call, lambda found: found | tags)
        return {}
    ref = _tagged(control, call)
    if not tags:
        raise InvalidParameterValue("An error occurred and the request cannot be processed.")
    async with control.turn(ref.account, ref.region, ref.name):
        rules.check_tags(control.functions.tags(ref.account, ref.region, ref.name) | tags)
        await control.functions.put_tags(ref.account, ref.region, ref.name, tags)
    await _move_revision(control, ref)
    return {}


async def untag_resource(control: Control, call: Call) -> Document:
    kind = _kind(call)
    ref = None if kind else _tagged(control, call)
    if kind is not None:
        kind.tags(control, call)  # it has to be there, whatever is wrong with the keys
    keys = call.parameters.get("TagKeys")
    if not keys:
        raise ValidationException(
            "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
        )
    if kind is not None:
        await kind.change(control, call, lambda found: {name: found[name] for name in found if name not in keys})
    if ref is None:
        return {}
    await control.functions.remove_tags(ref.account, ref.region, ref.name, keys)
    await _move_revision(control, ref)
    return {}


async def list_tags(control: Control, call: Call) -> Document:
    kind = _kind(call)
    if kind is not None:
        return {"Tags": kind.tags(control, call)}
    ref = _tagged(control, call)
    return {"Tags": control.functions.tags(ref.account, ref.region, ref.name)}


def _kind(call: Call) -> Kind | None:
    """How what Resource names keeps its tags; None for a function, and for what cannot be made here yet."""
    return _KINDS.get(call.parameters["Resource"].split(":")[5])


def _tagged(control: Control, call: Call) -> FunctionRef:
    """The function that Resource names; other things that AWS tags cannot be made here yet, so none exists."""
    arn = call.parameters["Resource"]
    if arn.split(":")[5] != "function":
        raise ResourceNotFound("The resource you requested does not exist.")
    ref = parse_function(arn, None, account=call.account, region=call.region)
    if ref.qualifier:
        raise InvalidParameterValue(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    lookup.latest(control, ref)
    return ref


async def _move_revision(control: Control, ref: FunctionRef) -> None:
    """Tags count as a change: $LATEST gets another RevisionId."""
    while True:
        latest = lookup.latest(control, ref)
        if await control.functions.settle(replace(latest, revision=new_revision()), latest.revision):
            return
