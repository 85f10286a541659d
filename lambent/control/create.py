"""CreateFunction."""

import uuid
from typing import Any

from msgspec.structs import replace

from lambent.arns import FunctionRef
from lambent.control import (
    capacity_providers,
    code_signing,
    deployment,
    destinations,
    documents,
    durable_config,
    environments,
    file_systems,
    function_layers,
    images,
    kms,
    lookup,
    options,
    rules,
    signatures,
    snapstart,
    sources,
    versions,
    vpc,
)
from lambent.control.control import Control, new_revision
from lambent.control.logging_config import logging_config
from lambent.errors import ResourceConflict, ResourceNotFound
from lambent.model import Document
from lambent.store.functions import LATEST, StoredFunction, StoredVersion
from lambent.wire.parse import Call


async def create_function(control: Control, call: Call) -> Document:
    asked = call.parameters
    _check(control, call)
    ref = lookup.to_create(call)
    destinations.check_dead_letters(ref, asked.get("DeadLetterConfig"))
    source = sources.named(call, asked["Code"], asked.get("PackageType", "Zip"), "creating")
    _refuse_existing(control, ref)
    signing = code_signing.wanted(control, call, asked.get("CodeSigningConfigArn"), asked.get("PackageType", "Zip"))
    source = await sources.fetched(control, source)
    signed = await signatures.check_code(control, ref, signing, source.package)
    await signatures.check_layers(control, call, ref, signing, asked.get("Layers") or ())
    environment = await environments.sealed(control, ref, asked)
    more = (
        source.size if asked.get("Publish") else 0
    )  # that of the version: nothing may fail once the function is there
    async with sources.kept(control, ref, source, _architectures(control, asked), -more) as kept:
        layers = function_layers.choose(control, call, asked.get("Layers") or ())
        code = replace(kept, config=kept.config | signed)
        latest = deployment.pending(layers.on(_latest(control, ref, asked, environment, code)))
        function_layers.check_size(control, latest)
        await control.functions.create(
            _function(control, ref, asked), latest, code_signing=signing.id if signing else ""
        )
        shown = await versions.publish_snapshot(control, latest, pending=True) if asked.get("Publish") else latest
    deployment.begin(control, latest)
    return documents.configuration(shown)


def _check(control: Control, call: Call) -> None:
    """Everything that can be told from the request and the machine, in AWS's order as far as it is known."""
    asked = call.parameters
    rules.check_request_size(call.request.body, call.operation)
    images.check(asked, asked.get("PackageType", "Zip"))
    rules.check_architectures(control, asked.get("Architectures") or ())
    rules.check_settings(asked)
    kms.check(asked.get("KMSKeyArn"), call.region)
    if asked.get("PackageType") == "Image":
        rules.check_images(control)
    else:
        rules.check_new_runtime(control, asked.get("Runtime"), asked.get("Handler"))
    options.refuse_unavailable(asked)
    options.refuse_unavailable(asked["Code"])
    capacity_providers.refuse_use(control, call)
    snapstart.check(control, asked)
    file_systems.check(control, asked, asked)
    durable_config.check_new(asked)
    rules.check_tags(asked.get("Tags") or {})


def _refuse_existing(control: Control, ref: FunctionRef) -> None:
    """Before the zip is unpacked; the store refuses again, should two requests come at once."""
    try:
        control.functions.get_version(ref.account, ref.region, ref.name)
    except ResourceNotFound:
        return
    raise ResourceConflict(f"Function already exist: {ref.name}")


def _function(control: Control, ref: FunctionRef, asked: dict[str, Any]) -> StoredFunction:
    return StoredFunction(
        account=ref.account,
        region=ref.region,
        name=ref.name,
        created_at=control.clock.epoch(),
        tags=dict(asked.get("Tags") or {}),
    )


def _latest(
    control: Control, ref: FunctionRef, asked: dict[str, Any], environment: Document, code: sources.Stored
) -> StoredVersion:
    return StoredVersion(
        account=ref.account,
        region=ref.region,
        name=ref.name,
        version=LATEST,
        revision=new_revision(),
        config=_config(control, ref.name, asked)
        | environment
        | code.config
        | destinations.dead_letters(asked, {})
        | durable_config.configured(asked, {})
        | file_systems.configured(asked, {})
        | vpc.configured(asked, {}, ref.account, ref.region),
        code_digest=code.digest,
        code_size=code.size,
        last_modified=control.timestamp(),
    )


def _architectures(control: Control, asked: dict[str, Any]) -> list[str]:
    return list(asked.get("Architectures") or [control.architecture])


def _config(control: Control, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The members of FunctionConfiguration that follow from the request, with AWS's defaults."""
    config = {
        "Architectures": _architectures(control, asked),
        "Description": asked.get("Description") or "",
        "EphemeralStorage": {"Size": (asked.get("EphemeralStorage") or {}).get("Size", 512)},
        "LoggingConfig": logging_config(name, asked.get("LoggingConfig") or {}),
        "MemorySize": asked.get("MemorySize", 128),
        "PackageType": asked.get("PackageType", "Zip"),
        "Role": asked["Role"],
        "SnapStart": snapstart.setting(asked.get("SnapStart")),
        "Timeout": asked.get("Timeout", 3),
        "TracingConfig": {"Mode": (asked.get("TracingConfig") or {}).get("Mode", "PassThrough")},
        documents.DEPLOYMENT: str(uuid.uuid4()),
    }
    if asked.get("TenancyConfig"):
        config["TenancyConfig"] = asked["TenancyConfig"]
    if config["PackageType"] == "Image":
        config |= images.shown(asked.get("ImageConfig"))
    else:
        config |= {"Handler": asked["Handler"], "Runtime": asked["Runtime"]}
    return config
