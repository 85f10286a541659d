"""The kinds of sources that mappings poll: how they are told apart, what they may be given, and what AWS fills in.

Sources: lambda-semantics.md §5 and §30, the recordings of SQS, Kinesis and DynamoDB mappings, cdk-preflight 1.9.1.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.model import Document

USER_INITIATED, USER_ACTION = "USER_INITIATED", "User action"  # StateTransitionReason, by kind (recorded)
NO_RECORDS = "No records processed"


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of source. `takes` are the members beyond those that every mapping may have."""

    name: str
    service: str  # as people call it
    arn: str = ""  # regular expression; "": SelfManagedEventSource
    takes: frozenset[str]
    defaults: Document
    most: int = 10_000  # records in a batch
    reason: str = USER_INITIATED
    result: str = NO_RECORDS  # LastProcessingResult while nothing was polled; "": it is not shown
    credentials: frozenset[str] = frozenset()  # types of SourceAccessConfigurations
    pollers: tuple[int, int] = (1, 200)  # defaults of ProvisionedPollerConfig
    needs: tuple[str, ...] = ()

    @property
    def is_kafka(self) -> bool:
        return self.name in ("kafka", "self-managed-kafka")

    @property
    def is_stream(self) -> bool:
        return self.name in ("kinesis", "dynamodb")

    @property
    def is_queue(self) -> bool:
        return self.name in ("sqs", "fifo")


_EVERYWHERE = frozenset({"FunctionName", "Enabled", "BatchSize", "Tags", "KMSKeyArn", "EventSourceArn", "UUID"})
_FILTERED = {"FilterCriteria", "MaximumBatchingWindowInSeconds"}
_QUEUE = frozenset(_FILTERED | {"FunctionResponseTypes", "ScalingConfig", "ProvisionedPollerConfig", "MetricsConfig"})
_RETRIES = {"BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "FunctionResponseTypes"}
_STREAM = frozenset(
    _FILTERED | _RETRIES | {"StartingPosition", "DestinationConfig", "ParallelizationFactor", "MetricsConfig"}
    | {"TumblingWindowInSeconds"}
)  # fmt: skip
_KAFKA = frozenset(
    _FILTERED | _RETRIES | {"StartingPosition", "StartingPositionTimestamp", "DestinationConfig", "MetricsConfig"}
    | {"Topics", "SourceAccessConfigurations", "ProvisionedPollerConfig", "LoggingConfig"}
)  # fmt: skip
PROVISIONED_ONLY = frozenset(_RETRIES)  # of Kafka (§5.3)

_STREAM_DEFAULTS: Document = {
    "BatchSize": 100, "BisectBatchOnFunctionError": False, "DestinationConfig": {"OnFailure": {}},
    "FunctionResponseTypes": [], "MaximumBatchingWindowInSeconds": 0, "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1, "ParallelizationFactor": 1, "TumblingWindowInSeconds": 0,
}  # fmt: skip
_QUEUE_DEFAULTS: Document = {"BatchSize": 10, "FunctionResponseTypes": [], "MaximumBatchingWindowInSeconds": 0}

_PLACE = r"arn:aws[a-z-]*:{service}:[a-z0-9-]+:\d{{12}}:{rest}"
_KAFKA_CREDENTIALS = frozenset({
    "SASL_SCRAM_512_AUTH", "SASL_SCRAM_256_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH", "SERVER_ROOT_CA_CERTIFICATE",
    "BASIC_AUTH", "VPC_SUBNET", "VPC_SECURITY_GROUP", "OAUTHBEARER_AUTH", "OAUTHBEARER_SCOPE", "OAUTHBEARER_AUDIENCE",
    "OAUTHBEARER_LOGICAL_CLUSTER", "OAUTHBEARER_IDENTITY_POOL", "IAM_AUTH", "IAM_OAUTHBEARER_AUTH",
})  # fmt: skip

KINDS = (
    Kind(
        name="fifo", service="Amazon SQS", arn=_PLACE.format(service="sqs", rest=r"[^:/]+\.fifo"), takes=_QUEUE,
        defaults=_QUEUE_DEFAULTS, most=10, result="", pollers=(2, 200),
    ),
    Kind(
        name="sqs", service="Amazon SQS", arn=_PLACE.format(service="sqs", rest=r"[^:/]+"), takes=_QUEUE,
        defaults=_QUEUE_DEFAULTS, result="", pollers=(2, 200),
    ),
    Kind(
        name="kinesis", service="Amazon Kinesis", reason=USER_ACTION, defaults=_STREAM_DEFAULTS,
        arn=_PLACE.format(service="kinesis", rest=r"stream/[^:/]+(?:/consumer/[^/]+)?"),
        takes=_STREAM | {"StartingPositionTimestamp"}, needs=("StartingPosition",),
    ),
    Kind(
        name="dynamodb", service="DynamoDB Streams", reason=USER_ACTION, defaults=_STREAM_DEFAULTS, takes=_STREAM,
        arn=_PLACE.format(service="dynamodb", rest=r"table/[^:/]+/stream/.+"), needs=("StartingPosition",),
    ),
    Kind(
        name="kafka", service="Amazon MSK", takes=_KAFKA | {"AmazonManagedKafkaEventSourceConfig"},
        arn=_PLACE.format(service="kafka", rest=r"(?:cluster|vpc-connection)/.+"), defaults={"BatchSize": 100},
        credentials=frozenset({"SASL_SCRAM_512_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH"}),
        needs=("Topics", "StartingPosition"),
    ),
    Kind(
        name="self-managed-kafka", service="Kafka", credentials=_KAFKA_CREDENTIALS, defaults={"BatchSize": 100},
        takes=_KAFKA | {"SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig"},
        needs=("SourceAccessConfigurations", "Topics", "StartingPosition"),
    ),
    Kind(
        name="mq", service="Amazon MQ", arn=_PLACE.format(service="mq", rest=r"broker:.+"),
        takes=frozenset(_FILTERED | {"Queues", "SourceAccessConfigurations"}), defaults={"BatchSize": 100},
        credentials=frozenset({"BASIC_AUTH", "VIRTUAL_HOST"}), needs=("Queues", "SourceAccessConfigurations"),
    ),
    Kind(
        name="documentdb", service="Amazon DocumentDB", arn=_PLACE.format(service="rds", rest=r"cluster:.+"),
        takes=frozenset({
            "StartingPosition", "StartingPositionTimestamp", "MaximumBatchingWindowInSeconds",
            "SourceAccessConfigurations", "DocumentDBEventSourceConfig",
        }),
        defaults={"BatchSize": 100}, credentials=frozenset({"BASIC_AUTH"}),
        needs=("SourceAccessConfigurations", "DocumentDBEventSourceConfig", "StartingPosition"),
    ),
)  # fmt: skip

_BY_NAME = {kind.name: kind for kind in KINDS}


def named(name: str) -> Kind:
    return _BY_NAME[name]


def kind_of(asked: Mapping[str, Any]) -> Kind | None:
    """The kind of source that a request is about; None if Lambda does not poll such a thing."""
    arn = asked.get("EventSourceArn")
    if asked.get("SelfManagedEventSource"):
        return None if arn else _BY_NAME["self-managed-kafka"]
    return next((kind for kind in KINDS if arn and kind.arn and re.fullmatch(kind.arn, arn)), None)


def refused_members(kind: Kind, asked: Mapping[str, Any]) -> list[str]:
    """Members of a request that this kind of source does not take, in the order of the request."""
    return [name for name in asked if asked[name] is not None and name not in kind.takes | _EVERYWHERE]
