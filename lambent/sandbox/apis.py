"""What lies behind one environment's API port besides its runtime: extensions, and the telemetry that they ask for.

Made when the first extension is known or the first call for it comes; most environments never have one.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from lambent.clock import Clock
from lambent.model import Invocation, Outcome, Version
from lambent.observe import report
from lambent.sandbox import extension_output
from lambent.sandbox import telemetry_events as events
from lambent.sandbox.api_router import ApiServer
from lambent.sandbox.extension_states import Fatal
from lambent.sandbox.extensions import About, Extensions
from lambent.sandbox.logtap import LogTap
from lambent.sandbox.telemetry import Telemetry
from lambent.sandbox.telemetry_events import Event, Init
from lambent.sandbox.telemetry_sender import Connect


class Apis:
    """Extensions and telemetry of one environment, joined to its log.

    `on_fatal` is called once, when an extension ends the environment.
    """

    def __init__(
        self, server: ApiServer, version: Version, external: tuple[str, ...], *, tap: LogTap, clock: Clock,
        connect: Connect, speaks: bool, on_fatal: Callable[[Fatal], None],
    ) -> None:  # fmt: skip
        self.server = server
        self.version = version
        self.init = Init()
        self._tap = tap
        self._clock = clock
        self._speaks = speaks
        self._json = version.log_format == "JSON"
        self._on_fatal = on_fatal
        self._fatal_told = False
        about = About(name=version.name, version=version.version, handler=version.handler, account=version.account)
        self.extensions = Extensions(about, external)
        self.extensions.on_change = self._look_for_failure
        self.telemetry = Telemetry(self.extensions, connect, clock, self._log)
        self.extensions.add_routes(server)
        self.telemetry.add_routes(server)
        if external:
            server.raw = extension_output.guide(self.extensions, self._extension_wrote, tap.is_congested)
        tap.listener = self._function_wrote

    @property
    def active(self) -> bool:
        """There is an extension: calls and ends have to wait for it."""
        return bool(self.extensions.members)

    # -- init

    def init_began(self, at: float, stream: str) -> None:
        """`at` is in epoch seconds; `stream` names the environment's log."""
        self.telemetry.emit(
            events.init_start(at, self.version, self.init, stream, report.runtime_version(self.version))
        )

    def restore_began(self, at: float, stream: str) -> None:
        """The same of a clone (SnapStart), whose extensions are started with it."""
        self.telemetry.emit(events.restore_start(at, self.version, stream, report.runtime_version(self.version)))

    def restore_ended(self, error_type: str | None, duration_ms: float) -> None:
        at = self._clock.epoch()
        done = events.restore_runtime_done(at, error_type)
        self._tell_done(at, done, events.restore_report(at, error_type, duration_ms))

    async def wait_until_ready(self) -> None:
        """The runtime is ready: nobody may register any more, and all who did have to ask for an event.

        Raises ExtensionFailed.
        """
        self.extensions.open = False
        await self.extensions.ready()

    def init_ended(self, error_type: str | None, duration_ms: float) -> None:
        """Tell how init went, and of each extension where it stands; subscriptions end here."""
        at = self._clock.epoch()
        done = events.init_runtime_done(at, self.init, error_type)
        self._tell_done(at, done, events.init_report(at, self.init, error_type, duration_ms))

    def _tell_done(self, at: float, done: Event, summary: Event) -> None:
        self.telemetry.emit(done)
        for each in self.extensions.members:
            event = events.extension(at, each.name, each.state, each.events, each.error_type)
            self._log(event)
            self.telemetry.emit(event)
        self.telemetry.emit(summary)
        self.extensions.open = False
        self.telemetry.close_subscriptions()

    # -- one invocation

    def begin(self, invocation: Invocation, deadline_ms: int) -> None:
        at = self._clock.epoch()
        self.telemetry.emit(events.start(at, invocation.request_id, self.version, invocation.trace))
        event: dict[str, Any] = {
            "eventType": "INVOKE", "deadlineMs": deadline_ms, "requestId": invocation.request_id,
            "invokedFunctionArn": invocation.invoked_arn, "tracing": events.tracing(invocation.trace),
        }  # fmt: skip
        self.extensions.invoke(event)

    def answered(self, invocation: Invocation, outcome: Outcome, duration_ms: float) -> None:
        """The runtime has answered, or never will."""
        at = self._clock.epoch()
        self.telemetry.emit(
            events.runtime_done(
                at, invocation.request_id, outcome,
                began=at - duration_ms / 1000, duration_ms=duration_ms, trace=invocation.trace,
            )
        )  # fmt: skip

    def reported(self, invocation: Invocation, outcome: Outcome, overhead_ms: float) -> None:
        at = self._clock.epoch()
        overhead = events.span("extensionOverhead", at - overhead_ms / 1000, overhead_ms)
        self.telemetry.emit(
            events.report(
                at, invocation.request_id, self.version, outcome, overhead=overhead, trace=invocation.trace
            )
        )  # fmt: skip

    def close(self) -> None:
        self.telemetry.close()
        self._tap.listener = None

    # -- details

    def _function_wrote(self, lines: bytes) -> None:
        self._emit_lines("function", lines)

    def _extension_wrote(self, lines: bytes) -> None:
        self._tap.add(lines)
        self._emit_lines("extension", lines)

    def _emit_lines(self, kind: str, data: bytes) -> None:
        if self.telemetry.subscribers or self.telemetry.open:
            for event in events.lines(self._clock.epoch(), kind, data, as_json=self._json):
                self.telemetry.emit(event)

    def _log(self, event: Event) -> None:
        if self._speaks:
            self._tap.add((event.encode("") if self._json else _text(event)) + b"\n")

    def _look_for_failure(self) -> None:
        fatal = self.extensions.fatal
        if fatal is not None and not self._fatal_told:
            self._fatal_told = True
            # Not at once: whoever waits in `extensions` hears of it first.
            asyncio.get_running_loop().call_soon(self._on_fatal, fatal)


def _text(event: Event) -> bytes:
    """EXTENSION and TELEMETRY, as they stand in a log of format Text."""
    record = event.record
    if event.type == "platform.extension":
        error = f"\tError Type: {record['errorType']}" if "errorType" in record else ""
        line = f"EXTENSION\tName: {record['name']}\tState: {record['state']}\tEvents: [{', '.join(record['events'])}]"
        return (line + error).encode()
    types = ", ".join(each.capitalize() for each in record["types"])
    return f"TELEMETRY\tName: {record['name']}\tState: {record['state']}\tTypes: [{types}]".encode()
