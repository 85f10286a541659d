"""VpcConfig: which private network a function is in. Lambent has no VPCs to look into, so every subnet named exists.

What follows from it at run time is decided in sandbox/surroundings.py. Sources: cdk-preflight 1.9.1 ("VPC"), aws-sdk-js
issue 1293 (the sentence), localstack-core 2026.3.0 (what is shown after a function has left its VPC).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from lambent.errors import InvalidParameterValue, NotImplementedYet
from lambent.model import Document


def check(asked: Mapping[str, Any] | None) -> None:
    """Subnets and security groups come together, or neither."""
    asked = asked or {}
    if bool(asked.get("SubnetIds")) != bool(asked.get("SecurityGroupIds")):
        raise InvalidParameterValue("SubnetIds and SecurityIds must coexist or be both empty list.")
    if asked.get("Ipv6AllowedForDualStack"):
        raise NotImplementedYet("Lambent does not support Ipv6AllowedForDualStack yet: sandboxes speak IPv4 only.")


def configured(asked: Mapping[str, Any], before: Mapping[str, Any], account: str, region: str) -> Document:
    """The members of FunctionConfiguration that VpcConfig in the request `asked` makes, given those `before`."""
    wanted = asked.get("VpcConfig")
    if wanted is None:
        return {}
    subnets, groups = list(wanted.get("SubnetIds") or ()), list(wanted.get("SecurityGroupIds") or ())
    if not subnets and "VpcConfig" not in before:
        return {}  # it never was in a VPC, and AWS does not mention one
    shown = {"SubnetIds": subnets, "SecurityGroupIds": groups, "Ipv6AllowedForDualStack": False}
    return {"VpcConfig": shown | {"VpcId": vpc_id(account, region) if subnets else ""}}


def vpc_id(account: str, region: str) -> str:
    """All subnets of an account in a region belong to one VPC, which keeps its name."""
    return f"vpc-{hashlib.sha256(f'{account}/{region}'.encode()).hexdigest()[:17]}"


def subnets(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of a stored configuration; empty outside a VPC."""
    return tuple((config.get("VpcConfig") or {}).get("SubnetIds") or ())
