"""A whole Lambent but for the node agent: what is asked of it is real, only what functions do is made up."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from fuzz_requests import Asked, model, well_formed
from fuzz_values import ACCOUNT, LASTING, NAMES, REGION, ROLE, ZIPS

from lambent import app as app_module
from lambent.app import App
from lambent.capacity import EngineCapacity
from lambent.clock import VirtualClock
from lambent.errors import InitFailed
from lambent.model import Invocation, Outcome, Version
from lambent.settings import Settings
from lambent.wire.http import Request, Response

BEGAN = 1_768_233_437.25  # 2026-01-12: dates of runtimes are compared with it
PATIENCE_S = 20.0  # a request that takes longer hangs
# A fault that a request may cause without anything being wrong with Lambent: what is not built, and says so.
HONEST = {501: "NotImplementedException"}
UNDER_WAY = """SELECT EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM letters)
    OR EXISTS (SELECT 1 FROM executions WHERE wakes IS NOT NULL OR busy = 1)"""
MOST_HARVESTED = 40  # values of one member name


class Finding(AssertionError):
    """A request that was not answered as every request must be."""


class _NoAgent:
    path = ""

    def check(self) -> None: ...
    async def stop(self) -> None: ...


class _Ready(EngineCapacity):
    """Says yes to every version, and seals variables without a vault."""

    async def prepare(self, version: Version) -> None: ...

    async def seal(self, variables: Mapping[str, str], owner: str, key: str = "") -> bytes:  # type: ignore[override]
        return repr((owner, dict(variables))).encode()

    async def open(self, sealed: Sequence[tuple[bytes, str]]) -> list[dict[str, str] | str]:  # type: ignore[override]
        return [dict(eval(each)[1]) for each, _ in sealed]

    def refuse(self, runtime: str) -> str | None:
        return None


class _Echo:
    """A sandbox, and its placement: every function answers what it was given; a durable one waits for a callback."""

    waited = settling = None

    def __init__(self, house: "House") -> None:
        self._house = house

    @asynccontextmanager
    async def lease(self, version: Version) -> AsyncIterator[Any]:
        yield self

    async def run(self, invocation: Invocation) -> Outcome:
        given = _tree(invocation.payload)
        if "CheckpointToken" in given:
            return Outcome(payload=await self._durably(given))
        return Outcome(payload=invocation.payload)

    async def stream(self, invocation: Invocation, flow: Any) -> Outcome:
        return await self.run(invocation)

    async def _durably(self, given: dict[str, Any]) -> bytes:
        """As the SDK does: start a callback at the first run; succeed when its result is there."""
        known = given.get("InitialExecutionState", {}).get("Operations", [])
        if any(operation.get("Type") == "CALLBACK" for operation in known):
            return b'{"Status": "SUCCEEDED", "Result": "1"}'
        asked = {"DurableExecutionArn": given["DurableExecutionArn"], "CheckpointToken": given["CheckpointToken"]}
        update = {"Id": "callback", "Name": "callback", "Type": "CALLBACK", "Action": "START"}
        request = well_formed("lambda", "CheckpointDurableExecution", asked | {"Updates": [update]})
        answer = await self._house.frontdoor.answer(request)
        assert isinstance(answer.body, bytes)
        self._house.remember(_tree(answer.body))
        return b'{"Status": "PENDING"}'


async def _nothing(*given: Any) -> None: ...


class House(App):
    """Started and stopped like any App; `ask` sends a request past the sockets, `check` judges its answer."""

    def __init__(self, data: Path, **settings: Any) -> None:
        given = {"data": str(data), "region": REGION, "account": ACCOUNT, "port": 0, "quiet": True, "clock": "virtual"}
        with _patched(app_module, "EngineCapacity", _Ready), _patched(app_module, "product_clock", _clock):
            super().__init__(Settings(**(given | settings)), _NoAgent())  # type: ignore[arg-type]
        self.invoker.placement = _Echo(self)  # type: ignore[assignment]
        self.keeper.furnish = _no_environment  # type: ignore[assignment,method-assign]
        self.node.connect = _nothing  # type: ignore[method-assign]
        self.node.ready_runtimes = _nothing  # type: ignore[method-assign,assignment]
        self.harvest: dict[str, list[str]] = {}
        self._watchers: list[sqlite3.Connection] = []
        self._state: dict[str, Any] = {}

    async def start(self) -> None:
        await super().start()
        for path in (self.stores.database.path, self.events.database.path):
            self._watchers.append(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None))

    async def stop(self) -> None:
        for each in self._watchers:
            each.close()
        await super().stop()

    async def furnish(self) -> None:
        """Functions, versions, an alias, a layer and a durable execution that waits for a callback, so that requests
        find something; what is there stays."""
        code, first = {"ZipFile": ZIPS[0]}, NAMES[0]
        for name in NAMES[:2]:
            await self.do(
                "CreateFunction", FunctionName=name, Runtime="python3.13", Role=ROLE, Handler="app.handler", Code=code
            )
        await self.do("PublishVersion", FunctionName=first)
        await self.do("UpdateFunctionConfiguration", FunctionName=first, Description=f"changed at {self.clock.epoch()}")
        await self.do("PublishVersion", FunctionName=first)
        await self.do("CreateAlias", FunctionName=first, Name="live", FunctionVersion="1")
        await self.do("PublishLayerVersion", LayerName="shelf", Content=code)
        await self.do(
            "CreateFunction", FunctionName=LASTING, Runtime="python3.13", Role=ROLE, Handler="app.handler", Code=code,
            Publish=True, DurableConfig={"ExecutionTimeout": 31_622_400, "RetentionPeriodInDays": 90},
        )  # fmt: skip
        await self.do("Invoke", FunctionName=f"{LASTING}:1", InvocationType="Event", DurableExecutionName="one")
        self._state = {}

    async def do(self, operation: str, **parameters: Any) -> None:
        """One well-formed request, and what it sets off; whether it succeeds is its own matter."""
        await self.frontdoor.answer(well_formed("lambda", operation, parameters))
        await self.rest()

    async def ask(self, asked: Asked, send: Callable[[Request], Awaitable[Response]] | None = None) -> Response:
        """The answer, judged; raises Finding. `send`: how it gets there."""
        before, versions, busy = self.state(), self.versions(), self.busy()
        try:
            response = await asyncio.wait_for((send or self.frontdoor.answer)(asked.request), PATIENCE_S)
        except TimeoutError:
            raise Finding(f"{_said(asked)}\nno answer in {PATIENCE_S:g} s") from None
        parsed = await self.parsed(asked, response)
        judge(asked, response.status, parsed)
        if self.versions() != versions:
            self._state = {}
            await self.rest()
            if response.status >= 400 and not busy:
                self._judge_state(asked, response.status, parsed, before)
            self._state = {}
        if response.status < 300:
            self.remember(parsed)
        return response

    def remember(self, document: Any) -> None:
        """Identifiers that were answered, for requests to come."""
        self._collect(document)

    def _judge_state(self, asked: Asked, status: int, parsed: Any, before: dict[str, Any]) -> None:
        after = self.state()
        changed = [
            f"{table}: {before.get(table)}\n  -> {after[table]}" for table in after if after[table] != before.get(table)
        ]
        if changed:
            raise Finding(f"{_said(asked)}\n{status} {parsed} but it changed\n" + "\n".join(changed)[:4000])

    async def parsed(self, asked: Asked, response: Response) -> dict[str, Any]:
        """What botocore makes of an answer; it must be able to."""
        body = response.body if isinstance(response.body, bytes) else b"".join([part async for part in response.body])
        if response.status >= 300 or asked.request.method == "HEAD":
            return read_error(response.headers, body)
        raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": body}
        try:
            # Without a shape: a spoiled path may have been another operation's.
            return dict(create_parser(model(asked.service).metadata["protocol"]).parse(raw, None)) | _tree(body)
        except Exception as error:
            raise Finding(f"{_said(asked)}\n{response.status} {body[:300]!r} cannot be read: {error!r}") from error

    async def rest(self) -> None:
        """Until what the request has set off in the background is over, however long that takes in product time."""
        assert isinstance(self.clock, VirtualClock)
        for _ in range(40):
            if self.control._tasks:
                await asyncio.wait(list(self.control._tasks), timeout=0.005)
            await self.clock.travel(30 if self.control._tasks else 1)
            if not self.control._tasks:
                return
            await self.clock.travel(900)

    def busy(self) -> bool:
        """Whether something is under way that former requests have set off: it will write whatever is asked next."""
        return bool(self.control._tasks) or bool(self._watchers[1].execute(UNDER_WAY).fetchone()[0])

    def versions(self) -> tuple[int, ...]:
        """Numbers that change when a database does."""
        return tuple(each.execute("PRAGMA data_version").fetchone()[0] for each in self._watchers)

    def state(self) -> dict[str, Any]:
        """All that is kept: every table, and which packages there are."""
        if not self._state:
            for number, each in enumerate(self._watchers):
                tables = each.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for (table,) in tables:
                    self._state[f"{number}.{table}"] = sorted(map(repr, each.execute(f'SELECT * FROM "{table}"')))
            self._state["code"] = sorted(self.stores.code.digests())
        return self._state

    def _collect(self, document: Any, name: str = "") -> None:
        if isinstance(document, dict):
            for key, value in document.items():
                if key != "ResponseMetadata":
                    self._collect(value, str(key))
        elif isinstance(document, list):
            for value in document:
                self._collect(value, name)
        elif isinstance(document, str) and 0 < len(document) < 500:
            for own in _asked_as(name):
                known = self.harvest.setdefault(own, [])
                if document not in known:
                    known.append(document)
                    del known[:-MOST_HARVESTED]


def _tree(body: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(body)
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _asked_as(name: str) -> list[str]:
    """The names under which requests take what answers call `name`."""
    also = {
        "NextMarker": ["Marker"], "NextToken": ["NextToken"], "FunctionArn": ["FunctionName", "Resource"],
        "LayerVersionArn": ["Arn", "Layers"], "EventSourceMappingArn": ["Resource"], "AliasArn": ["FunctionName"],
        "CodeSigningConfigArn": ["Resource"], "CapacityProviderArn": ["CapacityProviderName", "Resource"],
    }  # fmt: skip
    ends = ("Arn", "Id", "UUID", "Marker", "Token", "Name", "ARN", "CodeSha256")
    return [name, *also.get(name, [])] if name.endswith(ends) else []


def fetch(endpoint: str) -> Callable[[Request], Awaitable[Response]]:
    """Sends requests through the HTTP edge at `endpoint`, each by a connection of its own; blocks nobody."""
    port = int(endpoint.rpartition(":")[2])

    async def send(request: Request) -> Response:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(spelled(request))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = [
                (name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:]) if name
            ]
            body = await reader.read()
            if ("transfer-encoding", "chunked") in [(name.lower(), value.lower()) for name, value in pairs]:
                body = unchunked(body)
            return Response(int(head[0].split()[1]), pairs, body)
        except asyncio.IncompleteReadError as error:
            raise Finding(f"{request}\nthe connection was closed after {error.partial!r}") from None
        finally:
            writer.close()

    return send


def spelled(request: Request) -> bytes:
    """The bytes of an HTTP/1.1 request."""
    query = f"?{request.query}" if request.query else ""
    headers = (
        {"host": "localhost"} | request.headers | {"content-length": str(len(request.body)), "connection": "close"}
    )
    headers.pop("expect", None)
    lines = [
        f"{request.method} {request.path}{query} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + request.body


def unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


def read_error(headers: Any, body: bytes) -> dict[str, Any]:
    """Code and message of a refusal, whatever the protocol."""
    found = {str(name).lower(): value for name, value in headers}
    return {"code": found.get("x-amzn-errortype", ""), "body": body[:2000].decode("utf-8", "replace")}


def judge(asked: Asked, status: int, parsed: dict[str, Any]) -> None:
    """Raises Finding for what nobody's request may cause: a fault of ours, or a refusal without words."""
    unsaid = asked.request.method == "HEAD"
    if status >= 500 and not (status in HONEST and (unsaid or HONEST[status] in (parsed["code"] or parsed["body"]))):
        raise Finding(f"{_said(asked)}\n{status} {parsed}")
    if 400 <= status < 500 and not parsed["body"] and not unsaid:
        raise Finding(f"{_said(asked)}\n{status} without a word: {parsed}")


def _said(asked: Asked) -> str:
    request = asked.request
    headers = {name: value for name, value in request.headers.items() if name not in ("authorization", "host")}
    return (
        f"{asked.service}:{asked.operation}: {request.method} {request.path}?{request.query} {headers} "
        f"{request.body[:1500]!r}"
    )


async def _no_environment(version: Version) -> None:
    raise InitFailed


def _clock(settings: Settings, real: Any) -> VirtualClock:
    """Of a house that was furnished before, later than all that was done to it then."""
    lived_in = (settings.data_dir / "lambent.db").exists()
    return VirtualClock(BEGAN + (7200 if lived_in else 0))


@contextmanager
def _patched(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
