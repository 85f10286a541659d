"""Events from JSON and answers to JSON, to the byte as AWS's client makes them with simplejson and Decimal support.

Facts (awslambdaric 4.2.2): nested bytes are UTF-8 text, named tuples are objects, Decimals are numbers, NaN is allowed
in answers, and from Python 3.12 on non-ASCII characters stay as they are.
"""

import json
import math
from decimal import Decimal
from json.encoder import c_make_encoder, encode_basestring, encode_basestring_ascii
from json.scanner import make_scanner
from marshal import dumps

from .errors import Fault

ESCAPING_RUNTIMES = {"AWS_Lambda_python3.{}".format(minor) for minor in range(6, 12)}
TOO_DEEP = "maximum recursion depth exceeded while encoding a JSON object"


def _refuse_constant(name):
    raise ValueError("Expecting value: {} is not JSON".format(name))


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_scan = make_scanner(_decoder)


def decode(data):
    """The value of a JSON text in UTF-8."""
    text = str(data, "utf-8")
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except StopIteration:
        pass
    # Space around the value, a byte order mark, or an error to be put in words.
    return _decoder.decode(text[1:] if text[:1] == "\ufeff" else text)


def read_event(data):
    """The event of an invocation; raises the Fault that AWS reports for what is not JSON."""
    try:
        return decode(data)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: {}".format(error)) from None


def plain_default(value):
    """What the standard encoder cannot do itself, but AWS's client can: bytes are text."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    raise TypeError("Object of type {} is not JSON serializable".format(type(value).__name__))


class Codec:
    """Encodes answers and error documents in the style of one runtime."""

    def __init__(self, execution_env=""):
        ascii_only = execution_env in ESCAPING_RUNTIMES
        self._quote = encode_basestring_ascii if ascii_only else encode_basestring
        self._quick = (
            quick_encoder(self._quote) or json.JSONEncoder(ensure_ascii=ascii_only, default=plain_default).encode
        )

    def encode(self, value):
        """JSON text of any value that AWS's client can encode; raises TypeError, ValueError or RecursionError.

        marshal refuses, in C, whatever the standard encoder would treat differently from AWS's: subclasses and foreign
        classes. That is far cheaper than looking at every value from Python.
        """
        try:
            dumps(value, 2)
            return self._quick(value)
        except (TypeError, ValueError):
            return self._encode_thoroughly(value)

    def answer(self, value):
        """The bytes that answer an invocation; raises the Fault that AWS reports when there can be none."""
        if isinstance(value, bytes):
            return value
        try:
            return self.encode(value).encode("utf-8")
        except Exception as error:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: {}".format(error)) from None

    def document(self, value):
        """The bytes of an error document or a log line; never fails on text that is not Unicode."""
        return self.encode(value).encode("utf-8", "backslashreplace")

    def _encode_thoroughly(self, value):
        pieces = []
        try:
            self._write(value, pieces.append, set())
        except RecursionError:
            return self._encode_deep(value)
        return "".join(pieces)

    def _encode_deep(self, value):
        """Deeper than Python code can follow; the C encoder may reach further, as AWS's does."""
        try:
            return self._quick(value)
        except RecursionError:
            raise RecursionError(TOO_DEEP) from None

    def _write(self, value, put, parents):
        if isinstance(value, str):
            put(self._quote(value))
        elif isinstance(value, bytes):
            put(self._quote(value.decode("utf-8")))
        elif value is None or value is True or value is False or isinstance(value, (int, float)):
            put(_scalar(value))
        elif isinstance(value, Decimal):
            put("NaN" if value.is_nan() else str(value))
        else:
            self._write_container(value, put, parents)

    def _write_container(self, value, put, parents):
        if id(value) in parents:
            raise ValueError("Circular reference detected")
        parents.add(id(value))
        if isinstance(value, list):
            self._write_array(value, put, parents)
        elif callable(getattr(value, "_asdict", None)):
            self._write_object(value._asdict(), put, parents)
        elif isinstance(value, tuple):
            self._write_array(value, put, parents)
        elif isinstance(value, dict):
            self._write_object(value, put, parents)
        else:
            plain_default(value)
        parents.discard(id(value))

    def _write_array(self, values, put, parents):
        before = "["
        for value in values:
            put(before)
            self._write(value, put, parents)
            before = ", "
        put("[]" if before == "[" else "]")

    def _write_object(self, values, put, parents):
        before = "{"
        for key, value in values.items():
            put(before)
            put(self._quote(_key(key)))
            put(": ")
            self._write(value, put, parents)
            before = ", "
        put("{}" if before == "{" else "}")


def quick_encoder(quote):
    """The standard C encoder made once instead of at each call; None where this interpreter has none.

    Its dictionary of parents is left dirty by an error, so it is emptied then.
    """
    if c_make_encoder is None:
        return None
    parents = {}
    chunks = c_make_encoder(parents, plain_default, quote, None, ": ", ", ", False, False, True)

    def encode(value):
        try:
            return "".join(chunks(value, 0))
        except BaseException:
            parents.clear()
            raise

    return encode


def _scalar(value):
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if math.isfinite(value):
        return float.__repr__(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _key(key):
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if key is None or isinstance(key, (int, float)):
        return _scalar(key)
    raise TypeError("keys must be str, int, float, bool or None, not {}".format(type(key).__name__))
