"""Is the payload JSON? AWS answers in the words of its parser (Jackson), which users search for."""

import json
from typing import NoReturn

import msgspec

from lambent.errors import InvalidRequestContent

_check = msgspec.json.Decoder(msgspec.Raw).decode
_PREFIX = "Could not parse request body into json: Could not parse payload into json: "
_WANTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_TOO_DEEP = (
    "Document nesting depth (1001) exceeds the maximum allowed (1000, from "
    "`StreamReadConstraints.getMaxNestingDepth()`)"
)


def check(payload: bytes) -> None:
    """Raises InvalidRequestContent, saying where and why, unless `payload` is one JSON value in UTF-8."""
    try:
        _check(payload)
        payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        trouble = _explain(payload)
        if trouble:
            raise InvalidRequestContent(_PREFIX + trouble) from None


class _NotANumberError(Exception):
    """NaN and its kin: Python's parser takes them, AWS's does not."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotANumberError(name)


def _explain(payload: bytes) -> str | None:
    """What is wrong; None if Python's parser takes it, as AWS's does (half of a surrogate pair in an escape)."""
    try:
        text = payload.decode()
        json.loads(text, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        return _explain_bytes(payload, error.start)
    except json.JSONDecodeError as error:
        return _explain_text(text, error)
    except _NotANumberError as error:
        name = str(error)
        token = f"Non-standard token '{name}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
        return token + _at(text, text.find(name) + len(name))
    except RecursionError:
        return _TOO_DEEP
    return None


def _explain_bytes(payload: bytes, position: int) -> str:
    """A stray byte is a bad start byte inside a string, and a control character where a value is wanted."""
    before = payload[:position].decode()
    byte = payload[position]
    in_string = before.strip() and before.count('"') % 2
    if not in_string and 0x80 <= byte < 0xC0:
        return f"Unexpected character ((CTRL-CHAR, code {byte})): expected a valid value {_WANTED}" + _at(
            before, position
        )
    return f"Invalid UTF-8 start byte 0x{byte:02x}" + _at(before, len(before) + 1)


def _explain_text(text: str, error: json.JSONDecodeError) -> str:
    """Jackson's sentence for what Python's parser found."""
    position = _next_visible(text, error)
    if error.msg.startswith("Unterminated string"):
        return "Unexpected end-of-input: was expecting closing quote for a string value" + _at(text, len(text))
    if position >= len(text):
        return "Unexpected end-of-input" + _at(text, len(text))
    if error.msg.startswith("Invalid control character"):
        return f"Illegal unquoted character ({_shown(text[position])}): has to be escaped using backslash to be " + (
            f"included in string value{_at(text, position)}"
        )
    wanted = _wanted(text, error, position)
    word = _word(text, position)
    if wanted is None and word:
        return f"Unrecognized token '{word}': was expecting {_WANTED}" + _at(text, position + len(word))
    wanted = wanted or f"expected a valid value {_WANTED}"
    return f"Unexpected character ({_shown(text[position])}): {wanted}" + _at(text, position)


def _next_visible(text: str, error: json.JSONDecodeError) -> int:
    """Where the character is that was not expected; newer Pythons point at the comma before it."""
    position = error.pos
    if "trailing comma" in error.msg:
        position += 1
        while position < len(text) and text[position] in " \t\r\n":
            position += 1
    return position


def _wanted(text: str, error: json.JSONDecodeError, position: int) -> str | None:
    if error.msg.startswith("Expecting ':'"):
        return "was expecting a colon to separate field name and value"
    if error.msg.startswith("Expecting ','"):
        return f"was expecting comma to separate {_container(text, position)} entries"
    if "property name" in error.msg or ("trailing comma" in error.msg and text[position] == "}"):
        return "was expecting double-quote to start field name"
    return None


def _container(text: str, position: int) -> str:
    """Array or Object: what is open at `position`."""
    open_ones: list[str] = []
    in_string = escaped = False
    for letter in text[:position]:
        if in_string:
            in_string = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            in_string = True
        elif letter in "[{":
            open_ones.append(letter)
        elif letter in "]}":
            open_ones.pop()
    return "Array" if open_ones[-1:] == ["["] else "Object"


def _word(text: str, position: int) -> str:
    """The word that begins at `position`, as Jackson reads words; empty if a letter does not begin it."""
    end = position
    while end < len(text) and (text[end].isalnum() or text[end] in "_$"):
        end += 1
    return text[position:end] if text[position].isalpha() else ""


def _shown(letter: str) -> str:
    return f"'{letter}' (code {ord(letter)})" if letter.isprintable() else f"(CTRL-CHAR, code {ord(letter)})"


def _at(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    source = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
    return f"\n at [Source: {source}; line: {line}, column: {column}]"
