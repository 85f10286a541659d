"""JSON: blobs in base64, timestamps as epoch seconds unless the model says otherwise."""

import base64
import binascii
import math
from collections.abc import Callable
from typing import Any

import msgspec

from lambent.wire import timestamps
from lambent.wire.faults import malformed, wrong_type
from lambent.wire.formats import Convert
from lambent.wire.formats.tree import Factory, TreeFormat, as_it_is
from lambent.wire.shapes import Shape

WIDTHS = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _string(value: Any) -> Any:
    if type(value) is str:
        return value
    raise wrong_type(value, "String")


def _integer(shape: Shape) -> Convert:
    """Whole numbers of the shape's width: a larger one means nothing to AWS, and cannot be kept here."""
    least, most = WIDTHS[shape.type]

    def convert(value: Any) -> Any:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and least <= value <= most:
            return value
        raise wrong_type(value, "an Integer" if shape.type == "integer" else "a Long")

    return convert


def _float(value: Any) -> Any:
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    raise wrong_type(value, "a Double")


def _boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    raise wrong_type(value, "Boolean")


def _blob(value: Any) -> bytes:
    if type(value) is not str:
        raise wrong_type(value, "a Blob")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise malformed("Unable to decode the value as Base64") from None


def _timestamp_in(shape: Shape) -> Convert:
    return timestamps.from_number


def _timestamp_out(shape: Shape) -> Convert:
    return timestamps.WRITERS[shape.traits.get("timestampFormat", "unixTimestamp")]


def blob_out(value: Any) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode("ascii")


def float_out(value: Any) -> Any:
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _always(convert: Convert) -> Factory:
    return lambda shape: convert


_IN: dict[str, Factory] = {
    "string": _always(_string),
    "character": _always(_string),
    "integer": _integer,
    "long": _integer,
    "float": _always(_float),
    "double": _always(_float),
    "boolean": _always(_boolean),
    "blob": _always(_blob),
    "timestamp": _timestamp_in,
}
_OUT: dict[str, Factory] = {
    **{kind: _always(as_it_is) for kind in ("string", "character", "integer", "long", "boolean")},
    "float": _always(float_out),
    "double": _always(float_out),
    "blob": _always(blob_out),
    "timestamp": _timestamp_out,
}


class JsonFormat(TreeFormat):
    """JSON text. `content_type` differs: application/json in REST, application/x-amz-json-1.x with a target."""

    def __init__(self, content_type: str = "application/json") -> None:
        super().__init__(_IN, _OUT)
        self.content_type = content_type

    def load(self, body: bytes) -> Any:
        if not body:
            return {}
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed(f"Could not parse request body into json: {error}") from None

    def dump(self, tree: Any) -> bytes:
        return msgspec.json.encode(tree)

    def encode_body(self, shape: Shape, root: str) -> Callable[[Any], bytes]:
        encode, dump = self.encoder(shape), msgspec.json.encode
        return lambda value: dump(encode(value))
