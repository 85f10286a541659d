"""What mappings poll, as the control plane sees it, and what pollers ask of the engine. A piece of app."""

import logging
from typing import Any

from lambent.clock import Clock
from lambent.control import mapping_documents
from lambent.control.control import Control
from lambent.control.event_sources import EventSource
from lambent.invoke import durable
from lambent.invoke.path import Invoker
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.invoke.sampling import Sampler
from lambent.model import Invocation, Outcome
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.services.external.calls import Calls
from lambent.services.external.queues import ExternalQueue
from lambent.services.sources.local import LocalQueue
from lambent.services.sources.pollers import KINDS, Pollers
from lambent.services.sources.records import Record
from lambent.services.sources.source import Source
from lambent.services.sqs.engine import Sqs
from lambent.store.event_source_mappings import StoredMapping
from lambent.wire import ids

log = logging.getLogger("lambent")

SAMPLE_S = 1.0  # between two messages that the journal tells of as filtered out, for one mapping


class Engine:
    """What pollers need of the path of invocations."""

    def __init__(
        self, invoker: Invoker, resolver: Resolver, loops: Loops, clock: Clock, executions: durable.Executions
    ) -> None:
        self._invoker = invoker
        self._executions = executions
        self.resolve = resolver.resolve
        self._loops = loops
        self._clock = clock
        self._sampler = Sampler()

    async def run(self, mapping: StoredMapping, payload: bytes, trace: str) -> Outcome:
        """As a synchronous invocation by Lambda itself. Raises what the invoker raises, and AwsError."""
        version, arn = self.resolve(mapping.account, mapping.region, mapping.name, mapping.qualifier or None)
        now, request_id = self._clock.epoch(), ids.request_id()
        trace = self._sampler.header(trace, version, now)
        header = self._loops.pass_on(trace, version.function_arn, request_id, now)
        if version.durable is not None:
            qualifier = mapping.qualifier or durable.LATEST
            start = durable.Start(version, qualifier, payload, request_id, header)
            return await durable.outcome(self._executions, start)
        return await self._invoker.invoke(
            Invocation(
                request_id=request_id, version=version, invoked_arn=arn, payload=payload, received=now, trace=header
            )
        )


class Notes:
    """Where what pollers tell goes: metrics, the journal, the mapping's own LastProcessingResult."""

    def __init__(self, control: Control, metrics: Metrics, journal: Journal) -> None:
        self._mappings = control.stores.mappings
        self._spawn = control.spawn
        self._metrics = metrics
        self._journal = journal
        self._clock = control.clock
        self._sampled: dict[str, float] = {}

    def count(self, mapping: StoredMapping, metric: str, number: int) -> None:
        self._metrics.add(metric, (mapping.account, mapping.region, mapping.name), float(number))

    def result(self, mapping: StoredMapping, text: str) -> None:
        if text.startswith("PROBLEM"):
            log.warning("mapping %s of %s: %s", mapping.uuid, mapping.name, text)
        self._spawn(self._mappings.note((mapping.account, mapping.region, mapping.uuid), text))

    def passed_over(self, mapping: StoredMapping, record: Record[Any]) -> None:
        now = self._clock.monotonic()
        if now - self._sampled.get(mapping.uuid, -SAMPLE_S) < SAMPLE_S:
            return
        self._sampled[mapping.uuid] = now
        facts = {"mapping": mapping.uuid, "function": mapping.name, "body": record.document["body"][:200]}
        self._journal.tell(self._clock.epoch(), record.message.message_id, "filtered-out", **facts)


class MappingSources:
    """The control plane's `Sources`: queues are polled, and known if they are here."""

    def __init__(self, control: Control, sqs: Sqs, external: Calls, engine: Engine, notes: Notes) -> None:
        self._sqs = sqs
        self._external = external

        async def settings(mapping: StoredMapping) -> dict[str, Any]:
            document = dict(mapping.settings) | {"EventSourceMappingArn": mapping.arn}
            return (await mapping_documents.opened(control, [document]))[0]

        self._control = control
        self.pollers = Pollers(self._queue, engine.run, settings, notes=notes, clock=control.clock)

    def _queue(self, arn: str, region: str) -> Source[Any] | None:
        if self._external.has(arn):
            return ExternalQueue(self._external, arn, region, self._control.clock)
        queue = self._sqs.by_arn(arn)
        return None if queue is None else LocalQueue(self._sqs, queue, arn, region)

    def start(self) -> None:
        """Poll for every mapping that is enabled; those in a passing state come when that is over."""
        for mapping in self._control.stores.mappings.all():
            if not mapping.due:
                self.pollers.changed(mapping)

    def polls(self, kind: str) -> bool:
        return kind in KINDS

    def find(self, arn: str) -> EventSource | None:
        if arn.split(":")[2:3] != ["sqs"] or self._external.has(arn):
            return None
        queue = self._sqs.by_arn(arn)
        if queue is None:
            return EventSource(exists=False)
        return EventSource(visibility_timeout_s=queue.settings.visibility_s)

    def changed(self, mapping: StoredMapping) -> None:
        self.pollers.changed(mapping)
