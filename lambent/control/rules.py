"""Rules between and beyond the constraints of the service model, with AWS's sentences.

Sources: the recordings under shared/oracles (errors.tsv), localstack-core 2026.3.0 (texts snapshot-tested against AWS),
cdk-preflight 1.9.1 (each rule failed a real deployment).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lambent.control import vpc
from lambent.control.control import Control
from lambent.errors import AwsError, InvalidParameterValue, ValidationException
from lambent.invoke.keys import TAG, term_in
from lambent.runtimes.environment import RESERVED
from lambent.runtimes.table import check_create, check_update

MOST_MEMORY_MB = 10_240
MOST_TMP_MB = 10_240
LONGEST_TIMEOUT_S = 900
ENVIRONMENT_BYTES = 4096
REQUEST_BYTES = 70_167_211
ZIPPED_BYTES = 52_428_800
UNZIPPED_BYTES = 262_144_000
MOST_TAGS = 50
LONGEST_TAG_KEY, LONGEST_TAG_VALUE = 128, 256  # characters

_CANNOT_CONFIGURE = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
)


def check_settings(parameters: Mapping[str, Any]) -> None:
    """Everything that CreateFunction and UpdateFunctionConfiguration check alike."""
    check_environment((parameters.get("Environment") or {}).get("Variables") or {})
    check_sizes(parameters)
    vpc.check(parameters.get("VpcConfig"))


def check_environment(variables: Mapping[str, str]) -> None:
    """At most 4 KB as compact JSON, and no names that Lambda itself sets."""
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > ENVIRONMENT_BYTES:
        raise InvalidParameterValue(f"{_CANNOT_CONFIGURE}exceeded the 4KB limit. String measured: {measured}")
    reserved = [name for name in variables if name in RESERVED]
    if reserved:
        raise InvalidParameterValue(
            f"{_CANNOT_CONFIGURE}contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )


def check_sizes(parameters: Mapping[str, Any]) -> None:
    """Memory, time-out and /tmp: the model allows what only Managed Instances and accelerators may have."""
    if parameters.get("MemorySize", 0) > MOST_MEMORY_MB:
        raise InvalidParameterValue(
            "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to "
            f"{MOST_MEMORY_MB}"
        )
    timeout = parameters.get("Timeout", 0)
    if timeout > LONGEST_TIMEOUT_S:
        raise ValidationException(
            f"1 validation error detected: Value '{timeout}' at 'timeout' failed to satisfy constraint: "
            f"Member must have value less than or equal to {LONGEST_TIMEOUT_S}"
        )
    if (parameters.get("EphemeralStorage") or {}).get("Size", 0) > MOST_TMP_MB:
        raise InvalidParameterValue(
            "'EphemeralStorage.Size' value failed to satisfy constraint: Member must have value less than or equal to "
            f"{MOST_TMP_MB}"
        )


def check_architectures(control: Control, architectures: Sequence[str]) -> None:
    """This machine runs its own architecture only."""
    for architecture in architectures:
        if architecture != control.architecture:
            raise InvalidParameterValue(
                f"This machine is {control.architecture} and cannot run {architecture} functions. Leave Architectures "
                f"out or set it to [{control.architecture}], and package native code for it."
            )


def check_new_runtime(control: Control, runtime: str | None, handler: str | None) -> None:
    """A new zip function needs a runtime that AWS still takes and that is installed here, and a handler."""
    if not runtime or not handler:
        raise InvalidParameterValue(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    check_create(runtime, control.today(), control.runtimes)
    check_installed(control, runtime)


def check_runtime_update(control: Control, current: str, wanted: str | None) -> None:
    """AWS refuses to update functions whose runtime it has blocked; ours needs an interpreter only if it is another."""
    check_update(wanted or current, control.today(), control.runtimes)
    if wanted and wanted != current:
        check_installed(control, wanted)


def check_images(control: Control) -> None:
    refusal = control.capacity.refuse_images()
    if refusal:
        raise InvalidParameterValue(refusal)


def check_installed(control: Control, runtime: str) -> None:
    refusal = control.capacity.refuse(runtime)
    if refusal:
        raise InvalidParameterValue(refusal)


def check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise InvalidParameterValue("Number of tags exceeds resource tag limit.")
    for key, value in tags.items():
        _check_tag(key, value)
    if TAG in tags:
        term_in(tags[TAG])


def _check_tag(key: str, value: str) -> None:
    """AWS's guide has these limits; the sentences are ours."""
    if key.lower().startswith("aws:"):
        raise InvalidParameterValue(f"Tag keys that begin with aws: are reserved for AWS: {key}")
    if not 1 <= len(key) <= LONGEST_TAG_KEY or len(value) > LONGEST_TAG_VALUE:
        raise InvalidParameterValue(
            f"Tag keys have 1 to {LONGEST_TAG_KEY} characters and values at most {LONGEST_TAG_VALUE}: "
            f"{key[:200]!r} has {len(key)} and its value {len(value)}."
        )


def check_request_size(body: bytes, operation: str) -> None:
    if len(body) > REQUEST_BYTES:
        raise _entity_too_large(f"Request must be smaller than {REQUEST_BYTES} bytes for the {operation} operation")


def check_zipped(package: bytes) -> None:
    if len(package) > ZIPPED_BYTES:
        raise _entity_too_large(f"Zipped size must be smaller than {ZIPPED_BYTES} bytes")


def _entity_too_large(message: str) -> AwsError:
    return AwsError(message, code="RequestEntityTooLargeException", status=413)
