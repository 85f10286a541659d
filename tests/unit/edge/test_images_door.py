"""/_lambent/images: what it takes, what it answers, and what becomes of images that lose their names."""

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lambent.clock import FixedClock
from lambent.control.control import Control
from lambent.control.testing import MemoryCapacity
from lambent.edge.images import ImageDoor
from lambent.errors import AwsError, InvalidParameterValue, ResourceNotFound
from lambent.settings import Settings
from lambent.stores import Stores
from lambent.wire.http import Request

PREFIX = "/_lambent/images"


def tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Stage:
    """A door, and the few requests that its client makes."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.door = ImageDoor(control)

    async def ask(self, method: str, path: str = "", query: str = "", body: bytes = b"") -> Any:
        response = await self.door.answer(Request(method, PREFIX + path, query, {}, body))
        assert isinstance(response.body, bytes)
        return json.loads(response.body)

    async def send(self, data: bytes) -> dict[str, Any]:
        await self.ask("PUT", f"/blobs/{sha256(data)}", "offset=0", data)
        return {"digest": f"sha256:{sha256(data)}", "size": len(data)}

    async def add(self, name: str, content: bytes = b"x") -> Any:
        layer = tar("file", content)
        diff_ids = [f"sha256:{sha256(layer)}"]
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        described = await self.send(json.dumps(config).encode())
        manifest = {"schemaVersion": 2, "config": described, "layers": [await self.send(layer)]}
        return await self.ask("PUT", "", f"name={name}", json.dumps(manifest).encode())


async def _at_once(_: float) -> None:
    return


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stores = Stores(tmp_path / "db")
    control = Control(
        stores, MemoryCapacity(), FixedClock(1000.5), Settings(),
        architecture="x86_64", sleep=_at_once,
    )  # fmt: skip
    yield Stage(control)
    await control.close()
    stores.close()


async def test_an_image_that_was_added_is_listed(stage: Stage) -> None:
    added = await stage.add("app:v1", b"x" * 100)

    assert (await stage.ask("GET")) == {"images": [added]}
    assert added == {
        "name": "app:v1", "digest": added["digest"], "added_at": 1000.5, "size": 100, "architecture": "x86_64",
    }  # fmt: skip


async def test_a_name_without_a_tag_is_latest(stage: Stage) -> None:
    assert (await stage.add("000000000000.dkr.ecr.eu-west-1.amazonaws.com/app"))["name"] == "app:latest"


async def test_whether_a_layer_is_there_can_be_asked(stage: Stage) -> None:
    diff_id = sha256(tar("file", b"x"))
    with pytest.raises(ResourceNotFound):
        await stage.ask("GET", f"/layers/{diff_id}")
    await stage.add("app")

    assert await stage.ask("HEAD", f"/layers/{diff_id}") == {}


async def test_blobs_come_in_pieces(stage: Stage) -> None:
    assert await stage.ask("PUT", f"/blobs/{'a' * 64}", "offset=0", b"abc") == {"size": 3}
    assert await stage.ask("PUT", f"/blobs/{'a' * 64}", "offset=3", b"de") == {"size": 5}
    with pytest.raises(InvalidParameterValue, match="does not follow"):
        await stage.ask("PUT", f"/blobs/{'a' * 64}", "offset=9", b"f")


@pytest.mark.parametrize("offset", ["x", "-1", "1" * 20])
async def test_an_offset_is_a_number(stage: Stage, offset: str) -> None:
    with pytest.raises(InvalidParameterValue, match="offset must be a number"):
        await stage.ask("PUT", f"/blobs/{'a' * 64}", f"offset={offset}", b"f")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""),
        ("PUT", "/layers/" + "a" * 64),
        ("GET", "/blobs/" + "a" * 64),
        ("GET", "/../x"),
        ("PUT", "/blobs/x"),
    ],
)
async def test_nothing_else_can_be_asked(stage: Stage, method: str, path: str) -> None:
    with pytest.raises(AwsError) as caught:
        await stage.ask(method, path)
    assert caught.value.status == 405


@pytest.mark.parametrize("name", ["", "Not A Name", "app@sha256:" + "a" * 64])
async def test_an_image_needs_a_name_that_a_function_can_use(stage: Stage, name: str) -> None:
    for method in ("PUT", "DELETE"):
        with pytest.raises(InvalidParameterValue):
            await stage.ask(method, "", f"name={name}", b"{}")


async def test_a_bad_image_is_the_client_s_fault_and_leaves_no_name(stage: Stage) -> None:
    with pytest.raises(InvalidParameterValue, match="The image cannot be taken in: this is no image manifest"):
        await stage.ask("PUT", "", "name=app", b"{}")
    assert await stage.ask("GET") == {"images": []}


async def test_an_image_goes_with_its_last_name(stage: Stage) -> None:
    await stage.add("one")
    await stage.add("two")
    digests = stage.control.images.digests()
    assert len(digests) == 1
    await stage.ask("DELETE", "", "name=one")
    await stage.control.settled()
    assert stage.control.images.digests() == digests
    await stage.add("two", b"another")
    await stage.control.settled()
    assert not set(digests) & set(stage.control.images.digests())
    await stage.ask("DELETE", "", "name=two")
    await stage.control.settled()
    assert stage.control.images.digests() == []


async def test_a_name_that_is_not_there_cannot_be_removed(stage: Stage) -> None:
    with pytest.raises(ResourceNotFound, match=r"There is no image app:latest\."):
        await stage.ask("DELETE", "", "name=app")


async def test_images_may_come_in_at_the_same_time(stage: Stage) -> None:
    added = await asyncio.gather(*(stage.add(f"app:{number}", b"%d" % number) for number in range(5)))

    assert len({each["digest"] for each in added}) == 5
    assert len((await stage.ask("GET"))["images"]) == 5
