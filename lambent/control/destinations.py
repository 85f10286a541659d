"""Where outcomes of asynchronous invocations may go: destinations of event invoke configs, and dead-letter targets.

Whether there is such a queue, topic, bus or bucket shows when something is sent there (decision 23).
Sources: lambda-semantics.md §4 and §30, localstack-core 2026.3.0 and cdk-preflight 1.9.1 (AWS's sentences).
"""

from collections.abc import Mapping
from typing import Any

from lambent.arns import FunctionRef, parse_function
from lambent.control import lookup
from lambent.control.control import Control
from lambent.errors import AwsError, InvalidParameterValue, ResourceNotFound
from lambent.model import Document

_REGIONAL = ("sqs", "sns", "lambda", "events")
_PARTNERS = "event-bus/aws.partner/"  # buses that partners write to, and nobody else


def chosen(asked: Mapping[str, Any], side: str) -> str:
    """The ARN in the OnSuccess or OnFailure of a DestinationConfig; "" if there is none."""
    return (asked.get(side) or {}).get("Destination") or ""


def check(control: Control, ref: FunctionRef, asked: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValue for a DestinationConfig that `ref` cannot have: of what service, then which one."""
    on_success, on_failure = chosen(asked, "OnSuccess"), chosen(asked, "OnFailure")
    if _is_unsupported(on_failure) or _is_unsupported(on_success) or _service(on_success) == "s3":
        raise InvalidParameterValue(
            f"The provided destination config DestinationConfig(onSuccess={_java('OnSuccess', on_success)}, "
            f"onFailure={_java('OnFailure', on_failure)}) is invalid."
        )
    for arn in filter(None, (on_failure, on_success)):
        _check_target(control, ref, arn)


def check_dead_letters(ref: FunctionRef, asked: Mapping[str, Any] | None) -> None:
    """Raises InvalidParameterValue for a DeadLetterConfig that the function cannot have."""
    arn = (asked or {}).get("TargetArn") or ""
    if not arn:
        return
    parts = arn.split(":")
    if len(parts) < 6 or parts[2] not in ("sqs", "sns"):
        raise _bad_dead_letters(
            "The service specified by the TargetArn is not supported for dead letter configuration."
        )
    if parts[3] != ref.region:
        raise _bad_dead_letters(
            "The resource specified by the TargetArn must be in the same region as the Lambda function it's associated "
            "with."
        )
    if parts[5].endswith(".fifo"):
        kind = "SQS queue" if parts[2] == "sqs" else "SNS topic"
        raise _bad_dead_letters(f"FIFO {kind} is not supported for dead letter configuration")
    if not _names_one(parts):
        raise _bad_dead_letters(f"{arn} names neither a queue nor a topic.")


def dead_letters(asked: Mapping[str, Any], before: Mapping[str, Any]) -> Document:
    """DeadLetterConfig as it is shown after a request: an empty TargetArn ends it, no TargetArn changes nothing."""
    wanted = (asked.get("DeadLetterConfig") or {}).get("TargetArn")
    if wanted is None:
        return {"DeadLetterConfig": before["DeadLetterConfig"]} if "DeadLetterConfig" in before else {}
    return {"DeadLetterConfig": {"TargetArn": wanted}} if wanted else {}


def _service(arn: str) -> str:
    return arn.split(":")[2] if arn.startswith("arn:") else ""


def _is_unsupported(arn: str) -> bool:
    return bool(arn) and _service(arn) not in (*_REGIONAL, "s3")


def _java(kind: str, arn: str) -> str:
    return f"{kind}(destination={arn})" if arn else "null"


def _check_target(control: Control, ref: FunctionRef, arn: str) -> None:
    parts = arn.split(":", 5)
    service, resource = parts[2], parts[5]
    if service == "s3":
        fits = bool(resource) and not set(resource) & set("/:*?")
    elif service == "events":
        bus = resource.removeprefix("event-bus/")
        fits = _is_here(ref, parts) and bus not in ("", resource) and not resource.startswith(_PARTNERS)
    elif service == "lambda":
        fits = _is_here(ref, parts) and resource.startswith("function:") and _exists(control, ref, arn)
    else:
        fits = _is_here(ref, parts) and _names_one(arn.split(":")) and not resource.endswith(".fifo")
    if not fits:
        raise InvalidParameterValue(f"The destination ARN {arn} is invalid.")
    if service == "lambda" and _function(ref, arn).name == ref.name:
        raise InvalidParameterValue("You can't specify the function as a destination for itself.")


def _is_here(ref: FunctionRef, parts: list[str]) -> bool:
    """Records are delivered in the function's own region."""
    return parts[3] == ref.region and len(parts[4]) == 12


def _names_one(parts: list[str]) -> bool:
    """Is this the ARN of a queue or a topic, and not of a subscription or of something below?"""
    return len(parts) == 6 and len(parts[4]) == 12 and bool(parts[5]) and not set(parts[5]) & set("/*?")


def _function(ref: FunctionRef, arn: str) -> FunctionRef:
    return parse_function(arn, None, account=ref.account, region=ref.region)


def _exists(control: Control, ref: FunctionRef, arn: str) -> bool:
    """Another account's function does not exist: nobody here may let it be invoked. Of one elsewhere nobody knows."""
    if control.elsewhere(arn):
        return True
    try:
        target = _function(ref, arn)
        lookup.version(control, target)
    except (ResourceNotFound, InvalidParameterValue):
        return False
    return target.account == ref.account


def _bad_dead_letters(why: str) -> AwsError:
    return InvalidParameterValue(f"Invalid dead letter queue ARN: {why}")
