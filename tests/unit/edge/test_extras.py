"""Lambent's own requests: status, logs, and the links to code."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lambent.clock import FixedClock
from lambent.control import download
from lambent.edge.extras import CHUNK, Extras
from lambent.errors import AgentGone
from lambent.observe.logbook import Logbook, LogStream
from lambent.settings import Settings
from lambent.wire.http import Request, Response

KEY = b"a key for tests"
DIGEST = "ab" * 32
WHOSE = ("000000000000", "us-east-1", "hello")


class Book(Logbook):
    """A logbook that writes at once, in the caller's thread."""

    def _write_for_ever(self) -> None:
        return

    def put(self, text: bytes, at: float = 1.0, whose: tuple[str, str, str] = WHOSE) -> None:
        self.append(LogStream(*whose, "2026/11/21/[$LATEST]0123456789abcdef"), at, text)
        self._write_pending()


class Code:
    def __init__(self, root: Any) -> None:
        self.root = root

    def zip(self, digest: str) -> Any:
        return self.root / f"{digest}.zip"


class Stage:
    """The extras with a status that can fail."""

    def __init__(self, root: Any) -> None:
        self.clock = FixedClock()
        self.book = Book(root / "logs", 1 << 20)
        self.code = Code(root)
        self.trouble: Exception | None = None
        self.extras = Extras(
            Settings(),
            self.book,
            self.code,  # type: ignore[arg-type]
            key=KEY,
            clock=self.clock,
            status=self.status,
            exists=lambda *whose: whose[2] == "hello",
        )

    async def status(self) -> dict[str, Any]:
        if self.trouble:
            raise self.trouble
        return {"functions": 3}

    async def get(self, path: str, method: str = "GET") -> Response:
        path, _, query = path.partition("?")
        return await self.extras.answer(Request(method, path, query, {}, b""))

    async def lines(self, query: str = "") -> list[str]:
        response = await self.get(f"/_lambent/logs/hello?{query}")
        assert response.status == 200
        assert isinstance(response.body, bytes)
        return [json.loads(line)["message"] for line in response.body.splitlines()]


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    for segments in stage.book._files.values():
        segments.close()


def refusal(response: Response) -> tuple[int, str]:
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)["__type"]


async def test_the_status_is_json(stage):
    response = await stage.get("/_lambent/status")
    assert (response.status, json.loads(response.body)) == (200, {"functions": 3})


@pytest.mark.parametrize("trouble", [AgentGone(), ValueError("a bug")])
async def test_a_status_that_cannot_be_told_is_an_error_and_no_crash(stage, trouble):
    stage.trouble = trouble
    assert refusal(await stage.get("/_lambent/status")) == (500, "ServiceException")


async def test_what_is_not_there_is_not_found(stage):
    assert refusal(await stage.get("/_lambent/nothing")) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_can_be_changed_here(stage, method):
    assert refusal(await stage.get("/_lambent/status", method)) == (405, "MethodNotAllowed")


async def test_logs_are_lines_of_json(stage):
    stage.book.put(b"one\ntwo\n", at=5.0)
    response = await stage.get("/_lambent/logs/hello")
    assert json.loads(response.body.splitlines()[0]) == {
        "at": 5.0,
        "sandbox": "01234567",
        "stream": "2026/11/21/[$LATEST]0123456789abcdef",
        "message": "one",
    }


async def test_logs_can_be_cut_by_date_and_by_number(stage):
    for second in range(5):
        stage.book.put(b"%d\n" % second, at=float(second))
    assert await stage.lines("since=3") == ["3", "4"]
    assert await stage.lines("limit=1") == ["4"]
    assert await stage.lines() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "query", ["since=x", "limit=x", "since=nan", "limit=inf", "limit=-1", "since=-inf", "limit=nan"]
)
async def test_a_number_that_is_none_is_refused(stage, query):
    assert refusal(await stage.get(f"/_lambent/logs/hello?{query}")) == (400, "InvalidParameterValueException")


async def test_a_limit_beyond_reason_is_cut(stage):
    stage.book.put(b"one\n")
    assert await stage.lines("limit=1e300") == ["one"]


@pytest.mark.parametrize("name", ["other", "../hello/..", "%2e%2e%2fother", ""])
async def test_logs_of_a_function_that_does_not_exist_are_not_found(stage, name):
    assert refusal(await stage.get(f"/_lambent/logs/{name}")) == (404, "ResourceNotFoundException")


async def test_another_account_and_region_have_logs_of_their_own(stage):
    stage.book.put(b"theirs\n", whose=("111111111111", "eu-west-1", "hello"))
    assert await stage.lines() == []
    assert await stage.lines("account=111111111111&region=eu-west-1") == ["theirs"]


async def test_following_gives_every_line_once_even_those_written_while_it_began(stage):
    stage.book.put(b"before\n")
    response = await stage.get("/_lambent/logs/hello?follow=1")
    stage.book.put(b"while it began\n")
    body: AsyncIterator[bytes] = response.body  # type: ignore[assignment]
    assert [json.loads(await anext(body))["message"] for _ in range(2)] == ["before", "while it began"]
    stage.book.put(b"later\n")
    assert json.loads(await anext(body))["message"] == "later"
    await body.aclose()  # type: ignore[attr-defined]


async def code(stage: Stage, url: str) -> Response:
    return await stage.get(url.removeprefix("http://localhost:4566"))


async def test_a_link_downloads_the_zip_in_pieces_with_its_length(stage):
    data = b"PK" + bytes(CHUNK) + b"the end"
    stage.code.zip(DIGEST).write_bytes(data)
    response = await code(stage, download.make_url("localhost:4566", DIGEST, KEY, stage.clock.epoch()))
    assert response.status == 200
    assert dict(response.headers) == {"content-type": "application/zip", "content-length": str(len(data))}
    pieces = [piece async for piece in response.body]  # type: ignore[union-attr]
    assert b"".join(pieces) == data
    assert max(len(piece) for piece in pieces) <= CHUNK


async def test_a_link_is_for_ten_minutes(stage):
    stage.code.zip(DIGEST).write_bytes(b"PK")
    url = download.make_url("localhost:4566", DIGEST, KEY, stage.clock.epoch())
    stage.clock.advance(600)
    assert (await code(stage, url)).status == 200
    stage.clock.advance(1)
    assert refusal(await code(stage, url)) == (403, "AccessDeniedException")


async def test_a_link_of_another_server_or_to_other_code_is_refused(stage):
    url = download.make_url("localhost:4566", DIGEST, b"another key", stage.clock.epoch())
    assert refusal(await code(stage, url)) == (403, "AccessDeniedException")
    ours = download.make_url("localhost:4566", DIGEST, KEY, stage.clock.epoch())
    assert refusal(await code(stage, ours.replace(DIGEST, "cd" * 32))) == (403, "AccessDeniedException")


async def test_a_link_to_code_that_was_removed_is_not_found(stage):
    url = download.make_url("localhost:4566", DIGEST, KEY, stage.clock.epoch())
    assert refusal(await code(stage, url)) == (404, "ResourceNotFoundException")


async def test_a_path_that_leads_elsewhere_is_no_link(stage):
    assert refusal(await stage.get(download.PREFIX + "../../etc/passwd")) == (404, "ResourceNotFoundException")
