"""The endpoint inside sandboxes, over sockets in a directory in place of sandboxes' own loopbacks."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lambent.edge import doors as module
from lambent.edge.doors import Doors
from lambent.wire.http import Request, Response


async def told(request: Request) -> Response:
    return Response(200, [("content-type", "text/plain")], request.path.encode())


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    made = Doors(told)
    yield made
    made.close()


@pytest.fixture
def listener(tmp_path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "door"))
    sock.listen(256)
    return sock


async def get(place: Path, path: str = "/") -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own."""
    reader, writer = await asyncio.open_unix_connection(str(place))
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is the event loop's own work
            await asyncio.sleep(0)


async def test_requests_from_inside_are_answered_like_any_other(
    doors: Doors, listener: socket.socket, tmp_path: Path
) -> None:
    doors.open(listener)
    assert await get(tmp_path / "door", "/2015-03-31/functions") == (200, b"/2015-03-31/functions")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/_lambent/status", 403),
        ("/_lambent/logs/secret", 403),
        ("/_lambent/clock", 403),
        ("/_lambent/clock/advance", 403),
        ("/_lambent/code/digest", 200),
    ],
)
async def test_what_is_the_operators_is_not_answered_inside(
    doors: Doors, listener: socket.socket, tmp_path: Path, path: str, status: int
) -> None:
    doors.open(listener)
    assert (await get(tmp_path / "door", path))[0] == status


async def test_a_door_that_nobody_uses_holds_nothing(doors: Doors, listener: socket.socket, tmp_path: Path) -> None:
    doors.open(listener)
    assert repr(doors) == "<Doors open=1 used=0>"
    await get(tmp_path / "door")
    assert repr(doors) == "<Doors open=1 used=1>"


async def test_a_closed_door_takes_nobody_in(doors: Doors, listener: socket.socket, tmp_path: Path) -> None:
    close = doors.open(listener)
    close()
    close()
    assert listener.fileno() == -1
    with pytest.raises(ConnectionRefusedError):
        await get(tmp_path / "door")


async def test_one_sandbox_cannot_use_up_the_connections_of_all(
    doors: Doors, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    doors.open(listener)
    greedy = [await asyncio.open_unix_connection(str(tmp_path / "door")) for _ in range(10)]
    await until(lambda: sum(len(state.connections) for state in doors._used) == 10)

    assert (await get(tmp_path / "door"))[0] == 503
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "other"))
        other.listen()
        doors.open(other.dup())
        assert (await get(tmp_path / "other"))[0] == 200, "the next sandbox does not notice"
    for _, writer in greedy:
        writer.close()
        await writer.wait_closed()
