"""Builds everything from the settings, in order; the only file that chooses implementations. Its pieces: stores.py,
names.py, limits.py, scaling.py, capacity.py, telling.py, node.py, status.py, banner.py; serving.py runs it.

Processes: this one (the front end), and the node agent, which it starts again when it dies.
"""

import asyncio
import logging
import time
from functools import partial
from typing import Any

from lambent import mapping_sources
from lambent.capacity import EngineCapacity
from lambent.clock import RealClock
from lambent.control import deployment, download, environments, mappings
from lambent.control.control import Control
from lambent.durable.api import DurableApi
from lambent.durable.checkpoints import sdk_operations
from lambent.durable.engine import Executions
from lambent.edge.bucket_pages import BucketPages
from lambent.edge.clock import ClockDoor
from lambent.edge.doors import Doors
from lambent.edge.events import EventsDoor
from lambent.edge.explain import ExplainDoor, Whereabouts
from lambent.edge.extras import Extras
from lambent.edge.forms import FormDoor
from lambent.edge.frontdoor import Answers as Service
from lambent.edge.frontdoor import FrontDoor
from lambent.edge.function_urls import FunctionUrlDoor
from lambent.edge.gate import Gate
from lambent.edge.http import HttpLimits, HttpServer, serve
from lambent.edge.images import ImageDoor
from lambent.edge.keys import KeysDoor
from lambent.edge.metrics import MetricsDoor
from lambent.edge.signing import SigningDoor
from lambent.edge.sns import SnsDoor
from lambent.edge.spooling import Spooling
from lambent.events.delivery import Delivery
from lambent.events.engine import Engine
from lambent.execution_letters import ExecutionLetters
from lambent.identity import Identity
from lambent.invoke import recording
from lambent.invoke.gauges import Gauges
from lambent.invoke.idempotency import Idempotency
from lambent.invoke.notes import Notes
from lambent.invoke.operations import DataPlane
from lambent.invoke.path import Invoker
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.limits import Limits
from lambent.names import Names
from lambent.node import Node
from lambent.observe.journal import Journal
from lambent.observe.logbook import Logbook
from lambent.observe.metrics import Metrics
from lambent.observe.records import Records
from lambent.product_clock import product_clock
from lambent.sandbox.agent_process import AgentProcess
from lambent.sandbox.keeper import Keeper
from lambent.sandbox.starter import Starter
from lambent.sandbox.surroundings import Surroundings
from lambent.scaling import Autoscaling
from lambent.services import neighbours
from lambent.settings import Settings, names_in
from lambent.status import Parts, status
from lambent.store.answers import Answers
from lambent.stores import Stores
from lambent.telling import Telling
from lambent.triggers import Triggers
from lambent.wire.http import netloc
from lambent.wire.parse import Wire

log = logging.getLogger("lambent")
MB = 1024 * 1024


class App:
    """A running Lambent. Attributes are the parts; `start` and `stop` are the order in which they come and go."""

    def __init__(self, settings: Settings, process: AgentProcess) -> None:
        self.process = process
        self.settings = settings
        self.real = RealClock()  # of what functions and sandboxes live through, and of connections
        self.began = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self.stores = Stores(settings.data_dir)
        self.clock = product_clock(settings, self.real)  # of dates, ages, retries and schedules: decision 14
        self.identity = Identity(settings, self.stores, self.clock, self.real)
        self._build_observers()
        self._build_engine()
        self._build_api()
        self._build_edge()

    def _build_observers(self) -> None:
        data, settings = self.settings.data_dir, self.settings
        self.logbook = Logbook(data / "logs", settings.keep_logs_mb * MB)
        self.metrics = Metrics(self.clock)
        self.records = Records(data / "records", settings.keep_records_mb * MB, after=self.metrics.digest)
        self.journal = Journal(data / "journal", settings.keep_journal_mb * MB)
        self.telling = Telling(self.journal, self.metrics, self.clock)

    def _build_engine(self) -> None:
        """The path of invocations, and of events."""
        stores, clock = self.stores, self.clock
        self.names = Names(stores.functions, lambda: self.control)
        self.starter = Starter(stores.code.path, stores.images, self.logbook, self.real, clock)
        self.keeper = Keeper(self.settings, self.starter, clock, self.real)
        self.resolver = Resolver(self.names.load)
        self.limits = Limits(self.settings, stores.concurrency, self.keeper, self.names.load, clock)
        self.node = Node(self.process, self.keeper, self.limits, self.spawn)
        self.gauges = Gauges(self.limits.admission, self.metrics)
        listeners = [recording.listener(self.records.append, self.metrics.hear)]
        notes = Notes(clock, self.journal)
        self.invoker = Invoker(self.limits.admission, self.keeper, self.real, listeners, notes)
        self.loops = Loops(stores.invoke_configs.may_loop, self.telling.loop_stopped)
        self.events = Engine(
            self.settings.data_dir / "queue", self.invoker, self.resolver, stores.invoke_configs, clock=clock,
            loops=self.loops, journal=self.journal, metrics=self.metrics,
        )  # fmt: skip
        self.delivery = Delivery(
            self.events, self.resolver, self.loops, clock=clock, journal=self.journal, metrics=self.metrics,
            keep_days=self.settings.keep_failed_events_days, keep_bytes=self.settings.keep_failed_events_mb * MB,
            may=lambda *asked: self.control.permits.may(*asked),  # noqa: PLW0108 -- it is built later
        )  # fmt: skip

    def _build_api(self) -> None:
        """The operations of the Lambda API."""
        stores, settings = self.stores, self.settings
        capacity = EngineCapacity(self.keeper, self.resolver, self.limits, self.names, stores.invoke_configs)
        self.control = Control(stores, capacity, self.clock, settings, secret=download.secret(settings.data_dir))
        self.control.mistrusted = self.telling.mistrusted
        self.idempotency = Idempotency(
            Answers(self.events.database), stores.functions, self.clock, settings.keep_answers_mb * MB, self.telling.key
        )
        capacity.gone = lambda *function: self.spawn(self.idempotency.forget(*function))
        self.executions = Executions(
            self.events.database, self.invoker, self.resolver, self.loops, clock=self.clock,
            born=lambda *function: stores.functions.get(*function).created_at, may=self.control.permits.may,
            metrics=self.metrics, rows=ExecutionLetters(self.resolver).rows, posted=self.events.posted,
        )  # fmt: skip
        self.events.attempts.executions = self.executions
        self.data = DataPlane(
            self.resolver, self.invoker, self.events, self.loops, idempotency=self.idempotency, clock=self.clock,
            gate=self.control.guard, executions=self.executions,
        )  # fmt: skip
        self.triggers = Triggers(
            self.control, self.events, self.delivery,
            mapping_sources.Engine(self.invoker, self.resolver, self.loops, self.clock, self.executions),
            mapping_sources.Notes(self.control, self.metrics, self.journal), base=lambda: self.endpoint,
            logbook=self.logbook,
        )  # fmt: skip
        self.autoscaling = Autoscaling(stores.database, self.control, self.metrics, self.journal, self.gauges.sample)

    def _build_edge(self) -> None:
        settings = self.settings
        whereabouts = Whereabouts(
            self.events.queue, self.delivery.letters, self.delivery.kept, self.delivery.outbox
        )  # fmt: skip
        parts = Parts(
            self.began, lambda: self.endpoint, settings, self.clock, self.identity, self.keeper, self.stores,
            self.limits, self.events, self.delivery, self.executions, self.idempotency, self.journal,
        )  # fmt: skip
        self.extras = Extras(
            settings, self.logbook, self.stores.code, key=self.control.secret, clock=self.clock,
            status=partial(status, parts), exists=self.names.exists,
            doors=(
                ImageDoor(self.control), ClockDoor(self.clock), MetricsDoor(self.metrics, settings, self.clock),
                SnsDoor(lambda: self.triggers.sns.signer.certificate),
                EventsDoor(self.delivery, self.events.queue, settings),
                ExplainDoor(self.records, self.journal, whereabouts),
                SigningDoor(self.stores.code_signing, settings, self.clock),
                KeysDoor(self.identity.authenticator, settings, self.clock),
            ),
            admit=Gate(settings, self.identity.authenticator.signer).admit,
        )  # fmt: skip
        services: dict[str, Service] = {
            "application-autoscaling": self.autoscaling.answer,
            **self.triggers.answers,
            "sts": self.identity.sts.answer,
        }
        wire = Wire(settings, self.identity.authenticator.identify)
        urls = FunctionUrlDoor(
            self.stores.function_urls, self.data, self.control.permits, self.identity.authenticator.signer, wire=wire,
            settings=settings, clock=self.clock, metrics=self.metrics, journal=self.journal,
        )  # fmt: skip
        executions = self.executions
        durable = DurableApi(executions.store, executions, self.names, self.clock, self.control.guard)
        self.neighbours = neighbours.Neighbours()
        pages = BucketPages(self.triggers.s3.buckets, wire)
        self.identity.authenticator.opens = pages.opens
        forms = FormDoor(self.triggers.s3, wire, self.identity.authenticator)
        self.frontdoor = FrontDoor(
            wire, self.control, self.data, self.extras, services, urls=urls.answer,
            durable=durable.operations | sdk_operations(executions),
            neighbours=dict.fromkeys(neighbours.HOSTS, self.neighbours.answer),
            pages=pages, forms=forms,
        )  # fmt: skip
        spooling = Spooling(self.triggers.s3.files.new, self.identity.authenticator.admits, forms.reader)
        self.http_limits = HttpLimits(body=settings.body_limit_mb * MB, spooler=spooling.spool)
        self.server: HttpServer | None = None
        self.doors = Doors(self.frontdoor.answer, self.http_limits, self.real, self.identity.vending.answer)
        self.starter.role_keys = self.identity.functions
        self.starter.surroundings = Surroundings(
            frozenset(names_in(settings.vpc_routed_subnets)),
            self.doors if settings.function_endpoint else None,
            lambda: self.endpoint,
        )

    async def start(self) -> None:
        await self.node.connect()
        await self.identity.ready()
        await self.seal_old_environments()
        self.limits.load_reserved()
        self.triggers.start()
        self.server = await serve(
            self.frontdoor.answer, self.settings.host, self.settings.port, limits=self.http_limits, clock=self.real
        )
        await deployment.resume(self.control)
        mappings.resume(self.control)
        await self.events.start()
        await self.executions.start()
        self.delivery.start()
        self.idempotency.start()
        self.spawn(asyncio.to_thread(self.stores.look_through_packages))
        self.spawn(self.keeper.expire_for_ever())
        self.spawn(self.gauges.sample_for_ever())
        self.spawn(self.node.ready_runtimes(self.control))
        self.limits.load_provisioned()
        self.autoscaling.scaler.start()

    async def seal_old_environments(self) -> None:
        """An older Lambent stored them as they were; nothing of that may stay in the file."""
        sealed = await environments.migrate(self.control)
        if sealed:
            self.stores.database.forget_deleted()
            log.info("environment variables of %d function versions are encrypted now", sealed)

    async def stop(self) -> None:
        """Drain: running calls get `drain_s` to finish, then everything ends."""
        self.node.part()
        self.triggers.hush()
        await self.autoscaling.scaler.close()
        await self.limits.provisioner.close()
        deadline = time.monotonic() + self.settings.drain_s
        if self.server:
            await self.server.close(self.settings.drain_s)
        await self.events.drain(max(0.0, deadline - time.monotonic()))
        await self.executions.close(max(0.0, deadline - time.monotonic()))
        await self.delivery.close()
        await self.triggers.close(max(0.0, deadline - time.monotonic()))
        await self.idempotency.close(max(0.0, deadline - time.monotonic()))
        await self.keeper.close(max(0.0, deadline - time.monotonic()))
        await self.data.streams.close()
        self.doors.close()
        self.neighbours.close()
        await self.control.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.node.stop()
        for part in (self.records, self.journal, self.logbook, self.events, self.stores):
            part.close()

    # -- small services

    @property
    def endpoint(self) -> str:
        port = self.server.port if self.server else self.settings.port
        return f"http://{netloc(self.settings.host, port)}"

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
