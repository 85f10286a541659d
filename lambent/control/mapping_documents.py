"""How a mapping is kept, and how it is shown: defaults, what an update changes, EventSourceMappingConfiguration."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from lambent.control import mapping_kinds
from lambent.control.control import Control
from lambent.control.mapping_kinds import Kind
from lambent.errors import InvalidParameterValue, ResourceNotFound
from lambent.model import Document
from lambent.store.event_source_mappings import StoredMapping

SEALED = "Sealed"  # the member of a stored FilterCriteria that takes the place of Filters: base64

_NOT_SHOWN = ("FunctionName", "Enabled", "Tags", "UUID")
_EMPTY_ENDS = ("ScalingConfig", "ProvisionedPollerConfig", "MetricsConfig", "LoggingConfig", "KMSKeyArn")
_KAFKA_CONFIGS = ("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig")


def created(kind: Kind, uuid: str, asked: Mapping[str, Any]) -> Document:
    """What is kept of a CreateEventSourceMapping request, with AWS's defaults."""
    settings = dict(kind.defaults) | _given(asked)
    if kind.is_kafka:
        name = _KAFKA_CONFIGS[kind.name != "kafka"]
        settings[name] = {"ConsumerGroupId": uuid} | settings.get(name, {})
    return _tidy(kind, settings)


def updated(kind: Kind, before: Mapping[str, Any], asked: Mapping[str, Any]) -> Document:
    """What is kept after an UpdateEventSourceMapping request: what it does not say stays, an empty thing ends one."""
    changes = _given(asked)
    for name in _KAFKA_CONFIGS:
        if name in changes:
            changes[name] = _same_group(before.get(name) or {}, changes[name])
    if "DocumentDBEventSourceConfig" in changes:
        changes["DocumentDBEventSourceConfig"] = (
            before["DocumentDBEventSourceConfig"] | asked["DocumentDBEventSourceConfig"]
        )
    return _tidy(kind, dict(before) | changes)


def _given(asked: Mapping[str, Any]) -> Document:
    given = {name: value for name, value in asked.items() if value is not None and name not in _NOT_SHOWN}
    moment = given.get("StartingPositionTimestamp")
    return given if moment is None else given | {"StartingPositionTimestamp": moment.timestamp()}


def _same_group(before: Document, wanted: Document) -> Document:
    """AWS: the consumer group of a mapping cannot be changed (the sentence is ours)."""
    if wanted.get("ConsumerGroupId", before.get("ConsumerGroupId")) != before.get("ConsumerGroupId"):
        raise InvalidParameterValue("The consumer group of an event source mapping cannot be changed.")
    return before | wanted


def _tidy(kind: Kind, settings: Document) -> Document:
    """Without what is empty and then not shown; with the parts of things that AWS fills in."""
    for name in _EMPTY_ENDS:
        if name in settings and not _says_something(settings[name]):
            del settings[name]
    criteria = settings.get("FilterCriteria")
    if criteria is not None and not criteria.get("Filters") and SEALED not in criteria:
        del settings["FilterCriteria"]
    config = settings.get("DestinationConfig")
    if config is not None:
        failed = {key: value for key, value in (config.get("OnFailure") or {}).items() if value}
        settings["DestinationConfig"] = {"OnFailure": failed}
    if settings.get("ProvisionedPollerConfig"):
        least, most = kind.pollers
        filled = {"MinimumPollers": least, "MaximumPollers": most} | settings["ProvisionedPollerConfig"]
        settings["ProvisionedPollerConfig"] = filled
    if settings.get("DocumentDBEventSourceConfig"):
        settings["DocumentDBEventSourceConfig"] = {"FullDocument": "Default"} | settings["DocumentDBEventSourceConfig"]
    return settings


def _says_something(value: Any) -> bool:
    return any(value.values()) if isinstance(value, dict) else bool(value)


def shown(control: Control, mapping: StoredMapping, state: str) -> Document:
    """An EventSourceMappingConfiguration, but for filters that are sealed."""
    kind = mapping_kinds.named(mapping.kind)
    document: Document = dict(mapping.settings) | {
        "UUID": mapping.uuid,
        "EventSourceMappingArn": mapping.arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.last_modified,
        "State": state,
        "StateTransitionReason": kind.reason,
    }
    result = _result(control, kind, mapping)
    return document | ({"LastProcessingResult": result} if result else {})


def _result(control: Control, kind: Kind, mapping: StoredMapping) -> str:
    """LastProcessingResult. Honest: a mapping that nobody polls for says so, in AWS's form for what went wrong."""
    if not _is_there(control, mapping):
        return "PROBLEM: The function does not exist."
    if not control.sources.polls(kind.name):
        return f"PROBLEM: Lambent does not poll {kind.service} yet. This mapping is kept, but invokes nothing."
    return mapping.result or kind.result


def _is_there(control: Control, mapping: StoredMapping) -> bool:
    try:
        control.functions.get_version(mapping.account, mapping.region, mapping.name)
    except ResourceNotFound:
        return False
    return True


async def sealed(control: Control, arn: str, settings: Document) -> Document:
    """The settings as they are stored: with a KMSKeyArn, filters are encrypted."""
    criteria = settings.get("FilterCriteria")
    if not settings.get("KMSKeyArn") or criteria is None or SEALED in criteria:
        return settings
    body = await control.capacity.seal({"FilterCriteria": json.dumps(criteria)}, arn, settings["KMSKeyArn"])
    return settings | {"FilterCriteria": {SEALED: base64.b64encode(body).decode()}}


async def opened(control: Control, documents: list[Document]) -> list[Document]:
    """Documents or settings with their filters in the clear, or a FilterCriteriaError that says why not."""
    hidden = [each for each in documents if SEALED in (each.get("FilterCriteria") or {})]
    if not hidden:
        return documents
    wanted = [(base64.b64decode(each["FilterCriteria"][SEALED]), each["EventSourceMappingArn"]) for each in hidden]
    for each, found in zip(hidden, await control.capacity.open(wanted), strict=True):
        del each["FilterCriteria"]
        if isinstance(found, dict):
            each["FilterCriteria"] = json.loads(found["FilterCriteria"])
        else:
            each["FilterCriteriaError"] = {"ErrorCode": "KMSAccessDeniedException", "Message": found}
    return documents
