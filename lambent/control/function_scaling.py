"""PutFunctionScalingConfig and GetFunctionScalingConfig: how many environments Managed Instances keep for a version.

No function is on a capacity provider here (decision 0031), so a right request is refused in a sentence, and a wrong one
is told what is wrong. AWS takes one bound without the other, and keeps the other (terraform-provider-aws' tests).
"""

from collections.abc import Mapping
from typing import Any

from lambent.arns import function_arn
from lambent.control import lookup
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue
from lambent.model import Document
from lambent.store.functions import StoredVersion
from lambent.wire.parse import Call

_PUBLISHED = "$LATEST.PUBLISHED"  # which only functions on a capacity provider have


async def put_function_scaling_config(control: Control, call: Call) -> Document:
    stored = _version(control, call)
    _check(call.parameters.get("FunctionScalingConfig") or {})
    raise InvalidParameterValue(
        f"FunctionScalingConfig isn't supported for Lambda Default functions. {stored.name} is not on a capacity "
        "provider; use PutProvisionedConcurrencyConfig or PutFunctionConcurrency to say how many environments it has."
    )


async def get_function_scaling_config(control: Control, call: Call) -> Document:
    """Only the ARN: nothing was asked for, and nothing applies."""
    stored = _version(control, call)
    return {"FunctionArn": f"{function_arn(stored.account, stored.region, stored.name)}:{stored.version}"}


def _version(control: Control, call: Call) -> StoredVersion:
    ref = lookup.named(call)
    if ref.qualifier == _PUBLISHED:
        lookup.latest(control, ref)
        raise lookup.not_found(ref)
    return lookup.version(control, ref)


def _check(asked: Mapping[str, Any]) -> None:
    """Zero turns the function off, and then both bounds are zero (lambda-semantics.md §20, §30)."""
    least, most = asked.get("MinExecutionEnvironments"), asked.get("MaxExecutionEnvironments")
    if least is None or most is None:
        return
    if least > most:
        raise InvalidParameterValue(
            "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments in FunctionScalingConfig"
        )
    if least == 0 and most != 0:
        raise InvalidParameterValue("MinExecutionEnvironments can be 0 only if MaxExecutionEnvironments is 0")
