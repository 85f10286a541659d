"""A disk without space: events are refused with a 5xx, those accepted are not lost, and all goes on with space."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from real_server import Server, wait_until

Serve = Callable[..., Server]
MB = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> Path:
    """Take all the space that is left."""
    ballast = place / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        for size in (MB, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return ballast


def send(server: Server, name: str) -> int:
    answer = server.client.invoke(FunctionName=name, InvocationType="Event", Payload=b'"' + b"x" * 20_000 + b'"')
    return int(answer["StatusCode"])


@pytest.mark.root
def test_a_full_disk_refuses_events_and_takes_them_again_when_there_is_space(small_disk: Path, serve: Serve) -> None:
    server = serve(data=small_disk / "data")
    server.deploy("def handler(event, context): return len(event)", name="counted")
    assert send(server, "counted") == 202
    ballast = fill(small_disk)
    refusals = []
    for _ in range(40):  # what the journal of the database still has room for may be accepted
        try:
            send(server, "counted")
        except ClientError as error:
            refusals.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
    assert refusals
    assert set(refusals) == {500}
    assert server.client.get_function_configuration(FunctionName="counted")["State"] == "Active"

    ballast.unlink()
    wait_until(lambda: _accepted(server))
    wait_until(lambda: not any(server.status()["events"][kind] for kind in ("waiting", "running")))
    server.stop()
    again = serve(data=small_disk / "data")
    assert again.status()["events"]["waiting"] == 0
    assert b'"events":[]' in again.get("/_lambent/events")  # none of those accepted has failed


def _accepted(server: Server) -> bool:
    try:
        return send(server, "counted") == 202
    except ClientError:
        return False
