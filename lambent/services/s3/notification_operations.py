"""PutBucketNotificationConfiguration and its like: who wants to be told, and whether they can be."""

import uuid
from typing import Any

from lambent.errors import AwsError, NotImplementedYet, Undeliverable
from lambent.model import Document
from lambent.services.s3 import access, errors, notices, records
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import Bucket
from lambent.store.ledger import Entry
from lambent.wire.parse import Call

# Each list of a configuration: the service of its targets, and what AWS calls the argument that is wrong.
KINDS = {
    "LambdaFunctionConfigurations": ("lambda", "CloudFunction"),
    "QueueConfigurations": ("sqs", "Queue"),
    "TopicConfigurations": ("sns", "Topic"),
}
EVENTS = {
    "ObjectCreated": ("Put", "Post", "Copy", "CompleteMultipartUpload"),
    "ObjectRemoved": ("Delete", "DeleteMarkerCreated"),
    "ObjectTagging": ("Put", "Delete"),
    "ObjectRestore": ("Post", "Completed", "Delete"),
    "Replication": (
        "OperationFailedReplication", "OperationNotTracked", "OperationMissedThreshold",
        "OperationReplicatedAfterThreshold",
    ),
    "LifecycleExpiration": ("Delete", "DeleteMarkerCreated"),
    "ReducedRedundancyLostObject": (), "LifecycleTransition": (), "IntelligentTiering": (), "ObjectAcl": ("Put",),
}  # fmt: skip


async def get_bucket_notification_configuration(s3: S3, call: Call) -> Document:
    return dict(access.named(s3, call).settings.notifications)


async def put_bucket_notification_configuration(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    wanted = call.parameters.get("NotificationConfiguration") or {}
    given = {kind: [_checked(each, kind) for each in wanted[kind]] for kind in KINDS if wanted.get(kind)}
    _check_overlaps([each for listed in given.values() for each in listed])
    if "EventBridgeConfiguration" in wanted:
        _check_bus(s3)
        given["EventBridgeConfiguration"] = {}  # type: ignore[assignment]
    entries: list[Entry] = []
    if not call.parameters.get("SkipDestinationValidation"):
        entries = _validated(s3, call, bucket, given)
    await s3.change(bucket, *entries, notifications=given)
    return {}


def _check_bus(s3: S3) -> None:
    if "events" not in s3.post.takers:
        raise NotImplementedYet("EventBridgeConfiguration: this server has no event bus.")


def _checked(given: dict[str, Any], kind: str) -> dict[str, Any]:
    """One configuration, with an Id and its rules spelt as AWS does. Raises InvalidArgument, MalformedXML."""
    service, argument = KINDS[kind]
    arn = str(given.get(notices.TARGETS[kind]) or "")
    if not arn.startswith(f"arn:aws:{service}:") or arn.count(":") < 5:
        raise errors.invalid_argument("The ARN could not be parsed", argument, arn)
    if service != "lambda" and arn.endswith(".fifo"):
        raise errors.invalid_argument("FIFO SQS queues and SNS topics are not supported.", argument, arn)
    if not given.get("Events"):
        raise errors.malformed_xml()
    for event in given["Events"]:
        if not is_event(event):
            message = f"The event '{event}' is not supported for notifications"
            raise errors.invalid_argument(message, "Event", event)
    return given | {"Id": given.get("Id") or str(uuid.uuid4()), **_filter(given.get("Filter"))}


def is_event(name: str) -> bool:
    family, _, kind = name.removeprefix("s3:").partition(":")
    return (
        name.startswith("s3:") and family in EVENTS and (kind in EVENTS[family] or (kind == "*" or not EVENTS[family]))
    )


def _filter(given: dict[str, Any] | None) -> dict[str, Any]:
    rules = ((given or {}).get("Key") or {}).get("FilterRules") or []
    if not rules:
        return {}
    spelt = []
    for rule in rules:
        name, value = rule.get("Name"), rule.get("Value")
        if name is None or value is None:
            raise errors.malformed_xml()
        if name.lower() not in ("prefix", "suffix"):
            message = "filter rule name must be either prefix or suffix"
            raise errors.invalid_argument(message, "FilterRule.Name", name)
        spelt.append({"Name": name.capitalize(), "Value": value})
    if len({rule["Name"] for rule in spelt}) != len(spelt):
        message = "Cannot specify more than one prefix rule or suffix rule in a filter"
        raise errors.invalid_argument(message, "FilterRule.Name", spelt[0]["Name"])
    return {"Filter": {"Key": {"FilterRules": spelt}}}


def _check_overlaps(given: list[dict[str, Any]]) -> None:
    """Raises InvalidArgument if two could be meant by one event."""
    if len({each["Id"] for each in given}) != len(given):
        message = "Same ID used for multiple configurations. IDs must be unique"
        raise AwsError(message, code="InvalidArgument", status=400)
    for number, one in enumerate(given):
        for other in given[number + 1 :]:
            if _share_event(one, other) and _share_key(one, other):
                message = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
                raise AwsError(message, code="InvalidArgument", status=400)


def _share_event(one: dict[str, Any], other: dict[str, Any]) -> bool:
    def same(first: str, second: str) -> bool:
        return first == second or (
            "*" in (first[-1], second[-1]) and first.rpartition(":")[0] == second.rpartition(":")[0]
        )

    return any(same(first, second) for first in one["Events"] for second in other["Events"])


def _share_key(one: dict[str, Any], other: dict[str, Any]) -> bool:
    def rule(configuration: dict[str, Any], name: str) -> str:
        rules = ((configuration.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
        return next((str(each["Value"]) for each in rules if each["Name"] == name), "")

    prefixes, suffixes = [[rule(each, name) for each in (one, other)] for name in ("Prefix", "Suffix")]
    together = prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])
    return together and (suffixes[0].endswith(suffixes[1]) or suffixes[1].endswith(suffixes[0]))


def _validated(s3: S3, call: Call, bucket: Bucket, given: dict[str, list[dict[str, Any]]]) -> list[Entry]:
    """The test events of queues and topics. Raises InvalidArgument, which names every target that takes nothing."""
    test = records.test_event(bucket, call.request_id, s3.clock.epoch())
    entries: list[Entry] = []
    wrong: list[tuple[str, str]] = []
    for kind, (service, _) in KINDS.items():
        for configuration in given.get(kind, []):
            arn = configuration[notices.TARGETS[kind]]
            outgoing = notices.outgoing_to(bucket, arn, test)
            try:
                if service == "lambda":  # it is asked whether it would; functions get no test event
                    s3.check_function(outgoing)
                else:
                    entries += s3.post.entries(outgoing)
            except Undeliverable as error:
                wrong.append(_refused(arn, service, error.message))
    if wrong:
        told = {f"{what}{number}": value for number, pair in enumerate(wrong, 1)
                for what, value in zip(("ArgumentName", "ArgumentValue"), pair, strict=True)}  # fmt: skip
        message = "Unable to validate the following destination configurations"
        raise AwsError(message, code="InvalidArgument", status=400, **told)
    return entries


def _refused(arn: str, service: str, why: str) -> tuple[str, str]:
    """Argument and value, in AWS's words (recorded); the first says why also in the log."""
    notices.log.info("a bucket cannot tell %s: %s", arn, why)
    if service == "lambda":
        return f"{arn}, null", f"Not authorized to invoke function [{arn}]"
    if why.startswith("there is no"):
        what = "queue" if service == "sqs" else "topic"
        return arn, f"The destination {what} does not exist"
    return arn, "Permissions on the destination queue do not allow S3 to publish notifications from this bucket" if (
        service == "sqs"
    ) else "Permissions on the destination topic do not allow S3 to publish notifications from this bucket"
