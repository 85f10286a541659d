"""PublishVersion and ListVersionsByFunction."""

from msgspec.structs import replace

from lambent.control import deployment, documents, functions, lookup, options, snapstart
from lambent.control.control import Control, new_revision
from lambent.control.documents import SOURCE, fingerprint
from lambent.errors import InvalidParameterValue, PreconditionFailed, ResourceNotFound
from lambent.model import Document
from lambent.store.functions import StoredVersion
from lambent.wire.parse import Call


async def publish_version(control: Control, call: Call) -> Document:
    asked = call.parameters
    ref = lookup.unqualified(call)
    options.refuse_unavailable(asked)
    while True:
        latest = lookup.latest(control, ref)
        deployment.check_revision(latest, asked.get("RevisionId"))
        _check_code(latest, asked.get("CodeSha256"))
        deployment.refuse_while_busy(latest)
        try:
            published = await publish_snapshot(control, latest, description=asked.get("Description"))
        except PreconditionFailed:
            continue  # $LATEST was changed meanwhile; look again
        return documents.configuration(published, qualifier=published.version)


async def publish_snapshot(
    control: Control, latest: StoredVersion, *, description: str | None = None, pending: bool = False
) -> StoredVersion:
    """Publish `latest`, unless it was published last and has not changed since; the version that now stands for it.

    With `pending` the version is still to be deployed, together with $LATEST, and its deployment is started; that of a
    version with SnapStart always is. Its room in the code storage the caller has claimed then, together with $LATEST's.
    Raises PreconditionFailed if $LATEST is not what `latest` says any more.
    """
    async with control.turn(latest.account, latest.region, latest.name):
        source = fingerprint(latest)
        same = _published_from(control, latest, source)
        if same is not None:
            return same
        snapshot = _snapshot(latest, source, description, pending or snapstart.applies(latest.config))
        with control.code_quota.claiming(latest.account, latest.region, 0 if pending else latest.code_size):
            published = await control.functions.publish(snapshot, None if pending else latest.revision)
        if not deployment.is_settled(published):
            deployment.begin(control, published)
        if not pending:
            await _move_revision(control, latest)
        return published


def _snapshot(latest: StoredVersion, source: str, description: str | None, pending: bool) -> StoredVersion:
    changes = {SOURCE: source} | ({} if description is None else {"Description": description})
    snapshot = replace(latest, revision=new_revision(), config=latest.config | changes)
    return deployment.pending(snapshot) if pending else deployment.succeeded(snapshot)


def _published_from(control: Control, latest: StoredVersion, source: str) -> StoredVersion | None:
    """The version published last, if it was published from the same code and configuration and is still of use."""
    function = control.functions.get(latest.account, latest.region, latest.name)
    if not function.last_version:
        return None
    try:
        last = control.functions.get_version(latest.account, latest.region, latest.name, str(function.last_version))
    except ResourceNotFound:
        return None
    return last if last.config.get(SOURCE) == source and last.state != "Failed" else None


async def _move_revision(control: Control, latest: StoredVersion) -> None:
    """Publishing changes the RevisionId of $LATEST (recorded); if somebody else changed it meanwhile, that will do."""
    await control.functions.settle(replace(latest, revision=new_revision()), latest.revision)


def _check_code(latest: StoredVersion, wanted: str | None) -> None:
    current = documents.code_sha256(latest)
    if wanted and wanted != current:
        raise InvalidParameterValue(
            f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )


async def list_versions_by_function(control: Control, call: Call) -> Document:
    ref = lookup.named(call)
    limit = min(call.parameters.get("MaxItems") or functions.PAGE, functions.PAGE)
    lookup.latest(control, ref)
    scope = f"lambda:ListVersionsByFunction:{ref.account}:{ref.region}:{ref.name}"
    after = functions.read_marker(scope, call.parameters.get("Marker"))
    found = control.functions.list_versions(ref.account, ref.region, ref.name, after[1] if after else None, limit + 1)
    shown = [documents.summary(stored, qualifier=stored.version) for stored in found[:limit]]
    return {"Versions": shown} | functions.next_marker(scope, found, limit)
