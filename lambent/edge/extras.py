"""Lambent's own requests, under /_lambent/: status, logs and code downloads. See docs/reference/endpoint.md."""

import asyncio
import logging
import math
import os
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

import msgspec

from lambent.clock import Clock
from lambent.control import download
from lambent.errors import AwsError, InvalidParameterValue, LambentError, ResourceNotFound, ServiceException
from lambent.observe.logbook import Follower, Logbook, LogLine
from lambent.settings import Settings
from lambent.store.code import CodeStore
from lambent.wire.http import Request, Response

log = logging.getLogger("lambent")

FOLLOW_EVERY_S = 0.1
MOST_LINES = 100_000  # in one answer; more can be had by their dates
CHUNK = 1 << 18
_json = msgspec.json.Encoder().encode


class OwnDoor(Protocol):
    """One family of Lambent's own requests: those to `prefix` and below it, of any method. It may raise AwsError."""

    @property
    def prefix(self) -> str: ...

    async def answer(self, request: Request) -> Response: ...


class Extras:
    """What only Lambent has. Errors have AWS's shape, so that one client reads all."""

    def __init__(
        self,
        settings: Settings,
        logbook: Logbook,
        code: CodeStore,
        *,
        key: bytes,  # of download links
        clock: Clock,
        status: Callable[[], Any],
        exists: Callable[[str, str, str], bool],
        doors: Sequence[OwnDoor] = (),
        admit: Callable[[Request], Request] = lambda request: request,
    ) -> None:
        """`admit` gives the request as this caller may make it, or raises AwsError."""
        self.settings = settings
        self.logbook = logbook
        self.code = code
        self.key = key
        self.clock = clock
        self.status = status
        self.exists = exists
        self.admit = admit
        self.doors = {door.prefix: door for door in doors}

    async def answer(self, request: Request) -> Response:
        try:
            request = self.admit(request)
            door = self.doors.get("/".join(request.path.split("/", 3)[:3]))
            if door is not None:
                return await door.answer(request)
            if request.method not in ("GET", "HEAD"):
                raise AwsError(f"{request.method} is not for {request.path}", code="MethodNotAllowed", status=405)
            return await self._answer(request)
        except AwsError as error:
            return _refusal(error)
        except LambentError as error:
            return _refusal(ServiceException(error.message))
        except Exception:
            log.exception("%s could not be answered", request.path)
            return _refusal(ServiceException())

    async def _answer(self, request: Request) -> Response:
        path = request.path
        if path == "/_lambent/status":
            return Response(200, [("content-type", "application/json")], _json(await self.status()))
        if path.startswith("/_lambent/logs/"):
            return await self._logs(unquote(path.removeprefix("/_lambent/logs/")), parse_qs(request.query))
        if path.startswith(download.PREFIX):
            return self._code(request)
        raise ResourceNotFound(f"There is nothing at {path}: see /_lambent/status, /_lambent/logs/FUNCTION.")

    async def _logs(self, function: str, query: dict[str, list[str]]) -> Response:
        account = query.get("account", [self.settings.account])[0]
        region = query.get("region", [self.settings.region])[0]
        if not self.exists(account, region, function):
            raise ResourceNotFound(f"Function not found: arn:aws:lambda:{region}:{account}:function:{function}")
        since, limit = _number(query, "since", 0.0), min(MOST_LINES, int(_number(query, "limit", 1000)))
        wants_more = query.get("follow", ["0"])[0] in ("1", "true")
        reader = self.logbook.follow(account, region, function) if wants_more else None
        # In a thread: a full log takes a second to look through, and calls must not wait for it.
        lines = await asyncio.to_thread(self.logbook.read, account, region, function, since, limit, upto=reader)
        headers = [("content-type", "application/x-ndjson")]
        if reader is None:
            return Response(200, headers, _lines(lines))
        return Response(200, headers, self._follow(lines, reader))

    async def _follow(self, lines: list[LogLine], reader: Follower) -> AsyncIterator[bytes]:
        """What there was, then what has come since, until the client goes away."""
        while True:
            if lines:
                yield _lines(lines)
            lines = reader.fresh()
            if not lines:
                await asyncio.sleep(FOLLOW_EVERY_S)

    def _code(self, request: Request) -> Response:
        digest = download.check(request.path, request.query, self.key, self.clock.epoch())
        path = self.code.zip(digest)
        if not path.exists():
            raise ResourceNotFound("This code has been removed.")
        headers = [("content-type", "application/zip"), ("content-length", str(os.stat(path).st_size))]
        return Response(200, headers, _pieces(str(path)))


async def _pieces(path: str) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(open, path, "rb") as file:
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece


def _refusal(error: AwsError) -> Response:
    body = _json({"__type": error.code, "message": error.message})
    return Response(error.status or 400, [("content-type", "application/json")], body)


def _lines(lines: list[LogLine]) -> bytes:
    return b"".join([_line(line) for line in lines])


def _line(line: LogLine) -> bytes:
    sandbox = line.stream.rpartition("]")[2][:8]
    return _json({"at": line.at, "sandbox": sandbox, "stream": line.stream, "message": line.message}) + b"\n"


def _number(query: dict[str, list[str]], name: str, default: float) -> float:
    try:
        number = float(query.get(name, [str(default)])[0])
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise InvalidParameterValue(f"{name} must be a number that is not negative")
    return number
