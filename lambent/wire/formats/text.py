"""Scalars as text: what stands in paths, queries, headers, forms and XML elements."""

import base64
import json
import math
import re
from typing import Any

from lambent.wire import timestamps
from lambent.wire.faults import malformed
from lambent.wire.formats import Convert
from lambent.wire.formats.json import WIDTHS, blob_out
from lambent.wire.formats.tree import as_it_is
from lambent.wire.shapes import Shape


def decoder(shape: Shape) -> Convert:
    """From text to the shape's value."""
    if shape.traits.get("jsonvalue"):
        return _json_in
    return _IN[shape.type]


def encoder(shape: Shape, timestamp_format: str) -> Convert:
    """From a value to text; `timestamp_format` holds where the model names none."""
    if shape.type == "timestamp":
        write = timestamps.WRITERS[shape.traits.get("timestampFormat", timestamp_format)]
        return lambda value: str(write(value))
    if shape.traits.get("jsonvalue"):
        return _json_out
    return _OUT[shape.type]


def header_list_decoder(shape: Shape) -> Convert:
    """A comma-separated header value; items with commas or quotes stand in quotes."""
    item = decoder(shape.member)
    return lambda text: [item(each) for each in split_header(text)]


def header_list_encoder(shape: Shape) -> Convert:
    item = encoder(shape.member, "rfc822")
    return lambda value: ",".join(_quoted(item(each)) for each in value)


def split_header(text: str) -> list[str]:
    if '"' not in text:
        # An HTTP date has a comma of its own; every item of such a list is 29 characters long.
        return [part.strip() for part in text.split(",")]
    items, current, quoted, escaped = [], "", False, False
    for character in text:
        if escaped:
            current, escaped = current + character, False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            items.append(current.strip())
            current = ""
        else:
            current += character
    return [*items, current.strip()]


def _quoted(text: str) -> str:
    if '"' in text or "," in text:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)  # Python alone takes 1_000, blanks and the digits of any script


def _integer(text: str) -> int:
    return _whole(text, "integer", "an Integer")


def _long(text: str) -> int:
    return _whole(text, "long", "a Long")


def _whole(text: str, kind: str, words: str) -> int:
    least, most = WIDTHS[kind]
    number = int(text) if _WHOLE.fullmatch(text.strip()) else most + 1
    if least <= number <= most:
        return number
    raise malformed(f"STRING_VALUE can not be converted to {words}")


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise malformed("STRING_VALUE can not be converted to a Double") from None


def _boolean(text: str) -> bool:
    if text in ("true", "false", "True", "False"):
        return text[0] in "tT"
    raise malformed("STRING_VALUE can not be converted to Boolean")


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise malformed("Unable to decode the value as Base64") from None


def _json_in(text: str) -> Any:
    try:
        return json.loads(base64.b64decode(text))
    except ValueError:
        raise malformed("Unable to decode the value as JSON in Base64") from None


def _json_out(value: Any) -> str:
    return blob_out(json.dumps(value, separators=(",", ":")))


def _float_out(value: Any) -> str:
    number = float(value)
    if math.isfinite(number):
        return repr(number)
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _boolean_out(value: Any) -> str:
    return "true" if value else "false"


_IN: dict[str, Convert] = {
    "string": as_it_is,
    "character": as_it_is,
    "integer": _integer,
    "long": _long,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": timestamps.from_text,
    "blob": _blob,
}
_OUT: dict[str, Convert] = {
    **dict.fromkeys(("string", "character", "integer", "long"), str),
    "float": _float_out,
    "double": _float_out,
    "boolean": _boolean_out,
    "blob": blob_out,
}
