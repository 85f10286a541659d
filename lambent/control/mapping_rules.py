"""What a mapping may be: rules between its members, and between it and its source.

Sentences marked "ours" are not AWS's: of those only the rule is known (cdk-preflight 1.9.1: it failed a deployment).
The others are recorded, or were reported by users of AWS.
"""

from collections.abc import Mapping
from typing import Any

from lambent.control import destinations
from lambent.control.control import Control
from lambent.control.mapping_kinds import PROVISIONED_ONLY, Kind, refused_members
from lambent.errors import InvalidParameterValue, PatternInvalid, ValidationException
from lambent.patterns import compile_pattern
from lambent.store.functions import StoredVersion

MOST_FILTERS = 10
YOUNGEST_S = 60  # MaximumRecordAgeInSeconds, unless it is -1
WITHOUT_WINDOW = 10  # records of an SQS batch that needs no batching window

Asked = Mapping[str, Any]


def check_members(kind: Kind, asked: Asked) -> None:
    """Everything that can be told from a request, or from a mapping as an update would leave it."""
    _check_taken(kind, asked)
    _check_needed(kind, asked)
    _check_batches(kind, asked)
    _check_position(kind, asked)
    _check_retries(kind, asked)
    _check_pollers(kind, asked)
    _check_credentials(kind, asked)
    _check_metrics(kind, asked)
    check_filters(asked)


def check_source(control: Control, kind: Kind, arn: str, function: StoredVersion) -> None:
    """The source has to be there, and a queue must hide its messages for as long as the function may take."""
    found = control.sources.find(arn) if arn else None
    if found is None:
        return
    if not found.exists:
        raise InvalidParameterValue(_missing(kind, arn))
    timeout = function.config["Timeout"]
    if found.visibility_timeout_s is not None and found.visibility_timeout_s < timeout:
        raise InvalidParameterValue(
            f"Queue visibility timeout: {found.visibility_timeout_s} seconds is less than Function timeout: "
            f"{timeout} seconds"
        )


def check_reserved(control: Control, asked: Asked, function: StoredVersion) -> None:
    most = (asked.get("ScalingConfig") or {}).get("MaximumConcurrency")
    reserved = control.concurrency.reserved(function.account, function.region, function.name)
    if most is not None and reserved is not None and most > reserved:  # ours
        raise InvalidParameterValue(
            f"MaximumConcurrency {most} is more than the function's reserved concurrency of {reserved}."
        )


def check_filters(asked: Asked) -> None:
    filters = (asked.get("FilterCriteria") or {}).get("Filters") or []
    if len(filters) > MOST_FILTERS:  # ours
        raise InvalidParameterValue(f"An event source mapping can have at most {MOST_FILTERS} filters.")
    for each in filters:
        try:
            compile_pattern(each.get("Pattern") or "")
        except PatternInvalid:  # AWS tells no reason
            raise InvalidParameterValue("Invalid filter pattern definition.") from None


def check_place(kind: Kind, arn: str, account: str, region: str) -> None:
    """Sources are polled in their own region; brokers in their own account too. Both sentences are ours."""
    parts = arn.split(":")
    if parts[3] != region:
        raise InvalidParameterValue(f"The event source {arn} is not in the region of the function ({region}).")
    if kind.name == "mq" and parts[4] != account:
        raise InvalidParameterValue(f"The broker {arn} is not in the account of the function ({account}).")


def _missing(kind: Kind, arn: str) -> str:
    if kind.is_queue:
        return (
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error "
            "Message: The specified queue does not exist."
        )
    return f"Stream not found: {arn}" if kind.is_stream else f"Event source not found: {arn}"


def _check_taken(kind: Kind, asked: Asked) -> None:
    refused = refused_members(kind, asked)
    if kind.is_kafka and not asked.get("ProvisionedPollerConfig"):
        refused += [name for name in asked if name in PROVISIONED_ONLY and asked[name]]
    for name in refused[:1]:
        if name == "StartingPosition" and kind.is_queue:
            raise InvalidParameterValue("StartingPosition is not valid for SQS event sources.")
        written = name if name == "DestinationConfig" else f"'{name[0].lower()}{name[1:]}'"
        raise InvalidParameterValue(f"Unsupported {written} parameter for given event source mapping type.")


def _check_needed(kind: Kind, asked: Asked) -> None:
    for name in kind.needs:
        if asked.get(name):
            continue
        if name == "StartingPosition":
            raise InvalidParameterValue(
                "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member "
                "must not be null."
            )
        raise InvalidParameterValue(f"Required '{name[0].lower()}{name[1:]}' parameter is missing.")


def _check_batches(kind: Kind, asked: Asked) -> None:
    size, window = asked.get("BatchSize") or 0, asked.get("MaximumBatchingWindowInSeconds") or 0
    if kind.name == "fifo" and window:
        raise InvalidParameterValue("Batching window is not supported for FIFO queues")
    if size > kind.most:  # only FIFO queues have a limit below the model's own; ours
        raise InvalidParameterValue(f"The batch size of a FIFO queue cannot be greater than {kind.most}.")
    if kind.is_queue and size > WITHOUT_WINDOW and not window:
        raise InvalidParameterValue(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )


def _check_position(kind: Kind, asked: Asked) -> None:
    position, moment = asked.get("StartingPosition"), asked.get("StartingPositionTimestamp")
    if position == "AT_TIMESTAMP" and kind.name == "dynamodb":
        raise InvalidParameterValue(f"Unsupported starting position for arn type: {asked['EventSourceArn']}")
    if position == "AT_TIMESTAMP" and moment is None:
        raise InvalidParameterValue("Need to specify a timestamp")
    if position != "AT_TIMESTAMP" and moment is not None:  # ours
        raise InvalidParameterValue("StartingPositionTimestamp needs a StartingPosition of AT_TIMESTAMP.")


def _check_retries(kind: Kind, asked: Asked) -> None:
    age = asked.get("MaximumRecordAgeInSeconds")
    if age is not None and -1 < age < YOUNGEST_S:
        raise ValidationException(  # the sentence of a constraint; that it is one, is known from the rule only
            f"1 validation error detected: Value '{age}' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: "
            f"Member must have value greater than or equal to {YOUNGEST_S}"
        )
    config = asked.get("DestinationConfig") or {}
    arn = destinations.chosen(config, "OnFailure")
    if config.get("OnSuccess"):
        raise InvalidParameterValue("Unsupported DestinationConfig parameter for given event source mapping type.")
    if arn and not _takes_failures(kind, arn):
        raise InvalidParameterValue(
            "The provided destination config DestinationConfig(onSuccess=null, "
            f"onFailure=OnFailure(destination={arn})) is invalid."
        )


def _takes_failures(kind: Kind, arn: str) -> bool:
    if arn.startswith("kafka://"):
        return kind.is_kafka
    return arn.split(":")[2] in ("sqs", "sns", "s3") and not arn.endswith(".fifo")


def _check_pollers(kind: Kind, asked: Asked) -> None:
    """All but the members' own limits is ours."""
    config = asked.get("ProvisionedPollerConfig") or {}
    if not config:
        return
    if asked.get("ScalingConfig"):
        raise InvalidParameterValue("ScalingConfig and ProvisionedPollerConfig cannot be used together.")
    if config.get("PollerGroupName") and not kind.is_kafka:
        raise InvalidParameterValue("Unsupported 'pollerGroupName' parameter for given event source mapping type.")
    least, most = (config.get(name) for name in ("MinimumPollers", "MaximumPollers"))
    for name, value in (("MinimumPollers", least), ("MaximumPollers", most)):
        if kind.is_queue and value is not None and value < kind.pollers[0]:
            raise InvalidParameterValue(f"{name} must be at least {kind.pollers[0]} for SQS event sources.")
    if (least or kind.pollers[0]) > (most or kind.pollers[1]):
        raise InvalidParameterValue("MaximumPollers must be greater than or equal to MinimumPollers.")


def _check_credentials(kind: Kind, asked: Asked) -> None:
    """These sentences are ours."""
    given = [each.get("Type") for each in asked.get("SourceAccessConfigurations") or []]
    for each in given:
        if each not in kind.credentials:
            raise InvalidParameterValue(f"{each} is not a source access configuration type for {kind.service}.")
    if kind.name in ("mq", "documentdb") and "BASIC_AUTH" not in given:
        raise InvalidParameterValue(f"{kind.service} needs a source access configuration of type BASIC_AUTH.")
    config = asked.get("DocumentDBEventSourceConfig")
    if config is not None and not config.get("DatabaseName"):
        raise InvalidParameterValue("Required 'databaseName' parameter is missing.")


def _check_metrics(kind: Kind, asked: Asked) -> None:
    for metric in (asked.get("MetricsConfig") or {}).get("Metrics") or []:
        if metric != "EventCount" and not kind.is_kafka:  # ours
            raise InvalidParameterValue(f"The metric {metric} exists for Kafka event sources only.")
