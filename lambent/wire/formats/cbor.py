"""CBOR: blobs and timestamps as themselves."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lambent.wire.faults import wrong_type
from lambent.wire.formats import Convert, cbor_items
from lambent.wire.formats.tree import Factory, TreeFormat, as_it_is
from lambent.wire.shapes import Shape
from lambent.wire.timestamps import moment


def _only(wanted: str, *types: type) -> Factory:
    """Takes values of these very types (a bool is no int here), as they are."""

    def check(value: Any) -> Any:
        if type(value) in types:
            return value
        raise wrong_type(value, wanted)

    return lambda shape: check


def _number(value: Any) -> Any:
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is int:
        return value
    raise wrong_type(value, "an Integer")


def _blob_out(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _always(convert: Convert) -> Factory:
    return lambda shape: convert


_IN: dict[str, Factory] = {
    "string": _only("String", str),
    "character": _only("String", str),
    "integer": _always(_number),
    "long": _always(_number),
    "float": _only("a Double", float, int),
    "double": _only("a Double", float, int),
    "boolean": _only("Boolean", bool),
    "blob": _only("a Blob", bytes),
    "timestamp": _only("a Timestamp", datetime),
}
_OUT: dict[str, Factory] = {
    **{kind: _always(as_it_is) for kind in ("string", "character", "integer", "long", "boolean")},
    "float": _always(float),
    "double": _always(float),
    "blob": _always(_blob_out),
    "timestamp": _always(moment),
}


class CborFormat(TreeFormat):
    content_type = "application/cbor"

    def __init__(self) -> None:
        super().__init__(_IN, _OUT)

    def load(self, body: bytes) -> Any:
        return cbor_items.decode(body) if body else {}

    def dump(self, tree: Any) -> bytes:
        return cbor_items.encode(tree)

    def encode_body(self, shape: Shape, root: str) -> Callable[[Any], bytes]:
        encode = self.encoder(shape)
        return lambda value: cbor_items.encode(encode(value))
