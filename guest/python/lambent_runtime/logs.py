"""Log lines as AWS writes them: the root logger's handler, JSON records, and the line for an unhandled error.

One record is one line and so one event: newlines inside a text record travel as carriage returns.
"""

import json
import logging
import os
import time
import traceback

DATE = "%Y-%m-%dT%H:%M:%SZ"
TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
HARD_SPACE = "\u00a0"  # replaces indentation, which log viewers would trim
LEVELS = {"TRACE": "DEBUG"}  # AWS's names that Python does not have

# Members of a record that are not the user's `extra`; AWS's client does not know of taskName, so it shows there too.
RESERVED = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) - {"taskName"}
RESERVED |= {"aws_request_id", "tenant_id", "_frame_type"}
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class Sink:
    """The log pipe. `request_id` and `tenant_id` are those of the invocation that runs now; only the loop sets them."""

    def __init__(self, fd):
        self.fd = fd
        self.request_id = ""
        self.tenant_id = None

    def log(self, text, frame_type=None):
        """Write text as it is."""
        view = memoryview(text.encode("utf-8", "backslashreplace"))
        while view:
            view = view[os.write(self.fd, view) :]


class LambdaLoggerHandler(logging.Handler):
    """The handler that the root logger has on AWS. As there, an error in formatting reaches the caller."""

    def __init__(self, sink):
        super().__init__()
        self.log_sink = sink

    def emit(self, record):
        text = self.format(record)
        body = text[:-1] if text.endswith("\n") else text
        self.log_sink.log(body.replace("\r\n", "\r").replace("\n", "\r") + "\n")


class LambdaLoggerFilter(logging.Filter):
    """Gives each record the ids of the running invocation, for formatters of the user too."""

    def __init__(self, sink):
        super().__init__()
        self._sink = sink

    def filter(self, record):
        record.aws_request_id = self._sink.request_id
        record.tenant_id = self._sink.tenant_id
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a record; members that are null are left out."""

    def __init__(self):
        super().__init__(datefmt=DATE)

    def format(self, record):
        record.levelno = min(50, max(0, record.levelno)) // 10 * 10
        record.levelname = logging.getLevelName(record.levelno)
        members = self._members(record)
        extra = {name: value for name, value in record.__dict__.items() if name not in RESERVED}
        members.update((name, value) for name, value in extra.items() if name not in members)
        return _encode({name: value for name, value in members.items() if value is not None}) + "\n"

    def _members(self, record):
        plain = isinstance(record.msg, dict) and not record.args
        kind, error, trace = record.exc_info or (None, None, None)
        members = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if plain else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if record.exc_info else None,
            "errorType": kind.__name__ if kind else None,
            "errorMessage": str(error) if record.exc_info else None,
            "requestId": getattr(record, "aws_request_id", None),
            "location": _location(record),
        }
        if getattr(record, "tenant_id", None) is not None:
            members["tenantId"] = record.tenant_id
        return members


def _location(record):
    if not record.exc_info:
        return None
    return "{}:{}:{}".format(record.pathname, record.funcName, record.lineno)


def set_up(sink):
    """Give the root logger AWS's handler, in text for now. Returns the handler."""
    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler(sink)
    handler.setFormatter(logging.Formatter(TEXT, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter(sink))
    logging.getLogger().addHandler(handler)
    return handler


def configure(handler, log_format, level):
    """Set the format and the root logger's level (None: Python's own default, WARNING)."""
    if is_json(log_format):
        handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    name = (level or "").upper()
    name = LEVELS.get(name, name)
    if isinstance(logging.getLevelName(name), int):
        root.setLevel(name)


def is_json(log_format):
    return (log_format or "").upper() == "JSON"


def write_error(sink, document, as_json, codec):
    """Log an error document the way AWS's client does for what a handler did not catch."""
    if as_json:
        stamp = time.strftime(DATE, time.gmtime())
        sink.log(codec.encode(dict({"timestamp": stamp, "level": "ERROR"}, **document)) + "\n")
    else:
        sink.log("\r".join(_error_lines(document)) + "\n")


def _error_lines(document):
    yield "[ERROR] " + ": ".join(filter(None, (document["errorType"], document["errorMessage"])))
    yield "Traceback (most recent call last):"
    for element in document["stackTrace"]:
        for line in element.splitlines() or [""]:
            text = line.lstrip(" ")
            yield HARD_SPACE * (len(line) - len(text)) + text
