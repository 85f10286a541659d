"""Who is told of what happens to an object, as entries of the step in which it happens: told once, never not at all."""

import logging
from collections.abc import Iterator
from typing import Any

import msgspec

from lambent.errors import Undeliverable
from lambent.principal import Principal
from lambent.services.post import Outgoing
from lambent.services.s3 import records
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import Bucket, Stored
from lambent.services.s3.records import Happened
from lambent.store.ledger import Entry
from lambent.wire.parse import Call

log = logging.getLogger("lambent")

# The lists of a NotificationConfiguration, and where each names its target.
TARGETS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}
SENDER = "s3.amazonaws.com"


def entries(s3: S3, call: Call, bucket: Bucket, name: str, found: Stored) -> list[Entry]:
    """What is to be entered with it. A target that will not take it is passed over, and named in the log."""
    if not bucket.settings.notifications:
        return []
    caller = call.caller
    happened = Happened(
        name, found, call.request_id, call.request.client, caller.account or call.account, caller.user_id,
        s3.sequencer(),
    )  # fmt: skip
    return told(s3, bucket, happened, call.request.headers.get("x-amzn-trace-id", ""))


def told(s3: S3, bucket: Bucket, happened: Happened, trace: str = "") -> list[Entry]:
    """The same of what nobody has asked for."""
    made: list[Entry] = []
    for outgoing in _outgoing(bucket, happened, s3.clock.epoch(), trace):
        try:
            made += s3.post.entries(outgoing)
        except Undeliverable as error:
            log.warning("s3:%s of %s is not told: %s", happened.name, bucket.name, error.message)
    return made


def _outgoing(bucket: Bucket, happened: Happened, now: float, trace: str) -> Iterator[Outgoing]:
    settings = bucket.settings.notifications
    for kind, member in TARGETS.items():
        for configuration in settings.get(kind, ()):
            if is_meant(configuration, f"s3:{happened.name}", happened.found.key):
                body = {"Records": [records.record(happened, bucket, configuration["Id"], now)]}
                yield outgoing_to(bucket, configuration[member], body, trace)
    if "EventBridgeConfiguration" in settings and not happened.name.startswith("ObjectAcl"):
        bus = f"arn:aws:events:{bucket.region}:{bucket.account}:event-bus/default"
        yield Outgoing(
            target=bus, body=msgspec.json.encode(records.detail(happened, bucket)), sender=sender(bucket),
            source=bucket.arn, detail_type=records.detail_type(happened.name), resources=(bucket.arn,), trace=trace,
            event_source="aws.s3",
        )  # fmt: skip


def outgoing_to(bucket: Bucket, target: str, body: Any, trace: str = "") -> Outgoing:
    return Outgoing(
        target=target, body=msgspec.json.encode(body), sender=sender(bucket), source=bucket.arn, trace=trace,
        subject="Amazon S3 Notification",
    )  # fmt: skip


def sender(bucket: Bucket) -> Principal:
    return Principal(service=SENDER, account=bucket.account)


def is_meant(configuration: dict[str, Any], event: str, key: str) -> bool:
    """Whether one configuration of a bucket wants that event of that key."""
    wanted = configuration["Events"]
    if event not in wanted and f"{event.rpartition(':')[0]}:*" not in wanted:
        return False
    rules = ((configuration.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ()
    return all(
        key.startswith(rule["Value"]) if rule["Name"].lower() == "prefix" else key.endswith(rule["Value"])
        for rule in rules
    )
