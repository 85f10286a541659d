"""Walks once through what INIT and the first invocation will need, while the process is still parked.

After a fork every page that is touched has to be copied first; touched here, they cost the cold start nothing.
"""

import importlib
import importlib.machinery
import logging
import os
import sys

from . import codec, context
from .errors import Fault, describe

SOURCE = "import os\n\ndef handler(event, context):\n    return {'event': event}\n"
META = (
    b'{"id": "rehearsal", "arn": "", "deadline": 0, "trace": null, "context": null, "identity": null, "tenant": null}'
)


def rehearse(writer, log_handler):
    """Load a module, handle an event, describe an error and format a log line; nothing of it is left behind."""
    namespace = {}
    exec(compile(SOURCE, "rehearsal", "exec"), namespace)
    find_and_forget("/")
    about = context.make({}, codec.decode(META), codec.decode)
    writer.answer(namespace["handler"](codec.read_event(b'{"key": ["value", 1, 2.5, null]}'), about))
    writer.document(describe(Fault("Rehearsal", "")))
    record = logging.LogRecord("root", logging.INFO, "", 0, "rehearsal", None, None)
    log_handler.filter(record)
    log_handler.format(record)
    os.environ["_X_AMZN_TRACE_ID"] = "rehearsal"
    del os.environ["_X_AMZN_TRACE_ID"]


def find_and_forget(directory):
    """Look for a module in a directory that has not been searched before, then forget having been there."""
    importlib.machinery.PathFinder.find_spec("lambent_rehearsal", [directory])
    sys.path_importer_cache.pop(directory, None)
