"""What every operation of the control plane works with."""

import asyncio
import datetime
import platform
import secrets
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakValueDictionary

from lambent.arns import FunctionRef
from lambent.clock import Clock, Timer
from lambent.clock import sleep as clock_sleep
from lambent.control.blobs import CodeKeeper
from lambent.control.capacity import Capacity
from lambent.control.code_quota import CodeQuota
from lambent.control.event_sources import NoSources, Sources
from lambent.control.guard import Guard
from lambent.control.objects import Objects
from lambent.control.permits import Permits
from lambent.runtimes.table import TABLE, RuntimeTable
from lambent.settings import Settings
from lambent.store.buckets import Buckets
from lambent.stores import Stores

_MACHINES = {"aarch64": "arm64", "amd64": "x86_64"}  # the kernel's word -> AWS's


class Control:
    """The control plane's collaborators, and the deployments that go on in the background.

    Mutable: `_tasks` holds each background task from its start to its end, because asyncio itself keeps only weak
    references; `_timers` what is to be done later; `_turns` the lock of each function that somebody has a turn at, and
    forgets it afterwards.
    """

    def __init__(
        self,
        stores: Stores,
        capacity: Capacity,
        clock: Clock,
        settings: Settings,
        *,
        runtimes: RuntimeTable = TABLE,
        secret: bytes = b"",  # signs download links; empty: links die with this process
        architecture: str = "",  # empty: this machine's
        sleep: Callable[[float], Awaitable[None]] | None = None,  # None: on the clock
    ) -> None:
        self.stores = stores
        self.functions = stores.functions
        self.function_urls = stores.function_urls
        self.layers = stores.layers
        self.images = stores.images
        self.image_names = stores.image_names
        self.concurrency = stores.concurrency
        self.invoke_configs = stores.invoke_configs
        self.aliases = stores.aliases
        self.code = stores.code
        self.capacity = capacity
        self.clock = clock
        self.settings = settings
        self.runtimes = runtimes
        self.permits = Permits(stores.policies, clock, settings.organization)
        self.guard = Guard(self.permits)
        self.secret = secret or secrets.token_bytes(32)
        self.architecture = architecture or _MACHINES.get(platform.machine(), platform.machine())
        self.blobs = CodeKeeper(
            self._digests,
            self.code,
            self.images,
            self.spawn,
            sleep or self._sleep,
            read=capacity.reads,
            working=clock.working,
        )  # fmt: skip
        self.sources: Sources = NoSources()  # app gives another one
        self.elsewhere: Callable[[str], bool] = lambda arn: False  # is what that ARN names at another endpoint?
        self.mistrusted: Callable[[FunctionRef, str], None] = lambda ref, worth: None  # told of code not signed well
        self.objects: Objects = Buckets(settings.code_buckets)  # S3, where code may lie
        self.code_quota = CodeQuota(self.code_bytes, settings.code_storage_mb * 1024 * 1024)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[Timer] = set()
        self._turns: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"<Control {self.code.root.parent} with {len(self._tasks)} tasks>"

    def turn(self, account: str, region: str, name: str) -> asyncio.Lock:
        """Held while something of a function is read, judged and then changed, where the store cannot judge for us."""
        return self._turns.setdefault((account, region, name), asyncio.Lock())

    def code_bytes(self, account: str, region: str) -> int:
        """Code storage that an account uses in a region: the zips of all versions of its functions and layers."""
        return self.functions.totals(account, region)[1] + self.layers.code_bytes(account, region)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def later(self, delay_s: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do `work` when that much of the product's time has passed, unless this is closed before."""

        def begin() -> None:
            self._timers.discard(timer)
            working = self.clock.working()
            working.__enter__()
            self.spawn(finish(working))

        async def finish(working: AbstractContextManager[None]) -> None:
            try:
                await work()
            finally:
                working.__exit__(None, None, None)

        timer = self.clock.call_later(max(0.0, delay_s), begin)
        self._timers.add(timer)

    async def settled(self) -> None:
        """Return when nothing goes on in the background any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Stop what goes on in the background; `deployment.resume` takes it up at the next start."""
        for timer in self._timers:
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await self.settled()

    def today(self) -> datetime.date:
        """The day (UTC) that the dates in the table of runtimes are compared with."""
        return self._now().date()

    def timestamp(self) -> str:
        """Now, as LastModified shows it: 2026-01-31T12:00:00.000+0000."""
        now = self._now()
        return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+0000"

    def _digests(self) -> set[str]:
        """All code and images that are still referred to."""
        named = {image.digest for image in self.image_names.all()}
        return self.functions.all_digests() | self.layers.all_digests() | named

    async def _sleep(self, seconds: float) -> None:
        await clock_sleep(self.clock, seconds, background=True)

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.clock.epoch(), datetime.UTC)


def new_revision() -> str:
    """A RevisionId that nobody has had."""
    return str(uuid.uuid4())
