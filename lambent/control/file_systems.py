"""FileSystemConfigs: a directory of this machine, at a path below /mnt, for an access point of EFS or S3 Files.

Which directory stands for which access point is the operator's to say (the setting file_systems). Sources of AWS's
words: cfn-lint pull request 4408 and chalice issue 1453 (VpcConfig); lambda-semantics.md §30.
"""

from collections.abc import Mapping
from typing import Any

from lambent.control.control import Control
from lambent.errors import InvalidParameterValue
from lambent.model import Document


def configured(asked: Mapping[str, Any], before: Mapping[str, Any]) -> Document:
    """The member of FunctionConfiguration that the request `asked` makes, given those `before`; none for none."""
    wanted = asked.get("FileSystemConfigs")
    shown = before.get("FileSystemConfigs") if wanted is None else [_shown(each) for each in wanted]
    return {"FileSystemConfigs": shown} if shown else {}


def _shown(config: Mapping[str, Any]) -> Document:
    return {name: config[name] for name in ("Arn", "LocalMountPath", "S3FilesConfig") if config.get(name)}


def check(control: Control, asked: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValue for what cannot be mounted; `config` is the whole configuration as it would be."""
    for each in config.get("FileSystemConfigs") or ():
        _check_vpc(each["Arn"], asked, config)
        if asked.get("FileSystemConfigs"):
            _check_one(control, each)


def _check_vpc(arn: str, asked: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    if (config.get("VpcConfig") or {}).get("SubnetIds"):
        return
    if asked.get("VpcConfig") is not None and not asked.get("FileSystemConfigs"):
        raise InvalidParameterValue(f"Function VPC configuration cannot be removed with access point {arn} referenced.")
    raise InvalidParameterValue(
        f"Function must be configured to execute in a VPC to reference access point {arn}. Please update the function "
        "configuration to include VPC subnets and security groups."
    )


def _check_one(control: Control, config: Mapping[str, Any]) -> None:
    arn, path = config["Arn"], config["LocalMountPath"]
    if path.rpartition("/")[2] in (".", ".."):
        raise InvalidParameterValue(f"LocalMountPath must name a directory below /mnt; found {path}")
    if config.get("S3FilesConfig") and ":s3files:" not in arn:
        raise InvalidParameterValue("S3FilesConfig can be given only with an access point of Amazon S3 Files.")
    if (config.get("S3FilesConfig") or {}).get("DirectS3Read", "AUTO") != "AUTO":
        raise InvalidParameterValue(
            "DirectS3Read is not available here but as AUTO: the directory that stands for the access point is read "
            "directly anyway."
        )
    if arn not in control.settings.access_points:
        raise InvalidParameterValue(
            f"The access point {arn} does not exist. (The setting file_systems says which directories of this machine "
            "stand for access points.)"
        )
    refusal = control.capacity.refuse_file_systems()
    if refusal:
        raise InvalidParameterValue(refusal)
