"""/_lambent/images: how container images come in. `lambent images` is its client; see docs/reference/endpoint.md.

Layers are sent in pieces, each by its digest and only if they are not there, since images are far bigger than what a
request may be; then the manifest makes an image of them and gives it a name.
"""

import asyncio
import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from lambent.control import images
from lambent.control.control import Control
from lambent.errors import AwsError, ImageRefused, InvalidParameterValue, ResourceNotFound
from lambent.model import Document
from lambent.store.image_names import ImageName
from lambent.wire.http import Request, Response

PREFIX = "/_lambent/images"
SLOWEST_CALL_S = 900  # a removed image may be needed by running calls for so long
_ITEM = re.compile(PREFIX + r"/(layers|blobs)/([0-9a-f]{64})")
_json = msgspec.json.Encoder().encode


class ImageDoor:
    """Answers requests below PREFIX. Raises AwsError, in particular for what is no good image."""

    prefix = PREFIX

    def __init__(self, control: Control) -> None:
        self.control = control

    async def answer(self, request: Request) -> Response:
        try:
            return Response(200, [("content-type", "application/json")], _json(await self._answer(request)))
        except ImageRefused as error:
            raise InvalidParameterValue(f"The image cannot be taken in: {error.message}.") from error

    async def _answer(self, request: Request) -> Document:
        query = dict(parse_qsl(request.query))
        item = _ITEM.fullmatch(request.path)
        match request.method, item[1] if item else request.path.removeprefix(PREFIX):
            case "GET" | "HEAD", "":
                return {"images": [self._shown(name) for name in self.control.image_names.all()]}
            case "PUT", "":
                return await self._add(_name(query), request.body)
            case "DELETE", "":
                return await self._remove(_name(query))
            case "GET" | "HEAD", "layers" if item:
                return self._layer(item[2])
            case "PUT", "blobs" if item:
                return await self._append(item[2], query, request.body)
        raise AwsError(f"{request.method} is not for {request.path}", code="MethodNotAllowed", status=405)

    def _shown(self, name: ImageName) -> dict[str, Any]:
        info = self.control.images.get(name.digest)
        shown = {"size": info.size, "architecture": info.architecture} if info else {}
        return {"name": name.name, "digest": f"sha256:{name.digest}", "added_at": name.added_at} | shown

    def _layer(self, diff_id: str) -> Document:
        if not self.control.images.has_layer(diff_id):
            raise ResourceNotFound(f"There is no layer sha256:{diff_id}.")
        return {}

    async def _append(self, digest: str, query: dict[str, str], piece: bytes) -> Document:
        offset = query.get("offset", "0")
        if not (offset.isascii() and offset.isdigit() and len(offset) < 16):
            raise InvalidParameterValue("offset must be a number")
        return {"size": await asyncio.to_thread(self.control.images.append, digest, int(offset), piece)}

    async def _add(self, name: str, manifest: bytes) -> Document:
        control = self.control
        async with control.blobs.holding():
            info = await asyncio.to_thread(control.images.add, manifest)
            before = control.image_names.get(name)
            await control.image_names.put(ImageName(name, info.digest, control.clock.epoch()))
        if before is not None and before.digest != info.digest:
            control.blobs.release([before.digest], SLOWEST_CALL_S)
        return self._shown(ImageName(name, info.digest, control.clock.epoch()))

    async def _remove(self, name: str) -> Document:
        found = self.control.image_names.get(name)
        if found is None or not await self.control.image_names.remove(name):
            raise ResourceNotFound(f"There is no image {name}.")
        self.control.blobs.release([found.digest], SLOWEST_CALL_S)
        return {}


def _name(query: dict[str, str]) -> str:
    """repository:tag. Raises InvalidParameterValue; a digest names nothing that could be added or removed."""
    name, digest = images.canonical(query.get("name", ""))
    if digest is not None:
        raise InvalidParameterValue("Name the image by its tag.")
    return name
