"""What a mapping of each kind of source may be given: rules between members (lambda-semantics.md §30)."""

import datetime
from typing import Any

import pytest
from control_client import ACCOUNT, REGION, RefusedError
from mapping_samples import BASIC, QUEUE, REQUESTS, SECRET, STREAM, TABLE, filtered

MOMENT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
PROVISIONED = {"ProvisionedPollerConfig": {"MinimumPollers": 3}}
FAILURES = {"OnFailure": {"Destination": QUEUE}}


def unsupported(name: str) -> str:
    return f"Unsupported '{name}' parameter for given event source mapping type."


UNSUPPORTED_DESTINATION = "Unsupported DestinationConfig parameter for given event source mapping type."
NO_POSITION = (
    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be "
    "null."
)

TAKEN: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in REQUESTS),
    ("sqs", {"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 300}),
    ("sqs", PROVISIONED),
    ("fifo", {"BatchSize": 10}),
    ("kinesis", {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": MOMENT}),
    ("kinesis", {"ParallelizationFactor": 10, "TumblingWindowInSeconds": 900, "BisectBatchOnFunctionError": True}),
    ("kinesis", {"EventSourceArn": f"{STREAM}/consumer/c:1"}),
    ("dynamodb", {"MaximumRecordAgeInSeconds": -1, "DestinationConfig": FAILURES}),
    ("kafka", PROVISIONED | {"MaximumRetryAttempts": 5, "BisectBatchOnFunctionError": True}),
    ("kafka", {"DestinationConfig": {"OnFailure": {"Destination": "kafka://failed"}}}),
    ("kafka", {"LoggingConfig": {"SystemLogLevel": "DEBUG"}, "MetricsConfig": {"Metrics": ["KafkaMetrics"]}}),
    ("documentdb", {"DocumentDBEventSourceConfig": {"DatabaseName": "d", "FullDocument": "UpdateLookup"}}),
    ("mq", {"SourceAccessConfigurations": [*BASIC, {"Type": "VIRTUAL_HOST", "URI": "/"}]}),
    ("mq", {"FilterCriteria": filtered({"data": {"a": [1]}})}),
    ("sqs", {"FilterCriteria": filtered(*({"body": [str(number)]} for number in range(10)))}),
]

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("sqs", {"EventSourceArn": None}, "Unrecognized event source."),
    ("sqs", {"EventSourceArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"}, "Unrecognized event source."),
    ("dynamodb", {"EventSourceArn": TABLE.partition("/stream")[0]}, "Unrecognized event source."),
    ("self-managed-kafka", {"EventSourceArn": QUEUE}, "Unrecognized event source."),
    ("documentdb", {"EventSourceArn": f"arn:aws:docdb:{REGION}:{ACCOUNT}:cluster:docs"}, "Unrecognized event source."),
    ("sqs", {"FunctionName": "nobody"}, "Function does not exist"),
    ("sqs", {"FunctionName": "hello:nobody"}, "Function does not exist"),
    ("sqs", {"EventSourceArn": QUEUE.replace(REGION, "us-east-1")}, "is not in the region of the function"),
    ("mq", {"EventSourceArn": f"arn:aws:mq:{REGION}:222222222222:broker:b:b-1"}, "is not in the account of the"),
    ("sqs", {"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources."),
    ("sqs", {"StartingPositionTimestamp": MOMENT}, unsupported("startingPositionTimestamp")),
    ("sqs", {"ParallelizationFactor": 2}, unsupported("parallelizationFactor")),
    ("sqs", {"TumblingWindowInSeconds": 5}, unsupported("tumblingWindowInSeconds")),
    ("sqs", {"BisectBatchOnFunctionError": True}, unsupported("bisectBatchOnFunctionError")),
    ("sqs", {"MaximumRecordAgeInSeconds": 60}, unsupported("maximumRecordAgeInSeconds")),
    ("sqs", {"MaximumRetryAttempts": 1}, unsupported("maximumRetryAttempts")),
    ("sqs", {"DestinationConfig": FAILURES}, UNSUPPORTED_DESTINATION),
    ("sqs", {"Topics": ["t1"]}, unsupported("topics")),
    ("sqs", {"LoggingConfig": {"SystemLogLevel": "INFO"}}, unsupported("loggingConfig")),
    ("sqs", {"MetricsConfig": {"Metrics": ["ErrorCount"]}}, "The metric ErrorCount exists for Kafka event sources"),
    ("sqs", {"ProvisionedPollerConfig": {"MinimumPollers": 1}}, "MinimumPollers must be at least 2 for SQS"),
    ("sqs", {"ProvisionedPollerConfig": {"MaximumPollers": 1}}, "MaximumPollers must be at least 2 for SQS"),
    (
        "sqs",
        {"ProvisionedPollerConfig": {"MinimumPollers": 9, "MaximumPollers": 8}},
        "MaximumPollers must be greater than or equal to MinimumPollers.",
    ),
    ("sqs", {"ProvisionedPollerConfig": {"PollerGroupName": "g"}}, unsupported("pollerGroupName")),
    ("sqs", PROVISIONED | {"ScalingConfig": {"MaximumConcurrency": 2}}, "cannot be used together"),
    ("sqs", {"KMSKeyArn": "arn:aws:s3:::bucket"}, "is not the ARN of a KMS key"),
    (
        "sqs",
        {"FilterCriteria": filtered(*({"body": [str(number)]} for number in range(11)))},
        "An event source mapping can have at most 10 filters.",
    ),
    ("fifo", {"MaximumBatchingWindowInSeconds": 1}, "Batching window is not supported for FIFO queues"),
    ("fifo", {"BatchSize": 11}, "The batch size of a FIFO queue cannot be greater than 10."),
    ("kinesis", {"StartingPosition": None}, NO_POSITION),
    ("kinesis", {"StartingPosition": "AT_TIMESTAMP"}, "Need to specify a timestamp"),
    ("kinesis", {"StartingPositionTimestamp": MOMENT}, "needs a StartingPosition of AT_TIMESTAMP"),
    ("kinesis", {"ScalingConfig": {"MaximumConcurrency": 2}}, unsupported("scalingConfig")),
    ("kinesis", PROVISIONED, unsupported("provisionedPollerConfig")),
    (
        "kinesis",
        {"MaximumRecordAgeInSeconds": 59},
        "1 validation error detected: Value '59' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: Member "
        "must have value greater than or equal to 60",
    ),
    ("kinesis", {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}, UNSUPPORTED_DESTINATION),
    (
        "kinesis",
        {"DestinationConfig": {"OnFailure": {"Destination": f"{QUEUE}.fifo"}}},
        f"DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={QUEUE}.fifo)) is invalid.",
    ),
    (
        "kinesis",
        {"DestinationConfig": {"OnFailure": {"Destination": "kafka://failed"}}},
        "onFailure=OnFailure(destination=kafka://failed)) is invalid.",
    ),
    (
        "dynamodb",
        {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": MOMENT},
        unsupported("startingPositionTimestamp"),
    ),
    ("dynamodb", {"StartingPosition": "AT_TIMESTAMP"}, f"Unsupported starting position for arn type: {TABLE}"),
    ("kafka", {"Topics": None}, "Required 'topics' parameter is missing."),
    ("kafka", {"StartingPosition": None}, NO_POSITION),
    ("kafka", {"MaximumRetryAttempts": 5}, unsupported("maximumRetryAttempts")),
    ("kafka", {"TumblingWindowInSeconds": 1}, unsupported("tumblingWindowInSeconds")),
    ("kafka", {"ParallelizationFactor": 2}, unsupported("parallelizationFactor")),
    ("kafka", {"SourceAccessConfigurations": BASIC}, "BASIC_AUTH is not a source access configuration type for Amazon"),
    (
        "self-managed-kafka",
        {"SourceAccessConfigurations": None},
        "Required 'sourceAccessConfigurations' parameter is missing.",
    ),
    ("mq", {"Queues": None}, "Required 'queues' parameter is missing."),
    ("mq", {"StartingPosition": "LATEST"}, unsupported("startingPosition")),
    ("mq", {"StartingPositionTimestamp": MOMENT}, unsupported("startingPositionTimestamp")),
    ("mq", {"FunctionResponseTypes": ["ReportBatchItemFailures"]}, unsupported("functionResponseTypes")),
    (
        "mq",
        {"SourceAccessConfigurations": [{"Type": "VIRTUAL_HOST", "URI": "/"}]},
        "Amazon MQ needs a source access configuration of type BASIC_AUTH.",
    ),
    (
        "mq",
        {"SourceAccessConfigurations": [{"Type": "SASL_SCRAM_512_AUTH", "URI": SECRET}]},
        "SASL_SCRAM_512_AUTH is not a source access configuration type for Amazon MQ.",
    ),
    ("documentdb", {"FilterCriteria": filtered({"a": [1]})}, unsupported("filterCriteria")),
    ("documentdb", {"FunctionResponseTypes": ["ReportBatchItemFailures"]}, unsupported("functionResponseTypes")),
    ("documentdb", {"SourceAccessConfigurations": None}, "Required 'sourceAccessConfigurations' parameter is missing."),
    (
        "documentdb",
        {"DocumentDBEventSourceConfig": {"CollectionName": "c"}},
        "Required 'databaseName' parameter is missing.",
    ),
]


def request(kind: str, changes: dict[str, Any]) -> dict[str, Any]:
    asked = {"FunctionName": "hello"} | REQUESTS[kind] | changes
    return {name: value for name, value in asked.items() if value is not None}


@pytest.mark.parametrize(("kind", "changes"), TAKEN)
async def test_a_mapping_of_this_kind_may_be_so(client, kind, changes):
    await client.create()
    made = await client("CreateEventSourceMapping", **request(kind, changes))
    assert made["State"] == "Creating"


@pytest.mark.parametrize(("kind", "changes", "sentence"), REFUSED)
async def test_a_mapping_of_this_kind_may_not_be_so(client, kind, changes, sentence):
    await client.create()
    with pytest.raises(RefusedError) as refused:
        await client("CreateEventSourceMapping", **request(kind, changes))
    assert refused.value.status == 400
    assert refused.value.code in ("InvalidParameterValueException", "ValidationException")
    assert sentence in refused.value.message
    assert (await client("ListEventSourceMappings"))["EventSourceMappings"] == []


async def test_a_function_of_another_account_is_not_fed(client):
    await client.create()
    with pytest.raises(RefusedError, match="403 AccessDeniedException"):
        await client(
            "CreateEventSourceMapping", EventSourceArn=QUEUE,
            FunctionName=f"arn:aws:lambda:{REGION}:222222222222:function:hello",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("sqs", {"ParallelizationFactor": 2}, unsupported("parallelizationFactor")),
        ("sqs", {"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0"),
        ("kinesis", {"MaximumRecordAgeInSeconds": 5}, "greater than or equal to 60"),
        ("sqs", {"FunctionName": "nobody"}, "Function does not exist"),
        ("sqs", {"FilterCriteria": filtered({"a": "b"})}, "Invalid filter pattern definition."),
        ("documentdb", {"FilterCriteria": filtered({"a": [1]})}, unsupported("filterCriteria")),
    ],
)
async def test_an_update_obeys_the_same_rules_and_changes_nothing_when_it_is_refused(
    client, clock, kind, changes, sentence
):
    await client.create()
    made = await client("CreateEventSourceMapping", **request(kind, {}))
    clock.advance(1)
    before = await client("GetEventSourceMapping", UUID=made["UUID"])

    with pytest.raises(RefusedError) as refused:
        await client("UpdateEventSourceMapping", UUID=made["UUID"], **changes)

    assert sentence in refused.value.message
    assert await client("GetEventSourceMapping", UUID=made["UUID"]) == before
