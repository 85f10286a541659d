"""Two mappings of one source and one function: AWS has none."""

from collections.abc import Sequence

from lambent.control import mapping_kinds
from lambent.errors import ResourceConflict
from lambent.store.event_source_mappings import StoredMapping


def refuse(mapping: StoredMapping, others: Sequence[StoredMapping]) -> None:
    """One mapping for a source and a function. Raises ResourceConflict."""
    for other in others:
        if other.qualifier == mapping.qualifier and _reads_the_same(mapping, other):
            raise ResourceConflict(_twin(mapping, other))


def _reads_the_same(one: StoredMapping, other: StoredMapping) -> bool:
    """The same source; of brokers and databases, also the same part of it."""
    for part in ("Topics", "Queues", "DocumentDBEventSourceConfig"):
        if one.settings.get(part) != other.settings.get(part):
            return False
    return one.source == other.source and bool(_servers(one) & _servers(other) or one.source)


def _servers(mapping: StoredMapping) -> set[str]:
    endpoints = (mapping.settings.get("SelfManagedEventSource") or {}).get("Endpoints") or {}
    return {server for servers in endpoints.values() for server in servers}


def _twin(mapping: StoredMapping, other: StoredMapping) -> str:
    """AWS's sentences, blanks and all (recorded; of Kafka: localstack-core 2026.3.0)."""
    end = f"already exists. Please update or delete the existing mapping with UUID {other.uuid}"
    if mapping_kinds.named(mapping.kind).is_queue:
        return f'An event source mapping with SQS arn (" {mapping.source} ") and function (" {mapping.name} ") {end}'
    if mapping.kind == "self-managed-kafka":
        servers, topics = ",".join(sorted(_servers(mapping))), ",".join(mapping.settings["Topics"])
        return (
            f'An event source mapping with event source ("{servers}"), function ("{mapping.function_arn}"), topics '
            f'("{topics}") {end}'
        )
    return f'The event source arn (" {mapping.source} ") and function (" {mapping.name} ") provided mapping {end}'
