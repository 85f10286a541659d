"""From Pending to Active, from InProgress to Successful, or to Failed: what happens after the answer was given.

create   Pending ------------------> Active, Successful | Failed
update   Active, InProgress -------> Active, Successful | Active, Failed
"""

import logging
import uuid
from collections.abc import Callable

from msgspec.structs import replace

from lambent.arns import FunctionRef, function_arn
from lambent.control import lookup
from lambent.control.control import Control, new_revision
from lambent.control.documents import DEPLOYMENT, as_version
from lambent.errors import (
    EnvironmentDenied,
    PreconditionFailed,
    ResourceConflict,
    ResourceNotFound,
    RuntimeMissing,
    SandboxError,
    SnapshotFailed,
)
from lambent.store.functions import StoredVersion

CREATING = "The function is being created."  # AWS says so of updates too

# AWS's StateReasonCode
_CODES = (
    (RuntimeMissing, "InvalidRuntime"),
    (SnapshotFailed, "FunctionError"),
    (EnvironmentDenied, "KMSKeyAccessDenied"),
)
_TOLD = (SandboxError, EnvironmentDenied)  # whose words are for whoever deploys

_log = logging.getLogger(__name__)


def pending(stored: StoredVersion) -> StoredVersion:
    """A version that is being made."""
    return replace(
        stored,
        state="Pending",
        state_reason=CREATING,
        state_reason_code="Creating",
        last_update_status=None,
        last_update_status_reason=None,
        last_update_status_reason_code=None,
    )


def in_progress(stored: StoredVersion) -> StoredVersion:
    """$LATEST with a change that is being deployed."""
    return replace(
        stored,
        revision=new_revision(),
        config=stored.config | {DEPLOYMENT: str(uuid.uuid4())},
        last_update_status="InProgress",
        last_update_status_reason=CREATING,
        last_update_status_reason_code="Creating",
    )


def succeeded(stored: StoredVersion) -> StoredVersion:
    """A version that can run."""
    return replace(
        stored,
        revision=new_revision(),
        state="Active",
        state_reason=None,
        state_reason_code=None,
        last_update_status="Successful",
        last_update_status_reason=None,
        last_update_status_reason_code=None,
    )


def failed(stored: StoredVersion, error: Exception) -> StoredVersion:
    """A version that the engine cannot run, with the reason."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "InternalError")
    reason = error.message if isinstance(error, _TOLD) else "An internal error occurred while deploying."
    if stored.state == "Pending":
        stored = replace(stored, state="Failed", state_reason=reason, state_reason_code=code)
        if not isinstance(error, SnapshotFailed):
            return replace(stored, revision=new_revision())
    return replace(
        stored,
        revision=new_revision(),
        last_update_status="Failed",
        last_update_status_reason=reason,
        last_update_status_reason_code=code,
    )


def is_settled(stored: StoredVersion) -> bool:
    return stored.state != "Pending" and stored.last_update_status != "InProgress"


def refuse_while_busy(stored: StoredVersion) -> None:
    """One deployment at a time. Raises ResourceConflict."""
    cannot = "The operation cannot be performed at this time."
    if stored.state == "Pending":
        raise ResourceConflict(f"{cannot} The function is currently in the following state: Pending")
    if stored.last_update_status == "InProgress":
        arn = function_arn(stored.account, stored.region, stored.name)
        raise ResourceConflict(f"{cannot} An update is in progress for resource: {arn}")


async def change_latest(
    control: Control, ref: FunctionRef, revision: str | None, change: Callable[[StoredVersion], StoredVersion]
) -> tuple[StoredVersion, StoredVersion]:
    """Store `change` of $LATEST and start its deployment; what was there before, and what is there now.

    Raises ResourceNotFound, ResourceConflict, and PreconditionFailed if $LATEST is not at the client's `revision`.
    """
    while True:
        before = lookup.latest(control, ref)
        check_revision(before, revision)
        refuse_while_busy(before)
        after = in_progress(change(before))
        try:
            await control.functions.update_latest(after, before.revision)
        except PreconditionFailed:
            continue  # somebody else came in between; look again whether ours may still be done
        control.capacity.changed(ref.account, ref.region, ref.name)
        begin(control, after)
        return before, after


def check_revision(stored: StoredVersion, wanted: str | None) -> None:
    if wanted and wanted != stored.revision:
        raise PreconditionFailed()


def begin(control: Control, stored: StoredVersion) -> None:
    """Deploy a version in the background."""
    control.spawn(deploy(control, stored))


async def deploy(control: Control, stored: StoredVersion) -> None:
    """Make the engine ready for a version and store what came of it; never raises but for cancellation."""
    error: Exception | None = None
    try:
        await control.capacity.prepare(as_version(stored))
    except _TOLD as refused:
        error = refused
    except Exception as bug:  # the client waits for an end, whatever happened
        _log.exception("deploying %s:%s failed", stored.name, stored.version)
        error = bug
    await _settle(control, stored, error)


async def _settle(control: Control, stored: StoredVersion, error: Exception | None) -> None:
    """Store the end of a deployment, unless the version is gone or was settled by somebody else.

    The engine is not told: nothing that it runs has changed, and what was not Active it must not have remembered.
    """
    while not await control.functions.settle(failed(stored, error) if error else succeeded(stored), stored.revision):
        try:  # its RevisionId moved on: a tag was set meanwhile, or it was deleted
            now = control.functions.get_version(stored.account, stored.region, stored.name, stored.version)
        except ResourceNotFound:
            return
        if is_settled(now) or now.config.get(DEPLOYMENT) != stored.config.get(DEPLOYMENT):
            return
        stored = now


async def resume(control: Control) -> None:
    """At start: remove code that a crash left behind, and take up the deployments that it interrupted."""
    await control.blobs.sweep()
    for stored in control.functions.unsettled():
        begin(control, stored)
