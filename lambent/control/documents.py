"""What is stored of a version, as the API shows it and as the engine needs it."""

import base64
import hashlib
from typing import Any

import msgspec

from lambent.arns import function_arn, runtime_version_arn
from lambent.control import durable_config, snapstart, vpc
from lambent.model import Document, ImageConfig, Version
from lambent.store.functions import LATEST, StoredVersion

# Members of the stored configuration that no client sees.
DEPLOYMENT = "_Deployment"  # UUID of the last change of code or configuration: what sandboxes are shared by
IMAGE_URI = "_ImageUri"  # as it was given
SOURCE = "_Source"  # of a published version: the fingerprint of what it was published from

_STATES = (
    ("state", "State"),
    ("state_reason", "StateReason"),
    ("state_reason_code", "StateReasonCode"),
    ("last_update_status", "LastUpdateStatus"),
    ("last_update_status_reason", "LastUpdateStatusReason"),
    ("last_update_status_reason_code", "LastUpdateStatusReasonCode"),
)


def configuration(stored: StoredVersion, *, qualifier: str | None = None) -> Document:
    """The FunctionConfiguration of GetFunction; its ARN carries `qualifier`, as the caller gave it."""
    states = {name: getattr(stored, field) for field, name in _STATES if getattr(stored, field)}
    document = summary(stored, qualifier=qualifier) | states
    if is_image(stored):
        return document
    runtime_version = {"RuntimeVersionArn": runtime_version_arn(stored.config["Runtime"], stored.region)}
    return document | {"RuntimeVersionConfig": runtime_version}


def summary(stored: StoredVersion, *, qualifier: str | None = None) -> Document:
    """The FunctionConfiguration of the List operations, which leave out the states and the runtime's version."""
    arn = function_arn(stored.account, stored.region, stored.name)
    shown = {name: value for name, value in stored.config.items() if not name.startswith("_")}
    published = stored.version != LATEST
    return shown | {
        "SnapStart": snapstart.shown(stored.config, published=published, state=stored.state),
        "FunctionName": stored.name,
        "FunctionArn": f"{arn}:{qualifier}" if qualifier else arn,
        "Version": stored.version,
        "RevisionId": stored.revision,
        "CodeSha256": code_sha256(stored),
        "CodeSize": stored.code_size,
        "LastModified": stored.last_modified,
    }


def is_image(stored: StoredVersion) -> bool:
    return bool(stored.config.get("PackageType") == "Image")


def code_sha256(stored: StoredVersion) -> str:
    """The digest of the code as the API shows it: base64 of a zip's, hex of an image's."""
    if is_image(stored):
        return stored.code_digest
    return base64.b64encode(bytes.fromhex(stored.code_digest)).decode()


def fingerprint(stored: StoredVersion) -> str:
    """Equal for two states of $LATEST that PublishVersion need not tell apart: the same code and configuration."""
    shown = {name: value for name, value in stored.config.items() if not name.startswith("_")}
    text = msgspec.json.encode([stored.code_digest, shown], order="deterministic")
    return hashlib.sha256(text).hexdigest()


def _image_config(config: dict[str, Any]) -> ImageConfig:
    """What the function wants of its image; empty lists want nothing, as on AWS."""
    wanted = config.get("ImageConfigResponse", {}).get("ImageConfig", {})
    entry_point, command = (tuple(wanted[name]) if wanted.get(name) else None for name in ("EntryPoint", "Command"))
    return ImageConfig(entry_point, command, wanted.get("WorkingDirectory") or None)


def as_version(stored: StoredVersion) -> Version:
    """The version as the engine needs it.

    Its `revision` changes with the code and the configuration only. The RevisionId that clients see also changes when a
    deployment ends or a tag is set, which is no reason to throw warm sandboxes away.
    """
    config: dict[str, Any] = stored.config
    logging = config["LoggingConfig"]
    return Version(
        account=stored.account,
        region=stored.region,
        name=stored.name,
        version=stored.version,
        revision=config.get(DEPLOYMENT, stored.revision),
        runtime=config.get("Runtime", ""),
        handler=config.get("Handler", ""),
        image=_image_config(config) if is_image(stored) else None,
        code_digest=stored.code_digest,
        role=config["Role"],
        memory_mb=config["MemorySize"],
        timeout_s=config["Timeout"],
        tmp_mb=config["EphemeralStorage"]["Size"],
        architecture=config["Architectures"][0],
        sealed_environment=base64.b64decode(config.get("Environment", {}).get("Sealed", "")),
        layers=stored.layer_digests,
        subnets=vpc.subnets(config),
        file_systems=tuple((each["Arn"], each["LocalMountPath"]) for each in config.get("FileSystemConfigs", ())),
        log_format=logging["LogFormat"],
        application_log_level=logging.get("ApplicationLogLevel"),
        system_log_level=logging.get("SystemLogLevel"),
        log_group=logging["LogGroup"],
        dead_letter=config.get("DeadLetterConfig", {}).get("TargetArn", ""),
        active_tracing=config["TracingConfig"]["Mode"] == "Active",
        durable=durable_config.durability(config),
        per_tenant="TenancyConfig" in config,
        snap_start=snapstart.applies(config) and stored.version != LATEST,
        state=stored.state,
        state_reason=stored.state_reason or "",
    )
