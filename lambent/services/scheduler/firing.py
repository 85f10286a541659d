"""What a schedule sends when it is due. Pure.

Source: EventBridge Scheduler User Guide, "Managing targets", "Adding context attributes", "Configuring a dead-letter
queue".
"""

import datetime
import json
from typing import Any

from lambent.iam.credentials import assumed_role
from lambent.principal import Principal
from lambent.services.post import Outgoing, patient
from lambent.services.scheduler.nouns import Schedule

TARGETS = ("lambda", "sqs", "sns", "events")


def outgoing(schedule: Schedule, execution: str) -> Outgoing:
    """To its target, by the role that it names; `execution` is the id of this time."""
    target: dict[str, Any] = schedule.settings["Target"]
    body = _filled(target.get("Input") or _default(schedule, execution), schedule, execution)
    bus = target.get("EventBridgeParameters") or {}
    sent = Outgoing(
        target=target["Arn"], body=body.encode(), sender=_role(schedule), source=schedule.arn,
        group=(target.get("SqsParameters") or {}).get("MessageGroupId", ""), dedup=execution,
        detail_type=bus.get("DetailType", ""), event_source=bus.get("Source", ""),
    )  # fmt: skip
    return patient(sent, target.get("RetryPolicy"))


def dead_letter(schedule: Schedule, execution: str, why: str) -> Outgoing | None:
    """What could not be delivered, for the schedule's dead-letter queue if it has one."""
    target: dict[str, Any] = schedule.settings["Target"]
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return None
    told = {
        "ERROR_CODE": "ResourceNotFoundException", "ERROR_MESSAGE": why[:1024] or "unknown", "EXECUTION_ID": execution,
        "EXECUTION_TIME": _iso(schedule.planned), "RETRY_ATTEMPTS": "0", "SCHEDULE_ARN": schedule.arn,
        "TARGET_ARN": target["Arn"],
    }  # fmt: skip
    body = _filled(target.get("Input") or _default(schedule, execution), schedule, execution)
    return Outgoing(
        target=queue, body=body.encode(), sender=_role(schedule), source=schedule.arn, dedup=execution,
        attributes={name: {"DataType": "String", "StringValue": value} for name, value in told.items()},
    )  # fmt: skip


def _role(schedule: Schedule) -> Principal:
    return assumed_role(schedule.settings["Target"]["RoleArn"], "scheduler", schedule.account)


def _default(schedule: Schedule, execution: str) -> str:
    """What AWS sends to a target whose schedule gives no Input."""
    event = {
        "version": "0", "id": execution, "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": schedule.account, "time": _iso(schedule.planned), "region": schedule.region,
        "resources": [schedule.arn], "detail": "{}",
    }  # fmt: skip
    return json.dumps(event, separators=(",", ":"))


def _filled(text: str, schedule: Schedule, execution: str) -> str:
    """With the context attributes that AWS knows in their places."""
    if "<aws.scheduler." not in text:
        return text
    for name, value in (
        ("schedule-arn", schedule.arn), ("scheduled-time", _iso(schedule.planned)), ("execution-id", execution),
        ("attempt-number", "1"),
    ):  # fmt: skip
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
