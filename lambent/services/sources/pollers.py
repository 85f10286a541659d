"""The pollers of all mappings: one for each that is enabled, started and stopped as mappings change."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from lambent.clock import Clock
from lambent.errors import PatternInvalid
from lambent.services.sources.filters import filter_of
from lambent.services.sources.poller import Invoke, Plan, Poller
from lambent.services.sources.records import Record
from lambent.services.sources.scale import limits
from lambent.services.sources.source import Source
from lambent.store.event_source_mappings import ENABLED, ENABLING, UPDATING, StoredMapping

log = logging.getLogger("lambent")

RESULT_EVERY_S = 1.0
KINDS = ("sqs", "fifo")  # of sources that are polled, as mappings name them
Key = tuple[str, str, str]  # account, region, UUID


class Notes(Protocol):
    """Who keeps what pollers tell."""

    def count(self, mapping: StoredMapping, metric: str, number: int) -> None: ...

    def result(self, mapping: StoredMapping, text: str) -> None: ...

    def passed_over(self, mapping: StoredMapping, record: Record[Any]) -> None: ...


class _Told:
    """What one poller tells, with the mapping that it is for. Its result is told when it is another, and not more often
    than once a second: a function may fail and succeed by turns, hundreds of times a second."""

    def __init__(self, notes: Notes, mapping: StoredMapping, *, counted: bool) -> None:
        self._notes = notes
        self._mapping = mapping
        self._counted = counted
        self._kept = self._latest = mapping.result
        self._timer: asyncio.TimerHandle | None = None

    def count(self, metric: str, number: int) -> None:
        if self._counted and number:
            self._notes.count(self._mapping, metric, number)

    def result(self, text: str) -> None:
        self._latest = text
        if text != self._kept and self._timer is None:
            self._keep()
            self._timer = asyncio.get_running_loop().call_later(RESULT_EVERY_S, self._again)

    def _again(self) -> None:
        self._timer = None
        if self._latest != self._kept:
            self.result(self._latest)

    def _keep(self) -> None:
        self._kept = self._latest
        self._notes.result(self._mapping, self._kept)

    def passed_over(self, record: Record[Any]) -> None:
        self._notes.passed_over(self._mapping, record)


# Runs the function of a mapping on a payload, with the trace header that came.
Run = Callable[[StoredMapping, bytes, str], Awaitable[Any]]
# The settings of a mapping with its filters in the clear, or a FilterCriteriaError.
Open = Callable[[StoredMapping], Awaitable[dict[str, Any]]]
# The queue of that ARN and region; None if there is none.
FindQueue = Callable[[str, str], Source[Any] | None]


class Pollers:
    """Mutable, on the event loop only: `_at_work` are the pollers, `_changes` the tasks that exchange them."""

    def __init__(self, find: FindQueue, run: Run, settings: Open, *, notes: Notes, clock: Clock) -> None:
        self._find = find
        self._run = run
        self._settings = settings
        self._notes = notes
        self._clock = clock
        self._at_work: dict[Key, Poller[Any]] = {}
        self._wanted: dict[Key, StoredMapping] = {}
        self._changes: dict[Key, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._closing = False

    def __repr__(self) -> str:
        return f"<Pollers of {len(self._at_work)} mappings>"

    def changed(self, mapping: StoredMapping) -> None:
        """A mapping is as it says now; whatever comes while a change is being made is made next."""
        key = (mapping.account, mapping.region, mapping.uuid)
        self._wanted[key] = mapping
        if mapping.kind in KINDS and key not in self._changes and not self._closing:
            self._changes[key] = asyncio.get_running_loop().create_task(self._change(key))

    async def close(self, patience_s: float) -> None:
        """Take nothing more, and let what runs come to its end; what takes longer comes back after its visibility."""
        self._closing = True
        await asyncio.gather(*self._changes.values(), return_exceptions=True)
        work = [asyncio.ensure_future(poller.finish()) for poller in self._at_work.values()]
        if waiting := [*work, *self._leaving]:
            await asyncio.wait(waiting, timeout=patience_s)

    async def _change(self, key: Key) -> None:
        try:
            while (mapping := self._wanted.pop(key, None)) is not None:
                await self._obey(key, mapping)
        except Exception:
            log.exception("the poller of mapping %s cannot be changed", key[2])
        finally:
            del self._changes[key]

    async def _obey(self, key: Key, mapping: StoredMapping) -> None:
        former = self._at_work.pop(key, None)
        if former is not None:
            await former.stop()
            task = asyncio.get_running_loop().create_task(former.finish())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        active = mapping.state in (ENABLED, UPDATING, ENABLING) and mapping.enabled
        if active and not self._closing:
            poller = await self._poller(mapping)
            if poller is not None:
                self._at_work[key] = poller
                poller.start()

    async def _poller(self, mapping: StoredMapping) -> Poller[Any] | None:
        """None, which has been told, for filters that cannot be read."""
        settings = await self._settings(mapping)
        plan = plan_of(mapping, settings)
        told = _Told(self._notes, mapping, counted=plan.counted)
        if "FilterCriteriaError" in settings:
            told.result(f"PROBLEM: {settings['FilterCriteriaError'].get('Message')}")
            return None
        try:
            wanted = filter_of(settings.get("FilterCriteria"))
        except PatternInvalid as error:
            told.result(f"PROBLEM: {error}")
            return None
        return Poller(
            plan, lambda: self._find(plan.arn, plan.region), self._invoke(mapping), wanted, told=told, clock=self._clock
        )  # fmt: skip

    def _invoke(self, mapping: StoredMapping) -> Invoke:
        return lambda payload, trace: self._run(mapping, payload, trace)


def plan_of(mapping: StoredMapping, settings: dict[str, Any]) -> Plan:
    """What the settings of a mapping ask of its poller."""
    provisioned = settings.get("ProvisionedPollerConfig")
    pollers = (provisioned["MinimumPollers"], provisioned["MaximumPollers"]) if provisioned else None
    return Plan(
        arn=mapping.source,
        region=mapping.region,
        batch=settings.get("BatchSize") or 10,
        window_s=float(settings.get("MaximumBatchingWindowInSeconds") or 0),
        partial="ReportBatchItemFailures" in (settings.get("FunctionResponseTypes") or ()),
        limits=limits((settings.get("ScalingConfig") or {}).get("MaximumConcurrency"), pollers),
        counted="EventCount" in ((settings.get("MetricsConfig") or {}).get("Metrics") or ()),
    )
