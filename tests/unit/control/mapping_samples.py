"""Sources of events, and requests for mappings of them."""

import json
from typing import Any

from control_client import ACCOUNT, REGION

from lambent.control.event_sources import EventSource
from lambent.store.event_source_mappings import StoredMapping

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
FIFO = f"{QUEUE}.fifo"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/clicks"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/things/stream/2026-01-01T00:00:00.000"
CLUSTER = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/1-2-3"
BROKER = f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:b:b-1"
DATABASE = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:docs"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:s"
BASIC = [{"Type": "BASIC_AUTH", "URI": SECRET}]

REQUESTS: dict[str, dict[str, Any]] = {
    "sqs": {"EventSourceArn": QUEUE},
    "fifo": {"EventSourceArn": FIFO},
    "kinesis": {"EventSourceArn": STREAM, "StartingPosition": "LATEST"},
    "dynamodb": {"EventSourceArn": TABLE, "StartingPosition": "LATEST"},
    "kafka": {"EventSourceArn": CLUSTER, "Topics": ["t1"], "StartingPosition": "LATEST"},
    "self-managed-kafka": {
        "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["a:9092"]}},
        "Topics": ["t1"],
        "StartingPosition": "LATEST",
        "SourceAccessConfigurations": [{"Type": "SASL_SCRAM_512_AUTH", "URI": SECRET}],
    },
    "mq": {"EventSourceArn": BROKER, "Queues": ["q"], "SourceAccessConfigurations": BASIC},
    "documentdb": {
        "EventSourceArn": DATABASE,
        "StartingPosition": "LATEST",
        "SourceAccessConfigurations": BASIC,
        "DocumentDBEventSourceConfig": {"DatabaseName": "d"},
    },
}


def filtered(*patterns: Any) -> dict[str, Any]:
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


class KnownSources:
    """Sources as services know them: everything is polled, and what was put in is there."""

    def __init__(self) -> None:
        self.known: dict[str, EventSource] = {}
        self.told: list[tuple[str, str]] = []  # (UUID, state)

    def polls(self, kind: str) -> bool:
        return True

    def find(self, arn: str) -> EventSource | None:
        return self.known.get(arn)

    def changed(self, mapping: StoredMapping) -> None:
        self.told.append((mapping.uuid, mapping.state))
