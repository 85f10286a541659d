"""The Telemetry API, version 2022-07-01, of one environment: who subscribed, and what each is sent."""

import asyncio
from collections.abc import Callable

from lambent.clock import Clock
from lambent.errors import SandboxError
from lambent.sandbox import telemetry_events as events
from lambent.sandbox.api_router import JSON, ApiServer, answer_json, refuse
from lambent.sandbox.extension_states import Refused
from lambent.sandbox.extensions import Extensions
from lambent.sandbox.runtime_http import ApiConnection, ApiRequest
from lambent.sandbox.telemetry_buffer import Buffer
from lambent.sandbox.telemetry_events import Event
from lambent.sandbox.telemetry_rules import Subscription, check
from lambent.sandbox.telemetry_sender import Connect, Sender, Undelivered

PATH, LOGS_PATH = "/2022-07-01/telemetry", "/2020-08-15/logs"
EARLY_EVENTS_BYTES = 256 * 1024  # of init, kept for extensions that subscribe before it is over
SLOW = "Some logs were dropped because the downstream consumer is slower than the logs production rate"


class Subscriber:
    """One extension's subscription: a buffer, and a task that empties it."""

    def __init__(self, name: str, to: Subscription, connect: Connect, clock: Clock) -> None:
        self.name = name
        self.to = to
        self.buffer = Buffer(to.buffering)
        self.sender = Sender(to, connect)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._task = self._loop.create_task(self._send_for_ever())

    def take(self, event: Event) -> None:
        if event.category not in self.to.types:
            return
        if self.buffer.add(event.encode(self.to.schema), self._clock.monotonic()):
            self._wake.set()
        self._idle.clear()
        if self._timer is None and self.buffer.due_at is not None:
            self._timer = self._loop.call_later(self.to.buffering.timeout_ms / 1000, self._due)

    async def flush(self) -> None:
        """Send what there is, and return when it has been delivered or given up."""
        if self.buffer.close():
            self._wake.set()
        if not self.buffer.empty:
            self._idle.clear()
        await self._idle.wait()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._task.cancel()
        self.sender.close()

    # -- details

    def _due(self) -> None:
        self._timer = None
        if self.buffer.close():
            self._wake.set()

    async def _send_for_ever(self) -> None:
        while True:
            batch = self.buffer.take()
            if batch is None:
                self._wake.clear()
                if self.buffer.empty:
                    self._idle.set()
                await self._wake.wait()
                continue
            reason = SLOW
            try:
                await self.sender.send(batch)
            except Undelivered as error:
                if not all(b'"platform.logsDropped"' in event for event in batch.events):  # or it would never end
                    self.buffer.drop(batch)
                reason = f"The events could not be delivered: {error.message}"
            self._tell_of_loss(reason)

    def _tell_of_loss(self, reason: str) -> None:
        size, records = self.buffer.take_dropped()
        if records:
            self.take(events.logs_dropped(self._clock.epoch(), size, records, reason))


class Telemetry:
    """All subscriptions of one environment. `open`: until init is over, as AWS has it."""

    def __init__(
        self, extensions: Extensions, connect: Connect, clock: Clock, announce: Callable[[Event], None]
    ) -> None:
        self.open = True
        self.subscribers: list[Subscriber] = []
        self._extensions = extensions
        self._connect = connect
        self._clock = clock
        self._announce = announce  # an event for the log too
        self._early: list[Event] = []
        self._early_bytes = 0
        self._subscribing: set[asyncio.Task[None]] = set()

    def add_routes(self, server: ApiServer) -> None:
        server.router.add("PUT", PATH, self._subscribe)
        server.router.add("PUT", PATH + "/", self._subscribe)
        server.router.add("PUT", LOGS_PATH, _refuse_logs)

    def emit(self, event: Event) -> None:
        """To everyone who subscribed to such events, and until init is over to those who still may."""
        for subscriber in self.subscribers:
            subscriber.take(event)
        if self.open and self._early_bytes < EARLY_EVENTS_BYTES:
            self._early.append(event)
            self._early_bytes += len(str(event.record))

    def close_subscriptions(self) -> None:
        self.open = False
        self._early.clear()

    async def flush(self) -> None:
        await asyncio.gather(*(subscriber.flush() for subscriber in self.subscribers))

    def close(self) -> None:
        for task in self._subscribing:
            task.cancel()
        for subscriber in self.subscribers:
            subscriber.close()
        self.subscribers.clear()

    # -- the call of the API

    def _subscribe(self, connection: ApiConnection, request: ApiRequest) -> None:
        try:
            name = self._extensions.caller(request).name
        except Refused as error:
            refuse(connection, 403, error.message, error.kind)
            return
        if not self.open:
            refuse(connection, 403, "Telemetry API subscription is closed", "Telemetry.SubscriptionClosed")
            return
        subscription, wrong = check(bytes(request.body))
        if subscription is None:
            refuse(connection, 400, "; ".join(wrong), "ValidationError")
            return
        task = asyncio.get_running_loop().create_task(self._admit(connection, name, subscription))
        self._subscribing.add(task)
        task.add_done_callback(self._subscribing.discard)

    async def _admit(self, connection: ApiConnection, name: str, subscription: Subscription) -> None:
        """A second subscription of an extension takes the place of its first."""
        subscriber = Subscriber(name, subscription, self._connect, self._clock)
        if subscription.protocol == "TCP":
            try:
                await subscriber.sender.open()
            except (OSError, SandboxError) as error:
                subscriber.close()
                refuse(connection, 400, f"Invalid destination: {error}", "ValidationError")
                return
        for old in [each for each in self.subscribers if each.name == name]:
            old.close()
            self.subscribers.remove(old)
        self.subscribers.append(subscriber)
        for event in self._early:
            subscriber.take(event)
        connection.respond(200, JSON, b'"OK"')
        event = events.subscribed(self._clock.epoch(), name, subscription.types)
        self._announce(event)
        self.emit(event)


def _refuse_logs(connection: ApiConnection, request: ApiRequest) -> None:
    """The Logs API is what the Telemetry API replaced: AWS's words for where it is not to be had."""
    answer_json(connection, 202, {"errorMessage": "Logs API is not supported", "errorType": "Logs.NotSupported"})
