"""UpdateFunctionCode and UpdateFunctionConfiguration."""

from typing import Any

from msgspec.structs import replace

from lambent.control import (
    capacity_providers,
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
from lambent.control.control import Control
from lambent.control.logging_config import logging_config
from lambent.model import Document
from lambent.store.functions import StoredVersion
from lambent.wire.parse import Call

_PLAIN = ("Role", "Handler", "Description", "Timeout", "MemorySize", "Runtime")  # replaced as they come


async def update_function_code(control: Control, call: Call) -> Document:
    asked = call.parameters
    rules.check_request_size(call.request.body, call.operation)
    ref = lookup.unqualified(call)
    current = lookup.latest(control, ref)
    deployment.check_revision(current, asked.get("RevisionId"))
    _check_code(control, asked, current)
    source = await sources.fetched(control, sources.named(call, asked, current.config["PackageType"], "updating"))
    signing = control.stores.code_signing.of(ref.account, ref.region, ref.name)
    signed = await signatures.check_code(control, ref, signing, source.package)
    architectures = asked.get("Architectures") or current.config["Architectures"]
    more = source.size if asked.get("Publish") else 0  # that of the version: nothing may fail once the code is changed
    async with sources.kept(control, ref, source, architectures, current.code_size - more) as kept:
        code = replace(kept, config=kept.config | signed)
        if asked.get("DryRun"):
            deployment.refuse_while_busy(current)
            return documents.configuration(_with_code(control, current, code, asked))
        before, after = await deployment.change_latest(
            control, ref, asked.get("RevisionId"), lambda found: _with_code(control, found, code, asked)
        )
        published = await versions.publish_snapshot(control, after, pending=True) if asked.get("Publish") else None
    control.blobs.release([before.code_digest], before.config["Timeout"])
    return documents.configuration(published or after, qualifier=published.version if published else None)


def _check_code(control: Control, asked: dict[str, Any], current: StoredVersion) -> None:
    rules.check_architectures(control, asked.get("Architectures") or ())
    options.refuse_unavailable(asked)
    if not documents.is_image(current):
        rules.check_runtime_update(control, current.config["Runtime"], None)


def _with_code(control: Control, found: StoredVersion, code: sources.Stored, asked: dict[str, Any]) -> StoredVersion:
    architectures = list(asked.get("Architectures") or found.config["Architectures"])
    changed = replace(
        found,
        code_digest=code.digest,
        code_size=code.size,
        config=signatures.without(found.config) | {"Architectures": architectures} | code.config,
        last_modified=control.timestamp(),
    )
    return function_layers.check_size(control, changed)


async def update_function_configuration(control: Control, call: Call) -> Document:
    while True:
        try:
            return await _update_configuration(control, call)
        except environments.MovedError:
            continue  # somebody else's change came in between; look again what ours comes to


async def _update_configuration(control: Control, call: Call) -> Document:
    asked = call.parameters
    ref = lookup.unqualified(call)
    current = lookup.latest(control, ref)
    deployment.check_revision(current, asked.get("RevisionId"))
    rules.check_settings(asked)
    kms.check(asked.get("KMSKeyArn"), ref.region)
    images.check(asked, current.config["PackageType"])
    if not documents.is_image(current):
        rules.check_runtime_update(control, current.config["Runtime"], asked.get("Runtime"))
    options.refuse_unavailable(asked)
    durable_config.check_change(ref.name, asked, current.config)
    capacity_providers.refuse_change(asked.get("CapacityProviderConfig"))
    destinations.check_dead_letters(ref, asked.get("DeadLetterConfig"))
    wanted = _with_configuration(control, current, asked).config
    snapstart.check(control, wanted)
    file_systems.check(control, asked, wanted)
    environment = await environments.resealed(control, current, asked)
    signing = control.stores.code_signing.of(ref.account, ref.region, ref.name)
    await signatures.check_layers(control, call, ref, signing, asked.get("Layers") or ())
    async with control.blobs.holding():
        layers = None if asked.get("Layers") is None else function_layers.choose(control, call, asked["Layers"])

        def change(found: StoredVersion) -> StoredVersion:
            environments.check_unmoved(current, found)
            return _with_configuration(control, found, asked, environment, layers)

        before, after = await deployment.change_latest(control, ref, asked.get("RevisionId"), change)
    control.blobs.release(before.layer_digests, before.config["Timeout"])
    return documents.configuration(after)


def _with_configuration(
    control: Control, found: StoredVersion, asked: dict[str, Any], environment: Document | None = None,
    layers: function_layers.Chosen | None = None,
) -> StoredVersion:  # fmt: skip
    config = found.config | {name: asked[name] for name in _PLAIN if asked.get(name) is not None}
    config |= environment or {}
    for name in ("DeadLetterConfig", "FileSystemConfigs"):
        config.pop(name, None)
    if not config.get("KMSKeyArn"):
        config.pop("KMSKeyArn", None)
    config |= destinations.dead_letters(asked, found.config) | file_systems.configured(asked, found.config)
    config |= durable_config.configured(asked, found.config)
    config |= vpc.configured(asked, found.config, found.account, found.region)
    if asked.get("EphemeralStorage") is not None:
        config["EphemeralStorage"] = {"Size": asked["EphemeralStorage"]["Size"]}
    if asked.get("ImageConfig") is not None:
        config.pop("ImageConfigResponse", None)
        config |= images.shown(asked["ImageConfig"])
    if (asked.get("TracingConfig") or {}).get("Mode"):
        config["TracingConfig"] = {"Mode": asked["TracingConfig"]["Mode"]}
    if asked.get("SnapStart") is not None:
        config["SnapStart"] = snapstart.setting(asked["SnapStart"], found.config.get("SnapStart"))
    if asked.get("LoggingConfig") is not None:
        config["LoggingConfig"] = logging_config(found.name, asked["LoggingConfig"], found.config["LoggingConfig"])
    changed = replace(found, config=config, last_modified=control.timestamp())
    return function_layers.check_size(control, layers.on(changed)) if layers else changed
