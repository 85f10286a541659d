"""CreateEventSourceMapping, Get, List, Update and Delete. Source: lambda-semantics.md §5.5 and §30; the recordings.

Creating -> Enabled; Enabled <-> Disabled by way of Disabling and Enabling; Updating back to where it was; Deleting.
Passing states last `PASSING_S` of product time, and what is in one can be neither changed nor deleted.
"""

import uuid

from msgspec.structs import replace

from lambent.arns import KMS_KEY, FunctionRef
from lambent.control import (
    lookup,
    mapping_documents,
    mapping_kinds,
    mapping_lookup,
    mapping_rules,
    mapping_twins,
    rules,
)
from lambent.control.control import Control
from lambent.control.mapping_kinds import Kind
from lambent.errors import InvalidParameterValue, ResourceNotFound
from lambent.model import Document
from lambent.store import event_source_mappings as states
from lambent.store.event_source_mappings import StoredMapping
from lambent.store.functions import StoredVersion
from lambent.wire import markers
from lambent.wire.parse import Call

PASSING_S = 1.0  # on AWS seconds to minutes
PAGE = 100  # most mappings in an answer, whatever MaxItems says


async def create_event_source_mapping(control: Control, call: Call) -> Document:
    asked = call.parameters
    kind = _checked_kind(call)
    ref, function = _function(control, call)
    arn = asked.get("EventSourceArn") or ""
    if arn:
        mapping_rules.check_place(kind, arn, call.account, call.region)
    mapping_rules.check_source(control, kind, arn, function)
    mapping_rules.check_reserved(control, asked, function)
    mapping = _new(call, ref, kind, control.clock.epoch())
    settings = await mapping_documents.sealed(control, mapping.arn, mapping.settings)
    await control.stores.mappings.create(replace(mapping, settings=settings), mapping_twins.refuse)
    _follow(control, mapping)
    return mapping_documents.shown(control, mapping, mapping.state)


def _checked_kind(call: Call) -> Kind:
    """The kind of source that a new mapping is for, if all that a request tells by itself is right."""
    asked = call.parameters
    kind = mapping_kinds.kind_of(asked)
    if kind is None:
        raise InvalidParameterValue("Unrecognized event source.")
    mapping_rules.check_members(kind, asked)
    _check_key(asked.get("KMSKeyArn"), call.region)
    rules.check_tags(asked.get("Tags") or {})
    return kind


def _new(call: Call, ref: FunctionRef, kind: Kind, now: float) -> StoredMapping:
    asked, own = call.parameters, str(uuid.uuid4())
    enabled = asked.get("Enabled") is not False
    return StoredMapping(
        account=call.account, region=call.region, uuid=own, name=ref.name, qualifier=ref.qualifier or "",
        kind=kind.name, source=asked.get("EventSourceArn") or "", settings=mapping_documents.created(kind, own, asked),
        enabled=enabled, state=states.CREATING if enabled else states.DISABLED, due=now + PASSING_S if enabled else 0.0,
        last_modified=now, tags=dict(asked.get("Tags") or {}),
    )  # fmt: skip


async def get_event_source_mapping(control: Control, call: Call) -> Document:
    mapping, state = mapping_lookup.existing(control, mapping_lookup.key(call))
    return (await mapping_documents.opened(control, [mapping_documents.shown(control, mapping, state)]))[0]


async def list_event_source_mappings(control: Control, call: Call) -> Document:
    """By UUID. A FunctionName means mappings of exactly that name and qualifier, whether the function is there or not:
    mappings outlive it, and somebody has to find them."""
    asked = call.parameters
    ref = lookup.named(call) if asked.get("FunctionName") else None
    source, function = asked.get("EventSourceArn") or "", (ref.name, ref.qualifier or "") if ref else ("", "")
    scope = f"lambda:ListEventSourceMappings:{call.account}:{call.region}:{source}:{':'.join(function)}"
    after = markers.after(scope, asked)
    limit, now = min(asked.get("MaxItems") or PAGE, PAGE), control.clock.epoch()
    page = control.stores.mappings.page(
        call.account, call.region, source=source, function=function, after=after, limit=limit + 1
    )
    found = [(mapping, mapping.state_at(now)) for mapping in page[:limit]]
    documents = [mapping_documents.shown(control, mapping, state) for mapping, state in found if state]
    more = markers.more(scope, page, limit, lambda last: last.uuid)
    return {"EventSourceMappings": await mapping_documents.opened(control, documents)} | more


async def update_event_source_mapping(control: Control, call: Call) -> Document:
    asked, key = call.parameters, mapping_lookup.key(call)
    read, _ = mapping_lookup.existing(control, key)
    before = await _in_the_clear(control, read)
    settings = mapping_documents.updated(mapping_kinds.named(before.kind), before.settings, asked)
    ref = _check_update(control, call, before, settings)
    wanted = replace(
        read,
        settings=await mapping_documents.sealed(control, before.arn, settings),
        enabled=read.enabled if asked.get("Enabled") is None else asked["Enabled"],
        **({"name": ref.name, "qualifier": ref.qualifier or ""} if ref else {}),
    )

    def change(found: StoredMapping | None) -> StoredMapping:
        now = control.clock.epoch()
        current = mapping_lookup.settled(found, now)
        mapping_lookup.refuse_in_use(current, "update", moved=_without_state(current) != _without_state(read))
        state = _way(current.enabled, wanted.enabled)
        return replace(wanted, state=state, due=now + PASSING_S, result=current.result, last_modified=now)

    mapping = await control.stores.mappings.change(key, change, mapping_twins.refuse)
    _follow(control, mapping)
    return mapping_documents.shown(control, replace(mapping, settings=settings), mapping.state)


def _check_update(control: Control, call: Call, before: StoredMapping, settings: Document) -> FunctionRef | None:
    """What FunctionName names, if an update says so, and all that it asks for is right."""
    kind = mapping_kinds.named(before.kind)
    ref, function = _function(control, call) if call.parameters.get("FunctionName") else (None, None)
    mapping_rules.check_members(kind, settings | {"EventSourceArn": before.source or None})
    _check_key(call.parameters.get("KMSKeyArn"), call.region)
    if function is not None:
        mapping_rules.check_source(control, kind, before.source, function)
    elif call.parameters.get("ScalingConfig"):
        function = _fed(control, before)
    if function is not None:
        mapping_rules.check_reserved(control, settings, function)
    return ref


def _fed(control: Control, mapping: StoredMapping) -> StoredVersion | None:
    """$LATEST of the function that a mapping feeds; None if that is gone."""
    try:
        return control.functions.get_version(mapping.account, mapping.region, mapping.name)
    except ResourceNotFound:
        return None


def _without_state(mapping: StoredMapping) -> StoredMapping:
    """What an update is based on: not how far a passing state is, nor what pollers have noted."""
    return replace(mapping, state="", due=0.0, result="")


async def delete_event_source_mapping(control: Control, call: Call) -> Document:
    def change(found: StoredMapping | None) -> StoredMapping:
        now = control.clock.epoch()
        current = mapping_lookup.settled(found, now)
        mapping_lookup.refuse_in_use(current, "delete")
        return replace(current, state=states.DELETING, due=now + PASSING_S, last_modified=now)

    mapping = await control.stores.mappings.change(mapping_lookup.key(call), change)
    _follow(control, mapping)
    return (await mapping_documents.opened(control, [mapping_documents.shown(control, mapping, mapping.state)]))[0]


def resume(control: Control) -> None:
    """At start: see to the passing states in which a stop has left mappings."""
    for mapping in control.stores.mappings.all():
        if mapping.due:
            _follow(control, mapping)


def _function(control: Control, call: Call) -> tuple[FunctionRef, StoredVersion]:
    """What FunctionName names. Raises InvalidParameterValue if that is not there, or another account's."""
    ref = lookup.named(call)
    try:
        if ref.account == call.account:
            function = lookup.version(control, ref)
            _refuse_tenants(function)
            return ref, function
    except ResourceNotFound:
        pass
    raise InvalidParameterValue("Function does not exist")


def _refuse_tenants(function: StoredVersion) -> None:
    """No record of a queue or stream says which tenant it is for. AWS's rule, our sentence."""
    if function.config.get("TenancyConfig"):
        raise InvalidParameterValue("Event source mappings are not supported for functions with tenant isolation.")


def _way(before: bool, after: bool) -> str:
    if before == after:
        return states.UPDATING
    return states.ENABLING if after else states.DISABLING


def _check_key(arn: str | None, region: str) -> None:
    key = KMS_KEY.fullmatch(arn) if arn else None
    if arn and (key is None or key["region"] != region):  # ours
        raise InvalidParameterValue(f"{arn} is not the ARN of a KMS key of this region.")


async def _in_the_clear(control: Control, mapping: StoredMapping) -> StoredMapping:
    """With filters that an update may change; what cannot be decrypted stays sealed."""
    document = dict(mapping.settings) | {"EventSourceMappingArn": mapping.arn}
    opened = (await mapping_documents.opened(control, [document]))[0]
    if "FilterCriteriaError" in opened:
        return mapping
    return replace(mapping, settings={name: opened[name] for name in opened if name != "EventSourceMappingArn"})


def _follow(control: Control, mapping: StoredMapping) -> None:
    """Tell whoever polls, now and when the passing state is over."""
    control.sources.changed(mapping)
    if not mapping.due:
        return
    key = (mapping.account, mapping.region, mapping.uuid)

    async def settle() -> None:
        now = max(control.clock.epoch(), mapping.due)  # a timer may come a little early, and there is no other
        settled = await control.stores.mappings.settle(key, now)
        control.sources.changed(settled or mapping)

    control.later(mapping.due - control.clock.epoch(), settle)
