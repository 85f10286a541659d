"""Builds everything from the settings, in order; the only file that chooses implementations.

Processes: this one (the front end), and the node agent, which it starts again when it dies.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence, Set
from typing import Any

import uvloop

from lambent import __version__, privileges
from lambent.arns import FunctionRef
from lambent.banner import banner
from lambent.clock import Clock, RealClock, VirtualClock, iso
from lambent.control import deployment, download, environments
from lambent.control.control import Control
from lambent.control.documents import as_version
from lambent.control.lookup import alias as find_alias
from lambent.control.lookup import version as find_version
from lambent.edge.clock import ClockDoor
from lambent.edge.doors import Doors
from lambent.edge.events import EventsDoor
from lambent.edge.explain import ExplainDoor, Whereabouts
from lambent.edge.extras import Extras
from lambent.edge.frontdoor import FrontDoor
from lambent.edge.http import HttpLimits, HttpServer, serve
from lambent.edge.images import ImageDoor
from lambent.edge.metrics import MetricsDoor
from lambent.errors import AgentGone, LambentError, ResourceNotFound
from lambent.events.delivery import Delivery
from lambent.events.engine import Engine
from lambent.invoke import recording
from lambent.invoke.gauges import Gauges
from lambent.invoke.idempotency import Idempotency
from lambent.invoke.keys import Asked
from lambent.invoke.notes import Notes
from lambent.invoke.operations import DataPlane
from lambent.invoke.path import Invoker
from lambent.invoke.recursion import Loop, Loops
from lambent.invoke.resolve import Resolver, Split
from lambent.limits import Limits
from lambent.model import Allocation, Version
from lambent.observe.journal import Journal
from lambent.observe.logbook import Logbook
from lambent.observe.metrics import Metrics
from lambent.observe.records import Records
from lambent.sandbox.agent_client import AgentClient
from lambent.sandbox.agent_process import AgentProcess
from lambent.sandbox.confinement import confine
from lambent.sandbox.keeper import Keeper
from lambent.sandbox.starter import Starter
from lambent.sandbox.surroundings import Surroundings
from lambent.sandbox.unsealing import Secrets
from lambent.settings import Settings, names_in
from lambent.store.aliases import Aliases
from lambent.store.answers import Answers, StoredAnswer
from lambent.store.code import CodeStore
from lambent.store.concurrency import Concurrency
from lambent.store.database import Database
from lambent.store.functions import LATEST, Functions
from lambent.store.image_names import ImageNames
from lambent.store.images import ImageStore
from lambent.store.integrity import Shift, damaged_packages
from lambent.store.invoke_configs import InvokeConfigs
from lambent.store.layers import Layers
from lambent.store.lock import DirectoryLock
from lambent.store.moment import Moment
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
        data = settings.data_dir
        self.shift = Shift(data)
        self.shift.check(data / "lambent.db", data / "queue" / "lambent.db")
        self.database = Database(data)
        self.clock = product_clock(settings, self.real)  # of dates, ages, retries and schedules: decision 14
        self.functions = Functions(self.database)
        self.layers = Layers(self.database)
        self.code, self.images = CodeStore(data / "code"), ImageStore(data / "images")
        self.code.repair()
        self.images.repair()
        self.image_names = ImageNames(self.database)
        self.aliases = Aliases(self.database)
        self.concurrency = Concurrency(self.database)
        self.invoke_configs = InvokeConfigs(self.database)
        self.logbook = Logbook(data / "logs", settings.keep_logs_mb * MB)
        self.metrics = Metrics(self.clock)
        self.records = Records(data / "records", settings.keep_records_mb * MB, after=self.metrics.digest)
        self.journal = Journal(data / "journal", settings.keep_journal_mb * MB)
        starter = Starter(self.code.path, self.images, self.logbook, self.real, self.clock)
        self.keeper = Keeper(settings, starter, self.clock, self.real)
        self.secrets = Secrets(self.keeper.present)
        self.resolver = Resolver(self.load)
        self.limits = Limits(settings, self.concurrency, self.keeper, self.load, self.clock)
        listeners = [recording.listener(self.records.append, self.metrics.hear)]
        self.gauges = Gauges(self.limits.admission, self.metrics)
        notes = Notes(self.clock, self.journal)
        self.invoker = Invoker(self.limits.admission, self.keeper, self.real, listeners, notes)
        secret = download.secret(data)
        self.control = Control(
            self.functions, self.code, self, self.clock, settings, layers=self.layers, images=self.images,
            image_names=self.image_names, concurrency=self.concurrency, invoke_configs=self.invoke_configs,
            aliases=self.aliases, secret=secret,
        )  # fmt: skip
        self.extras = Extras(
            settings,
            self.logbook,
            self.code,
            key=secret,
            clock=self.clock,
            status=self.status,
            exists=self.exists,
            doors=(ImageDoor(self.control), ClockDoor(self.clock)),
        )
        self.loops = Loops(self.may_loop, self.loop_stopped)
        self.events = Engine(
            data / "queue", self.invoker, self.resolver, self.invoke_configs, clock=self.clock, loops=self.loops,
            journal=self.journal, metrics=self.metrics,
        )  # fmt: skip
        self.idempotency = Idempotency(
            Answers(self.events.database), self.functions, self.clock, settings.keep_answers_mb * MB, self.key_told
        )
        self.delivery = Delivery(
            self.events, self.resolver, self.loops, clock=self.clock, journal=self.journal, metrics=self.metrics,
            keep_days=settings.keep_failed_events_days, keep_bytes=settings.keep_failed_events_mb * MB,
        )  # fmt: skip
        self.extras.add(EventsDoor(self.delivery, self.events.queue, settings))
        whereabouts = Whereabouts(self.events.queue, self.delivery.letters, self.delivery.kept, self.delivery.outbox)
        self.extras.add(ExplainDoor(self.records, self.journal, whereabouts))
        self.extras.add(MetricsDoor(self.metrics, settings, self.clock))
        data_plane = DataPlane(
            self.resolver, self.invoker, self.events, self.loops, idempotency=self.idempotency, clock=self.clock
        )
        self.frontdoor = FrontDoor(Wire(settings), self.control, data_plane, self.extras)
        self.server: HttpServer | None = None
        self.doors = Doors(self.frontdoor.answer, HttpLimits(body=settings.body_limit_mb * MB), self.real)
        starter.surroundings = Surroundings(
            frozenset(names_in(settings.vpc_routed_subnets)),
            self.doors if settings.function_endpoint else None,
            lambda: self.endpoint,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.failed = asyncio.Event()

    async def start(self) -> None:
        limits = HttpLimits(body=self.settings.body_limit_mb * MB)
        await self.connect()
        await self.seal_old_environments()
        self.limits.load_reserved()
        self.server = await serve(
            self.frontdoor.answer, self.settings.host, self.settings.port, limits=limits, clock=self.real
        )
        await deployment.resume(self.control)
        self.spawn(self.look_through_packages())
        await self.events.start()
        self.delivery.start()
        self.idempotency.start()
        calm_collector()
        self.spawn(self.keeper.expire_for_ever())
        self.spawn(self.gauges.sample_for_ever())
        self.spawn(self.ready_runtimes())
        self.limits.load_provisioned()

    async def look_through_packages(self) -> None:
        await asyncio.to_thread(damaged_packages, self.code, self.shift)

    async def seal_old_environments(self) -> None:
        """An older Lambent stored them as they were; nothing of that may stay in the file."""
        sealed = await environments.migrate(self.control)
        if sealed:
            self.database.forget_deleted()
            log.info("environment variables of %d function versions are encrypted now", sealed)

    async def stop(self) -> None:
        """Drain: running calls get `drain_s` to finish, then everything ends."""
        self._stopping = True
        await self.limits.provisioner.close()
        deadline = time.monotonic() + self.settings.drain_s
        if self.server:
            await self.server.close(self.settings.drain_s)
        await self.events.drain(max(0.0, deadline - time.monotonic()))
        await self.delivery.close()
        await self.idempotency.close(max(0.0, deadline - time.monotonic()))
        await self.keeper.close(max(0.0, deadline - time.monotonic()))
        await self.frontdoor.data.streams.close()
        self.doors.close()
        await self.control.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.keeper.agent:
            self.keeper.agent.close()
        await self.process.stop()
        self.records.close()
        self.journal.close()
        self.logbook.close()
        self.events.close()
        self.database.close()
        self.shift.over()

    # -- the node agent

    async def connect(self) -> None:
        agent = await AgentClient.connect(self.process.path, self.agent_gone, self.process.check)
        await self.keeper.attach(agent)

    def agent_gone(self) -> None:
        """Every sandbox died with it. Calls that ran get an error, the next ones a new agent."""
        self.keeper.detach()
        if not self._stopping:
            self.limits.agent_gone()
            log.error("the node agent died; its parent starts another")
            self.spawn(self.reconnect())

    async def reconnect(self) -> None:
        """To the next agent. Without one nothing can run: then this process ends, for its service manager to see."""
        try:
            await self.connect()
        except LambentError as error:
            log.error("%s", error.message)
            self.failed.set()

    async def ready_runtimes(self) -> None:
        """Husks for every function that was there before this start, and the key of their environment variables."""
        latest = self.functions.all_latest()
        if any("Environment" in stored.config for stored in latest):
            with contextlib.suppress(LambentError):  # who needs it is told why it cannot be used
                await self.secrets.seal({}, "")
        for runtime in sorted({as_version(stored).husk_runtime for stored in latest}):
            if self.keeper.refuse(runtime) is None:
                try:
                    await self.keeper.use(runtime)
                except LambentError as error:
                    log.warning("husks for %s: %s", runtime, error.message)

    # -- control's Capacity

    async def seal(self, variables: Mapping[str, str], owner: str) -> bytes:
        return await self.secrets.seal(variables, owner)

    async def open(self, sealed: Sequence[tuple[bytes, str]]) -> list[dict[str, str] | str]:
        return await self.secrets.open(sealed)

    async def prepare(self, version: Version) -> None:
        await self.keeper.prepare(version)

    def changed(self, account: str, region: str, name: str) -> None:
        self.resolver.forget(account, region, name)
        self.invoke_configs.forget(account, region, name)
        if not self.exists(account, region, name):
            self.spawn(self.idempotency.forget(account, region, name))
        self.keeper.changed(account, region, name, lambda number: self.stays(account, region, name, number))
        self.limits.function_changed(account, region, name, exists=self.exists(account, region, name))

    def reads(self, digests: Set[str]) -> bool:
        return self.keeper.reads(digests)

    def limits_changed(self, account: str, region: str, name: str) -> None:
        self.limits.changed(account, region, name)

    def allocation(self, account: str, region: str, name: str, qualifier: str) -> Allocation:
        return self.limits.allocation(account, region, name, qualifier)

    def rerouted(self, account: str, region: str, name: str) -> None:
        self.resolver.forget(account, region, name)
        self.invoke_configs.forget(account, region, name)
        self.limits_changed(account, region, name)

    def refuse_snapshots(self) -> str | None:
        return self.keeper.agent.hello.isolation.no_snapshots or None if self.keeper.agent else None

    def refuse(self, runtime: str) -> str | None:
        return self.keeper.refuse(runtime)

    def refuse_images(self) -> str | None:
        return self.keeper.refuse_images()

    # -- recursion

    def may_loop(self, account: str, region: str, name: str) -> bool:
        return self.invoke_configs.recursion(account, region, name) == "Allow"

    def loop_stopped(self, loop: Loop) -> None:
        self.journal.tell(loop.at, loop.request_id, "recursion", run=loop.run, chain=", ".join(loop.chain))
        self.metrics.add("RecursiveInvocationsDropped", (loop.account, loop.region, loop.name), 1.0)

    def key_told(self, kind: str, asked: Asked, answer: StoredAnswer) -> None:
        """Of an Idempotency-Key: that a call was answered from it, or that the server ended while its call ran."""
        now, key = self.clock.epoch(), asked.scope.idempotency_key
        if kind == "interrupted":
            self.journal.tell(now, answer.request_id, kind, key=key, repeated_as=asked.request_id)
        else:
            self.journal.tell(now, asked.request_id, kind, key=key, ran_as=answer.request_id)

    # -- small services

    def load(self, account: str, region: str, name: str, qualifier: str | None) -> Version | Split:
        """What a name stands for."""
        # AWS names $LATEST in the ARN of a function that is not there when it is invoked, though nobody asked for it.
        ref = FunctionRef(account, region, name, qualifier or LATEST)
        alias = find_alias(self.control, ref)
        version = as_version(find_version(self.control, ref))
        for other, share in alias.additional.items() if alias else ():
            return Split(version, as_version(self.functions.get_version(account, region, name, other)), share)
        return version

    def stays(self, account: str, region: str, name: str, number: str) -> bool:
        """Is this version of a changed function as it was? Published ones never change, they only go."""
        try:
            return number != LATEST and bool(self.functions.get_version(account, region, name, number))
        except ResourceNotFound:
            return False

    def exists(self, account: str, region: str, name: str) -> bool:
        try:
            self.functions.get(account, region, name)
        except ResourceNotFound:
            return False
        return True

    async def status(self) -> dict[str, Any]:
        agent = self.keeper.agent
        try:
            counts = await agent.counts() if agent else None
        except AgentGone:
            counts = None
        return {
            "version": __version__,
            "pid": os.getpid(),
            "agent_pid": agent.hello.pid if agent else None,
            "uptime_s": round(time.monotonic() - self.began, 3),
            "clock": {"kind": self.settings.clock, "now": self.clock.epoch(), "iso": iso(self.clock.epoch())},
            "endpoint": self.endpoint,
            "data": str(self.settings.data_dir.absolute()),
            "isolation": agent.hello.isolation if agent else None,
            "runtimes": sorted(self.keeper.runtimes().values(), key=lambda info: info.name) if agent else [],
            "sandboxes": self.keeper.counts()
            | {"templates": self.keeper.starter.snapshots.count(), "husks": counts.husks if counts else {}},
            "functions": len(self.functions.all_latest()),
            "concurrency": self.limits.status(),
            "events": self.events.counts() | self.delivery.counts(),
            "idempotency": self.idempotency.counts(),
            "journal": {"lost": self.journal.lost},
        }

    @property
    def endpoint(self) -> str:
        port = self.server.port if self.server else self.settings.port
        return f"http://{self.settings.host}:{port}"

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def product_clock(settings: Settings, real: RealClock) -> Clock:
    """The clock that the settings ask for. A virtual one goes on where it was, but never behind the real time."""
    moment = Moment(settings.data_dir)
    reached, now = moment.read() or 0.0, real.epoch()
    if settings.clock == "virtual":
        return VirtualClock(max(reached, now), lambda epoch: asyncio.to_thread(moment.write, epoch))
    if reached > now:
        log.warning("the virtual clock of %s had come to %s: dates there lie in the future", moment.path, iso(reached))
    return real


def calm_collector() -> None:
    """What was built at start stays: looking it through at every collection cost a fifth of the time of a warm call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.0005)  # the threads that write logs and records must not hold a call up for 5 ms


async def _serve(settings: Settings, process: AgentProcess) -> int:
    app = App(settings, process)
    loop = asyncio.get_running_loop()
    enough = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, enough.set)
    try:
        await app.start()
    except LambentError as error:
        print(f"lambent: {error.message}", file=sys.stderr)
        await app.stop()
        return 1
    if app.keeper.agent:
        print(banner(app.endpoint, app.keeper.agent.hello, settings, app.clock.epoch()), flush=True)
    await asyncio.wait(
        [asyncio.ensure_future(enough.wait()), asyncio.ensure_future(app.failed.wait())],
        return_when=asyncio.FIRST_COMPLETED,
    )
    if not settings.quiet:
        print("lambent: draining; running calls may finish", flush=True)
    await app.stop()
    return 1 if app.failed.is_set() else 0


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status."""
    logging.basicConfig(
        level=logging.WARNING if settings.quiet else logging.INFO, format="lambent: %(message)s", stream=sys.stderr
    )
    data = settings.data_dir
    try:
        privileges.allow_many_descriptors()
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        DirectoryLock(data).release()  # refused before an agent is started for nothing
        process = AgentProcess(settings, data)
        process.start()
        if os.geteuid() == 0:
            privileges.give_up(data, settings.port)
            confine()
        return uvloop.run(_serve(settings, process))
    except LambentError as error:
        print(f"lambent: {error.message}", file=sys.stderr)
        return 1
