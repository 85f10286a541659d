"""PutRuntimeManagementConfig and GetRuntimeManagementConfig: when the runtime of a version may be replaced.

Lambent has one build of each runtime and never replaces it by itself; whoever runs the machine does (decision 29). So
Auto and FunctionUpdate come to the same, and Manual can name the build that is there, but no other.
Sources: "Configuring Lambda runtime management settings", AWS Lambda Developer Guide; cdk-preflight 1.9.1 (pf-lambda-
runtime-manual-requires-arn, -arn-manual-only, -version-arn-region).
"""

from lambent.arns import FunctionRef, runtime_version_arn
from lambent.control import deployment, documents, lookup
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue
from lambent.model import Document
from lambent.store.functions import StoredVersion
from lambent.store.runtime_management import MANUAL, RuntimeManagement
from lambent.wire.parse import Call


async def put_runtime_management_config(control: Control, call: Call) -> Document:
    ref, stored = _version(control, call)
    wanted = RuntimeManagement(call.parameters["UpdateRuntimeOn"], call.parameters.get("RuntimeVersionArn") or "")
    _check(stored, wanted)
    deployment.refuse_while_busy(stored)
    await control.stores.runtime_management.put(ref.account, ref.region, ref.name, stored.version, wanted)
    return _document(ref, wanted)


async def get_runtime_management_config(control: Control, call: Call) -> Document:
    ref, stored = _version(control, call)
    return _document(ref, control.stores.runtime_management.get(ref.account, ref.region, ref.name, stored.version))


def _version(control: Control, call: Call) -> tuple[FunctionRef, StoredVersion]:
    """The version that is named: an alias is none, since it may stand for another one tomorrow."""
    ref = lookup.named(call)
    if lookup.is_alias(ref.qualifier):
        lookup.latest(control, ref)
        raise InvalidParameterValue(
            f"Runtime management is configured for $LATEST or a published version, and {ref.qualifier} is an alias. "
            "Name the version that it stands for."
        )
    return ref, lookup.version(control, ref)


def _check(stored: StoredVersion, wanted: RuntimeManagement) -> None:
    if documents.is_image(stored):
        raise InvalidParameterValue("Runtime management is not available for functions with packageType Image.")
    if wanted.update_on != MANUAL:
        if wanted.runtime_version_arn:
            raise InvalidParameterValue("RuntimeVersionArn can be given only when UpdateRuntimeOn is Manual.")
        return
    if not wanted.runtime_version_arn:
        raise InvalidParameterValue("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.")
    ours = runtime_version_arn(stored.config["Runtime"], stored.region)
    if wanted.runtime_version_arn != ours:
        raise InvalidParameterValue(
            f"The runtime version {wanted.runtime_version_arn} does not exist for {stored.config['Runtime']} here. "
            f"Lambent has one build of each runtime, and this one's is {ours}."
        )


def _document(ref: FunctionRef, found: RuntimeManagement) -> Document:
    """The ARN of the runtime version is shown only if one was named, as on AWS."""
    named = {"RuntimeVersionArn": found.runtime_version_arn} if found.runtime_version_arn else {}
    return {"UpdateRuntimeOn": found.update_on, "FunctionArn": ref.arn} | named
