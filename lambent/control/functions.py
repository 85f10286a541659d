"""GetFunction, GetFunctionConfiguration, ListFunctions and DeleteFunction."""

from collections.abc import Sequence

from lambent.arns import FunctionRef, function_arn
from lambent.control import concurrency, documents, images, lookup
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue, ResourceConflict, ResourceNotFound
from lambent.model import Document
from lambent.store.functions import LATEST, StoredVersion
from lambent.wire import markers
from lambent.wire.parse import Call

EVERYTHING = 2**31
PAGE = 50  # most functions or versions in an answer, whatever MaxItems says


async def get_function(control: Control, call: Call) -> Document:
    ref = lookup.named(call)
    stored = lookup.version(control, ref)
    answer: Document = {
        "Configuration": documents.configuration(stored, qualifier=ref.qualifier),
        "Code": _code(control, call, stored),
    }
    tags = control.functions.tags(ref.account, ref.region, ref.name)
    reserved = concurrency.shown(control, ref)
    return answer | ({"Tags": tags} if tags else {}) | ({"Concurrency": reserved} if reserved else {})


def _code(control: Control, call: Call, stored: StoredVersion) -> Document:
    if not documents.is_image(stored):
        return {"RepositoryType": "S3", "Location": lookup.location(control, call, stored.code_digest)}
    uri = stored.config[documents.IMAGE_URI]
    return {
        "RepositoryType": "ECR",
        "ImageUri": uri,
        "ResolvedImageUri": images.resolved_uri(uri, stored.code_digest),
    }


async def get_function_configuration(control: Control, call: Call) -> Document:
    ref = lookup.named(call)
    return documents.configuration(lookup.version(control, ref), qualifier=ref.qualifier)


async def list_functions(control: Control, call: Call) -> Document:
    asked = call.parameters
    limit = min(asked.get("MaxItems") or PAGE, PAGE)
    every = asked.get("FunctionVersion") == "ALL"
    if asked.get("MasterRegion") and not every:
        raise InvalidParameterValue("FunctionVersion must be set to ALL when MasterRegion is specified.")
    if asked.get("MasterRegion") not in (None, "ALL", call.region):
        return {"Functions": []}  # functions replicated from elsewhere (Lambda@Edge): there are none
    scope = f"lambda:ListFunctions:{call.account}:{call.region}:{'versions' if every else ''}"
    after = read_marker(scope, asked.get("Marker"))
    if every:
        found = control.functions.list_all_versions(call.account, call.region, after, limit + 1)
        shown = [documents.summary(stored, qualifier=stored.version) for stored in found[:limit]]
    else:
        found = control.functions.list(call.account, call.region, after[0] if after else None, limit + 1)
        shown = [documents.summary(stored) for stored in found[:limit]]
    return {"Functions": shown} | next_marker(scope, found, limit)


def next_marker(scope: str, found: Sequence[StoredVersion], limit: int) -> Document:
    """NextMarker, if there is more than `limit` of what was found; `scope` names the list."""
    if len(found) <= limit:
        return {}
    last = found[limit - 1]
    return {"NextMarker": markers.seal(scope, [last.name, last.version])}


def read_marker(scope: str, marker: str | None) -> tuple[str, str] | None:
    """(name, version) of the last entry of the page before. Raises InvalidParameterValue for another list's marker."""
    if not marker:
        return None
    name, version = markers.unseal(scope, marker)
    return name, version


async def delete_function(control: Control, call: Call) -> Document:
    ref = lookup.named(call)
    if ref.qualifier == LATEST:
        raise InvalidParameterValue("$LATEST version cannot be deleted without deleting the function.")
    if lookup.is_alias(ref.qualifier):
        raise InvalidParameterValue("Deletion of aliases is not currently supported.")
    await (_delete_version(control, ref) if ref.qualifier else _delete_whole(control, ref))
    return {"StatusCode": 204}


async def _delete_whole(control: Control, ref: FunctionRef) -> None:
    async with control.turn(ref.account, ref.region, ref.name):
        gone = _all_versions(control, ref)
        await control.functions.delete(ref.account, ref.region, ref.name)
    _forget(control, ref, gone)


async def _delete_version(control: Control, ref: FunctionRef) -> None:
    """A version that is not there counts as deleted, as on AWS, but the function has to be there."""
    lookup.latest(control, ref)
    try:
        async with control.turn(ref.account, ref.region, ref.name):
            gone = lookup.version(control, ref)
            _refuse_while_aliased(control, gone)
            await control.functions.delete_version(ref.account, ref.region, ref.name, gone.version)
    except ResourceNotFound:
        return
    _forget(control, ref, [gone])


def _refuse_while_aliased(control: Control, stored: StoredVersion) -> None:
    """Raises ResourceConflict for a version that an alias stands for, with whatever weight."""
    aliases = control.aliases.standing_for(stored.account, stored.region, stored.name, stored.version)
    if aliases:
        raise ResourceConflict(
            f"Unable to delete version because the following aliases reference it: [{', '.join(aliases)}]"
        )


def _all_versions(control: Control, ref: FunctionRef) -> list[StoredVersion]:
    try:
        return control.functions.list_versions(ref.account, ref.region, ref.name, limit=EVERYTHING)
    except ResourceNotFound:
        raise ResourceNotFound(f"Function not found: {function_arn(ref.account, ref.region, ref.name)}") from None


def _forget(control: Control, ref: FunctionRef, gone: Sequence[StoredVersion]) -> None:
    """The engine lets go first; the code goes when the calls that still run must have ended."""
    control.capacity.changed(ref.account, ref.region, ref.name)
    control.permits.forget(ref.account, ref.region, ref.name)
    longest = max(stored.config["Timeout"] for stored in gone)
    used = {digest for stored in gone for digest in (stored.code_digest, *stored.layer_digests)}
    control.blobs.release(used, longest)
