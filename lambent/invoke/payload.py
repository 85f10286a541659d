"""Is the payload JSON? AWS answers in the words of its parser (Jackson), which users search for."""

import json

import msgspec

from lambent.errors import InvalidRequestContent

_check = msgspec.json.Decoder(msgspec.Raw).decode
_PREFIX = "Could not parse request body into json: Could not parse payload into json: "
_WANTED = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def check(payload: bytes) -> None:
    """Raises InvalidRequestContent, saying where and why, unless `payload` is one JSON value in UTF-8."""
    try:
        _check(payload)
        payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequestContent(_PREFIX + _explain(payload)) from None


def _explain(payload: bytes) -> str:
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        return _explain_bytes(payload, error.start)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _explain_text(text, error.pos)
    except RecursionError:
        return "Document nesting depth exceeds the maximum allowed (1000)"
    return "Unexpected end-of-input" + _at(text, len(text))


def _explain_bytes(payload: bytes, position: int) -> str:
    """A stray byte is a bad start byte inside a string, and a control character where a value is wanted."""
    before = payload[:position].decode()
    byte = payload[position]
    if before.strip() and before.count('"') % 2:
        return f"Invalid UTF-8 start byte 0x{byte:02x}" + _at(before, position + 1)
    if 0x80 <= byte < 0xC0 or byte < 0x20:
        return f"Unexpected character ((CTRL-CHAR, code {byte})): expected a valid value {_WANTED}" + _at(before, position)
    return f"Invalid UTF-8 start byte 0x{byte:02x}" + _at(before, position + 1)


def _explain_text(text: str, position: int) -> str:
    if position >= len(text):
        return "Unexpected end-of-input" + _at(text, position)
    found = text[position]
    word = ""
    for letter in text[position:]:
        if not (letter.isalnum() or letter in "_$"):
            break
        word += letter
    if found.isalpha() and word:
        return f"Unrecognized token '{word}': was expecting {_WANTED}" + _at(text, position + len(word))
    shown = f"'{found}'" if found.isprintable() else "(CTRL-CHAR"
    code = f"{shown} (code {ord(found)})" if found.isprintable() else f"{shown}, code {ord(found)})"
    return f"Unexpected character ({code}): expected a valid value {_WANTED}" + _at(text, position)


def _at(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    source = "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
    return f"\n at [Source: {source}; line: {line}, column: {column}]"
