"""CreateAlias, UpdateAlias, GetAlias, ListAliases and DeleteAlias. Source: lambda-semantics.md §24 and §30."""

from typing import Any

from msgspec.structs import replace

from lambent.arns import FunctionRef
from lambent.control import lookup, snapstart
from lambent.control.control import Control, new_revision
from lambent.errors import InvalidParameterValue, PreconditionFailed, ResourceConflict, ResourceNotFound
from lambent.model import Document
from lambent.store.aliases import StoredAlias
from lambent.store.functions import LATEST, StoredVersion
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 50  # most aliases in an answer, whatever MaxItems says: as in the other lists of the API


async def create_alias(control: Control, call: Call) -> Document:
    asked = call.parameters
    ref = lookup.unqualified(call)
    alias = StoredAlias(
        account=ref.account,
        region=ref.region,
        name=ref.name,
        alias=asked["Name"],
        version=asked["FunctionVersion"],
        additional=_weights(asked),
        description=asked.get("Description") or "",
        revision=new_revision(),
    )
    async with control.turn(ref.account, ref.region, ref.name):
        target = _version(control, ref, alias.version)
        if control.aliases.get(ref.account, ref.region, ref.name, alias.alias):
            raise ResourceConflict(f"Alias already exists: {alias.arn}")
        _check_routing(control, ref, alias, target)
        await control.aliases.create(alias)
    return _shown(alias)


async def update_alias(control: Control, call: Call) -> Document:
    """What is not said stays as it was; RevisionId changes even if nothing else does (recorded)."""
    ref = lookup.unqualified(call)
    async with control.turn(ref.account, ref.region, ref.name):
        before = _existing(control, call, ref, "Alias not found:")
        wanted = call.parameters.get("RevisionId")
        if wanted and wanted != before.revision:
            raise PreconditionFailed()
        after = _changed(before, call.parameters)
        _check_routing(control, ref, after, _version(control, ref, after.version))
        _check_provisioned(control, ref, after)
        await control.aliases.update(after, before.revision)
    control.capacity.rerouted(ref.account, ref.region, ref.name)
    return _shown(after)


async def get_alias(control: Control, call: Call) -> Document:
    return _shown(_existing(control, call, lookup.unqualified(call), "Cannot find alias arn:"))


async def list_aliases(control: Control, call: Call) -> Document:
    """By name; with FunctionVersion only those that this version is the main one of."""
    asked = call.parameters
    ref = lookup.unqualified(call)
    lookup.latest(control, ref)
    scope = f"lambda:ListAliases:{ref.account}:{ref.region}:{ref.name}"
    after = markers.after(scope, asked)
    limit = min(asked.get("MaxItems") or PAGE, PAGE)
    version = asked.get("FunctionVersion") or ""
    key = (ref.account, ref.region, ref.name)
    found = control.aliases.page(*key, version=version, after=after, limit=limit + 1)
    more = markers.more(scope, found, limit, lambda last: last.alias)
    return {"Aliases": [_shown(alias) for alias in found[:limit]]} | more


async def delete_alias(control: Control, call: Call) -> Document:
    """An alias that is not there counts as deleted, as on AWS, but the function has to be there."""
    ref = lookup.unqualified(call)
    lookup.latest(control, ref)
    key, name = (ref.account, ref.region, ref.name), call.parameters["Name"]
    async with control.turn(*key):
        await control.aliases.delete(*key, name)
    control.capacity.rerouted(*key)
    control.permits.forget(*key)  # a policy goes with its alias
    return {}


def _existing(control: Control, call: Call, ref: FunctionRef, missing: str) -> StoredAlias:
    """The alias that Name names. Raises ResourceNotFound, in words that AWS chooses by operation."""
    lookup.latest(control, ref)
    alias = control.aliases.get(ref.account, ref.region, ref.name, call.parameters["Name"])
    if alias is None:
        raise ResourceNotFound(f"{missing} {replace(ref, qualifier=call.parameters['Name']).arn}")
    return alias


def _version(control: Control, ref: FunctionRef, version: str) -> StoredVersion:
    return lookup.version(control, replace(ref, qualifier=version))


def _weights(asked: dict[str, Any]) -> dict[str, float]:
    given = (asked.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return {version: float(weight) for version, weight in given.items()}


def _changed(before: StoredAlias, asked: dict[str, Any]) -> StoredAlias:
    changes: dict[str, Any] = {"revision": new_revision()}
    if asked.get("FunctionVersion") is not None:
        changes["version"] = asked["FunctionVersion"]
    if asked.get("Description") is not None:
        changes["description"] = asked["Description"]
    if asked.get("RoutingConfig") is not None:  # an empty one ends the routing
        changes["additional"] = _weights(asked)
    return replace(before, **changes)


def _check_routing(control: Control, ref: FunctionRef, alias: StoredAlias, target: StoredVersion) -> None:
    """The service model has seen to it that weights are from 0 to 1 and their keys numbers."""
    if len(alias.additional) > 1:
        raise InvalidParameterValue("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for other in alias.additional:
        if other == alias.version:
            raise InvalidParameterValue(
                f"Invalid function version {other}. Function version {other} is already included in routing "
                "configuration."
            )
        if alias.version == LATEST:  # AWS sends no Type with this one (recorded)
            raise InvalidParameterValue(
                "$LATEST is not supported for an alias pointing to more than 1 version", Type=None
            )
        _check_alike(target, _version(control, ref, other))


def _check_provisioned(control: Control, ref: FunctionRef, alias: StoredAlias) -> None:
    """An alias with provisioned concurrency goes only where PutProvisionedConcurrencyConfig would have let it."""
    configs = control.concurrency.provisioned(ref.account, ref.region, ref.name)
    provisioned = {config.qualifier for config in configs}
    if alias.alias not in provisioned:
        return
    if alias.version == LATEST:
        raise InvalidParameterValue(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    if provisioned.intersection(alias.versions):
        raise ResourceConflict(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
        )
    if any(snapstart.applies(_version(control, ref, version).config) for version in alias.versions):
        raise InvalidParameterValue("Provisioned Concurrency is not supported for SnapStart enabled functions.")


def _check_alike(one: StoredVersion, other: StoredVersion) -> None:
    """What a call may do and where it ends must not depend on chance. The second sentence is ours, like AWS's first."""
    if one.config["Role"] != other.config["Role"]:
        raise InvalidParameterValue("Specified versions must be associated with the same execution role")
    if _dead_letters(one) != _dead_letters(other):
        raise InvalidParameterValue("Specified versions must be associated with the same dead letter queue")


def _dead_letters(stored: StoredVersion) -> str:
    return (stored.config.get("DeadLetterConfig") or {}).get("TargetArn") or ""


def _shown(alias: StoredAlias) -> Document:
    """The AliasConfiguration; RoutingConfig is there only if there is any."""
    document: Document = {
        "AliasArn": alias.arn,
        "Name": alias.alias,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    routing = {"RoutingConfig": {"AdditionalVersionWeights": alias.additional}} if alias.additional else {}
    return document | routing
