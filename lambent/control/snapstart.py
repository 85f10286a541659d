"""SnapStart in the control plane: what may be asked for, and what a version shows of it.

Source: "Improving startup performance with Lambda SnapStart", AWS Lambda Developer Guide; lambda-semantics.md §17.
"""

from collections.abc import Mapping
from typing import Any

from lambent.control.control import Control
from lambent.errors import InvalidParameterValue, NotImplementedYet
from lambent.model import Document

PUBLISHED = "PublishedVersions"
MOST_TMP_MB = 512  # AWS keeps the disk in the snapshot, ours is copied for each clone
_OLDEST_PYTHON = 12
_ELSEWHERE = ("java", "dotnet")  # AWS has it for these too
_NOT_ELSEWHERE = ("java8", "java8.al2", "dotnet6")


def setting(asked: Mapping[str, Any] | None, current: Mapping[str, Any] | None = None) -> Document:
    """The stored SnapStart of $LATEST; `asked` is the request's member, None when it says nothing."""
    before = (current or {}).get("ApplyOn", "None")
    return {"ApplyOn": (asked or {}).get("ApplyOn") or before, "OptimizationStatus": "Off"}


def applies(config: Mapping[str, Any]) -> bool:
    """Whether versions that are published of this configuration are to be initialised once, ahead of their calls."""
    return bool(config.get("SnapStart", {}).get("ApplyOn") == PUBLISHED)


def shown(config: Mapping[str, Any], *, published: bool, state: str) -> Document:
    """SnapStart as FunctionConfiguration has it: On for a published version whose template is there."""
    optimized = applies(config) and published and state == "Active"
    return {"ApplyOn": config["SnapStart"]["ApplyOn"], "OptimizationStatus": "On" if optimized else "Off"}


def check(control: Control, config: Mapping[str, Any]) -> None:
    """Refuse what SnapStart cannot be combined with, in AWS's words where they are AWS's rules.

    `config` is the whole configuration as it would be. Raises InvalidParameterValue, NotImplementedYet.
    """
    if not applies(config):
        return
    if config.get("PackageType", "Zip") == "Image":
        raise NotImplementedYet("Lambent does not support SnapStart for container images yet.")
    _check_runtime(config["Runtime"])
    if config.get("EphemeralStorage", {}).get("Size", MOST_TMP_MB) > MOST_TMP_MB:
        raise _unsupported(f"EphemeralStorage of more than {MOST_TMP_MB} MB")
    if config.get("FileSystemConfigs"):
        raise _unsupported("FileSystemConfigs")
    if config.get("TenancyConfig"):
        raise _unsupported("TenancyConfig")
    refusal = control.capacity.refuse_snapshots()
    if refusal:
        raise InvalidParameterValue(f"SnapStart is not possible on this machine: {refusal}")


def _check_runtime(runtime: str) -> None:
    if runtime.startswith(_ELSEWHERE) and runtime not in _NOT_ELSEWHERE:
        raise NotImplementedYet(f"Lambent has no SnapStart for {runtime} yet, only for Python 3.12 and later.")
    minor = runtime.removeprefix("python3.")
    if not (minor.isdigit() and int(minor) >= _OLDEST_PYTHON):
        raise _unsupported(runtime)


def _unsupported(what: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"{what} is not supported for SnapStart enabled functions.")
