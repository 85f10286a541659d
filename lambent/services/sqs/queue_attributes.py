"""The attributes of a queue: what may be asked for, what follows from it, how it is shown.

Source: Amazon SQS API Reference, CreateQueue and SetQueueAttributes; recordings of AWS (errors.tsv).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from lambent.errors import AwsError, NotImplementedYet
from lambent.services.sqs import errors
from lambent.services.sqs.nouns import MAX_BODY, QueueSettings, Redrive, StoredQueue


class Range(NamedTuple):
    """A number that an attribute may be."""

    default: int
    least: int
    most: int


NUMBERS = {
    "VisibilityTimeout": Range(30, 0, 43_200),
    "MaximumMessageSize": Range(MAX_BODY, 1_024, MAX_BODY),
    "MessageRetentionPeriod": Range(345_600, 60, 1_209_600),
    "DelaySeconds": Range(0, 0, 900),
    "ReceiveMessageWaitTimeSeconds": Range(0, 0, 20),
}
ONLY_FIFO = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
OTHERS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "SqsManagedSseEnabled", "KmsMasterKeyId",
          "KmsDataKeyReusePeriodSeconds")  # fmt: skip
COUNTED = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
TOLD = (*COUNTED, "CreatedTimestamp", "LastModifiedTimestamp", "QueueArn")
ALL = "All"


def check(asked: Mapping[str, str], *, fifo: bool, arn: str) -> None:
    """Raises InvalidAttributeName or InvalidAttributeValue for what cannot be set."""
    for name, value in asked.items():
        _check_one(name, value, fifo=fifo)
    _redrive(asked.get("RedrivePolicy") or "", arn)
    _redrive_allow(asked.get("RedriveAllowPolicy") or "")
    if asked.get("FifoThroughputLimit") == "perMessageGroupId" and asked.get("DeduplicationScope") == "queue":
        raise errors.invalid_attribute(
            "FifoThroughputLimit", "perMessageGroupId needs DeduplicationScope to be messageGroup."
        )


def _check_one(name: str, value: str, *, fifo: bool) -> None:
    if name in NUMBERS:
        _check_number(name, value)
    elif name == "FifoQueue":
        if not fifo:
            raise errors.unknown_attribute(name)  # recorded: also for "false"
        if value != "true":
            raise errors.invalid_attribute(name, "Modifying queue type is not supported.")
    elif name in ONLY_FIFO:
        _check_fifo(name, value, fifo=fifo)
    elif name in ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"):
        if name == "KmsMasterKeyId" and value:
            raise NotImplementedYet("Lambent does not encrypt queues with KMS keys yet: leave KmsMasterKeyId out.")
    elif name == "SqsManagedSseEnabled":
        if value not in ("true", "false"):
            raise errors.invalid_attribute(name)
    elif name == "Policy":
        _check_policy(value)
    elif name not in OTHERS:
        raise errors.unknown_attribute(name)


def _check_number(name: str, value: str) -> None:
    wanted = NUMBERS[name]
    if not (value.isascii() and value.isdigit() and wanted.least <= int(value) <= wanted.most):
        raise errors.invalid_attribute(name)


def _check_fifo(name: str, value: str, *, fifo: bool) -> None:
    if not fifo:
        if name == "ContentBasedDeduplication":
            raise errors.unknown_attribute(name)
        message = f"You can specify the {name} only when FifoQueue is set to true."
        raise AwsError(message, code="InvalidAttributeName", status=400)
    if value not in ONLY_FIFO[name]:
        raise errors.invalid_attribute(name)


def _check_policy(value: str) -> None:
    if value and not isinstance(_json(value), dict):
        raise errors.invalid_attribute("Policy")


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _redrive(text: str, arn: str) -> Redrive | None:
    if not text:
        return None
    policy = _json(text)
    if not isinstance(policy, dict):
        raise errors.invalid_value(text, "RedrivePolicy", "Redrive policy is not a valid JSON map.")
    extra = sorted(set(policy) - {"deadLetterTargetArn", "maxReceiveCount"})
    if extra or len(policy) < 2:
        raise errors.invalid_value(
            text, "RedrivePolicy",
            "Redrive policy must contain deadLetterTargetArn and maxReceiveCount, and nothing else."
            if extra else f"Redrive policy does not contain mandatory attribute: {_missing(policy)}.",
        )  # fmt: skip
    return Redrive(_target(text, policy["deadLetterTargetArn"], arn), _most(text, policy["maxReceiveCount"]))


def _missing(policy: Mapping[str, Any]) -> str:
    return next(name for name in ("maxReceiveCount", "deadLetterTargetArn") if name not in policy)


def _target(text: str, target: Any, arn: str) -> str:
    parts, own = str(target).split(":"), arn.split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        raise errors.invalid_value(text, "RedrivePolicy", "Invalid value for deadLetterTargetArn.")
    if parts[3:5] != own[3:5]:
        raise errors.invalid_value(
            text, "RedrivePolicy", "Dead-letter target must be in the same account and Region as its source."
        )
    if parts[5].endswith(".fifo") != own[5].endswith(".fifo"):
        raise errors.invalid_value(text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source.")
    return str(target)


def _most(text: str, count: Any) -> int:
    number = int(count) if isinstance(count, int) or (isinstance(count, str) and count.isdigit()) else 0
    if not 1 <= number <= 1000:
        raise errors.invalid_value(
            text, "RedrivePolicy",
            f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive.",
        )  # fmt: skip
    return number


def _redrive_allow(text: str) -> tuple[str, tuple[str, ...]]:
    if not text:
        return "allowAll", ()
    policy = _json(text)
    kind = policy.get("redrivePermission") if isinstance(policy, dict) else None
    sources = policy.get("sourceQueueArns", []) if isinstance(policy, dict) else []
    by_queue = kind == "byQueue"
    known = kind in ("allowAll", "denyAll", "byQueue") and isinstance(sources, list) and len(sources) <= 10
    if not known or by_queue != bool(sources):
        raise errors.invalid_value(
            text,
            "RedriveAllowPolicy",
            "Amazon SQS can't create the redrive allow policy, as it's not in the valid format.",
        )
    return str(kind), tuple(str(source) for source in sources)


def settings_of(queue: StoredQueue) -> QueueSettings:
    """What the engine obeys, from attributes that were checked when they came."""
    have = queue.attributes
    number = {name: int(have.get(name, wanted.default)) for name, wanted in NUMBERS.items()}
    permission, sources = _redrive_allow(have.get("RedriveAllowPolicy", ""))
    return QueueSettings(
        visibility_s=number["VisibilityTimeout"],
        largest=number["MaximumMessageSize"],
        retention_s=number["MessageRetentionPeriod"],
        delay_s=number["DelaySeconds"],
        wait_s=number["ReceiveMessageWaitTimeSeconds"],
        fifo=queue.name.endswith(".fifo"),
        by_content=have.get("ContentBasedDeduplication") == "true",
        dedup_by_group=have.get("DeduplicationScope") == "messageGroup",
        redrive=_redrive(have.get("RedrivePolicy", ""), queue.arn),
        redrive_permission=permission,
        redrive_sources=sources,
    )


def merged(before: Mapping[str, str], asked: Mapping[str, str]) -> dict[str, str]:
    """An empty policy takes away what there is."""
    after = {**before, **asked}
    return {name: value for name, value in after.items() if value or name not in OTHERS}


def shown(queue: StoredQueue, counts: Mapping[str, int], names: list[str]) -> dict[str, str]:
    """GetQueueAttributes. Raises InvalidAttributeName."""
    known = (*TOLD, *NUMBERS, *ONLY_FIFO, *OTHERS, "FifoQueue", ALL)
    for name in names:
        if name not in known:
            raise errors.unknown_attribute(name)
    everything = _everything(queue, counts)
    return everything if ALL in names else {name: everything[name] for name in names if name in everything}


def _everything(queue: StoredQueue, counts: Mapping[str, int]) -> dict[str, str]:
    have = {
        "QueueArn": queue.arn,
        **{name: str(counts[name]) for name in COUNTED},
        "CreatedTimestamp": str(int(queue.created)),
        "LastModifiedTimestamp": str(int(queue.modified)),
        **{name: str(wanted.default) for name, wanted in NUMBERS.items()},
        "SqsManagedSseEnabled": "true",
    }
    if queue.name.endswith(".fifo"):
        have |= {
            "FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue",
            "FifoThroughputLimit": "perQueue",
        }  # fmt: skip
    return have | queue.attributes
