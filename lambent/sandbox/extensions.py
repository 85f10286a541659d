"""The Extensions API, version 2020-01-01, of one environment: who is registered, who waits, what each is told.

Answers and their order of checks follow AWS's runtime interface emulator (rapi/handler/agent*.go).
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from lambent.errors import LambentError
from lambent.sandbox import extension_states as states
from lambent.sandbox.api_router import JSON, OK, ApiServer, refuse
from lambent.sandbox.extension_states import Extension, Fatal, Refused
from lambent.sandbox.runtime_http import ApiConnection, ApiRequest

ROOT = "/2020-01-01/extension"
NAME, IDENTIFIER = "lambda-extension-name", "lambda-extension-identifier"
ERROR_TYPE, FEATURES = "Lambda-Extension-Function-Error-Type", "lambda-extension-accept-feature"
_encode = msgspec.json.Encoder().encode


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an extension is told of its function when it registers."""

    name: str
    version: str
    handler: str
    account: str


class _Body(msgspec.Struct):
    """Of a register request. configurationKeys was withdrawn by AWS, and is refused as AWS refuses it."""

    events: list[str] | None = None
    configurationKeys: list[str] | None = None  # noqa: N815 - AWS's name


class ExtensionFailed(LambentError):
    """An extension ended the environment."""

    def __init__(self, fatal: Fatal) -> None:
        super().__init__(f"{fatal.kind}: {fatal.text}")
        self.fatal = fatal


class Extensions:
    """All extensions of one environment.

    Mutable state: the extensions, the connections on which they wait for events, and `fatal`, the first failure.
    `open` tells whether new ones may register: until the runtime has initialised. `closing`: the SHUTDOWN phase is on.
    """

    def __init__(self, about: About, external: Iterable[str] = ()) -> None:
        self.about = about
        self.members: list[Extension] = [Extension(name, external=True) for name in external]
        self.open = True
        self.closing = False
        self.fatal: Fatal | None = None
        self.reported: str = ""  # what an extension said of its own failure, before the process that it lives in ends
        self.on_change: Callable[[], None] = lambda: None
        self._pending: dict[str, dict[str, Any]] = {}  # events of those who did not ask just then
        self._asking: dict[str, ApiConnection] = {}  # by identifier
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        if len(self.members) > states.MOST_EXTENSIONS:
            self._fail(states.too_many(self.members[states.MOST_EXTENSIONS]))

    def add_routes(self, server: ApiServer) -> None:
        for method, path, handler in (
            ("POST", "/register", self._register),
            ("GET", "/event/next", self._next),
            ("POST", "/init/error", self._init_error),
            ("POST", "/exit/error", self._exit_error),
        ):
            server.router.add(method, ROOT + path, _guarded(handler))
        server.on_lost(self._lost)

    # -- what the environment asks and tells

    def external(self) -> list[Extension]:
        return [each for each in self.members if each.external]

    async def registered(self) -> None:
        """Until every external extension has registered. Raises ExtensionFailed."""
        await self._until(lambda: all(each.state != states.STARTED for each in self.members))

    async def ready(self) -> None:
        """Until every extension waits for an event. Raises ExtensionFailed."""
        await self._until(self.are_ready)

    def are_ready(self) -> bool:
        return all(each.state == states.READY for each in self.members)

    async def failed(self) -> None:
        """For ever, unless an extension fails: then raises ExtensionFailed."""
        await self._until(lambda: False)

    async def gone(self) -> None:
        """Until no external extension lives that may still act on its SHUTDOWN."""
        await self._until(lambda: not any("SHUTDOWN" in each.events and not each.gone for each in self.external()))

    def invoke(self, event: dict[str, Any]) -> None:
        """Give the INVOKE event to those who asked for it."""
        for extension in self.members:
            if "INVOKE" in extension.events:
                self._hand(extension, event)

    def shut_down(self, reason: str, deadline_ms: int) -> None:
        """Give SHUTDOWN to those who asked for it. From now on it is no failure when one exits."""
        self.closing, self.open, self.fatal = True, False, None
        event = {"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline_ms}
        for extension in self.members:
            if "SHUTDOWN" in extension.events:
                self._hand(extension, event)

    def exited(self, name: str, wait_status: int) -> None:
        """The process of an external extension is gone."""
        extension = self._named(name)
        if extension is not None and not extension.gone:
            self._fail(states.exited(extension, wait_status, expected=self.closing))

    def launch_failed(self, name: str, number: int) -> None:
        extension = self._named(name)
        if extension is not None:
            self._fail(states.launch_failed(extension, number))

    # -- the calls of the API

    def _register(self, connection: ApiConnection, request: ApiRequest) -> None:
        name = request.headers.get(NAME, "")
        if not name:
            raise Refused("Extension.InvalidExtensionName", "Empty extension name")
        events = _events(bytes(request.body))
        extension = self._named(name)
        if extension is None or not extension.external:
            extension = self._admit(name, extension, states.check_events(events, external=False))
        else:
            states.register(extension, states.check_events(events, external=True))
        about = {
            "functionName": self.about.name,
            "functionVersion": self.about.version,
            "handler": self.about.handler,
        }
        if "accountId" in [each.strip() for each in request.headers.get(FEATURES, "").split(",")]:
            about["accountId"] = self.about.account
        headers = [*JSON, ("Lambda-Extension-Identifier", extension.identifier)]
        connection.respond(200, headers, _encode(about))
        self._changed()

    def _admit(self, name: str, known: Extension | None, events: tuple[str, ...]) -> Extension:
        """A new internal extension. Raises Refused."""
        if not self.open:
            raise Refused("Extension.RegistrationClosed", "Extension registration closed already")
        if len(self.members) >= states.MOST_EXTENSIONS:
            raise Refused("Extension.TooManyExtensions", f"Extension limit ({states.MOST_EXTENSIONS}) reached")
        if known is not None:
            raise Refused("Extension.InvalidExtensionState", "Extension with this name already registered")
        extension = Extension(name, external=False)
        states.register(extension, events)
        self.members.append(extension)
        return extension

    def _next(self, connection: ApiConnection, request: ApiRequest) -> None:
        extension = self.caller(request)
        if extension.state == states.READY and not self._asks(extension):
            extension.state = states.RUNNING  # it hung up while it waited, and asks again
        states.ready(extension)
        self._asking[extension.identifier] = connection
        event = self._pending.pop(extension.identifier, None)
        if event is not None:
            self._hand(extension, event)
        self._changed()

    def _init_error(self, connection: ApiConnection, request: ApiRequest) -> None:
        extension = self.caller(request)
        states.init_error(extension, _error_type(request))
        self.reported = self.reported or "Extension.InitError"
        connection.respond(202, JSON, OK)

    def _exit_error(self, connection: ApiConnection, request: ApiRequest) -> None:
        extension = self.caller(request)
        states.exit_error(extension, _error_type(request))
        self.reported = self.reported or "Extension.ExitError"
        connection.respond(202, JSON, OK)

    def caller(self, request: ApiRequest) -> Extension:
        """The extension that a request names. Raises Refused."""
        text = request.headers.get(IDENTIFIER, "")
        if not text:
            raise Refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        try:
            identifier = str(uuid.UUID(text))
        except ValueError:
            raise Refused("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier") from None
        for each in self.members:
            if each.identifier == identifier and each.state != states.STARTED:
                return each
        raise Refused("Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")

    # -- details

    def _named(self, name: str) -> Extension | None:
        return next((each for each in self.members if each.name == name), None)

    def _asks(self, extension: Extension) -> bool:
        connection = self._asking.get(extension.identifier)
        return connection is not None and connection.alive

    def _hand(self, extension: Extension, event: dict[str, Any]) -> None:
        """Running from now on; one that does not ask just now gets the event when it does."""
        connection = self._asking.pop(extension.identifier, None)
        if extension.state == states.READY and connection is not None and connection.alive:
            states.release(extension)
            connection.respond(200, JSON, _encode(event))
        else:
            self._pending[extension.identifier] = event
            if extension.state == states.READY:
                states.release(extension)

    def _lost(self, connection: ApiConnection) -> None:
        for identifier in [key for key, value in self._asking.items() if value is connection]:
            del self._asking[identifier]

    def _fail(self, fatal: Fatal | None) -> None:
        if fatal is not None and self.fatal is None:
            self.fatal = fatal
        self._changed()

    async def _until(self, condition: Callable[[], bool]) -> None:
        if self.fatal is not None:
            raise ExtensionFailed(self.fatal)
        if condition():
            return
        waiting = asyncio.get_running_loop().create_future()
        entry = (condition, waiting)
        self._waiting.append(entry)
        try:
            await waiting
        finally:
            self._waiting.remove(entry)

    def _changed(self) -> None:
        self.on_change()
        for condition, waiting in self._waiting:
            if waiting.done():
                continue
            if self.fatal is not None:
                waiting.set_exception(ExtensionFailed(self.fatal))
            elif condition():
                waiting.set_result(None)


def _guarded(handler: Callable[[ApiConnection, ApiRequest], None]) -> Callable[[ApiConnection, ApiRequest], None]:
    """The handler, with what it refuses turned into the answer."""

    def guarded(connection: ApiConnection, request: ApiRequest) -> None:
        try:
            handler(connection, request)
        except Refused as error:
            refuse(connection, 403, error.message, error.kind)

    return guarded


def _error_type(request: ApiRequest) -> str:
    kind = request.headers.get(ERROR_TYPE.lower(), "")
    if not kind:
        raise Refused("Extension.MissingHeader", f"{ERROR_TYPE} not found")
    return kind


def _events(body: bytes) -> list[str]:
    try:
        parsed = msgspec.json.decode(body, type=_Body)
    except msgspec.MsgspecError as error:
        raise Refused("InvalidRequestFormat", str(error)) from None
    if parsed.configurationKeys:
        raise Refused("InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead")
    return parsed.events or []
