"""Walks once through what INIT and the first invocation will need, while the process is still parked.

After a fork every page that is touched has to be copied first; touched here, they cost the cold start nothing.
"""

import importlib
import importlib.machinery
import logging
import os
import sys
import time

from . import codec, context
from .errors import Fault, describe

SOURCE = "import os\n\ndef handler(event, context):\n    return {'event': event}\n"
MODULE = "lambent_rehearsal"
VARIABLES = {"LAMBENT_REHEARSAL_{}".format(number): "x" * 40 for number in range(40)}
META = (
    b'{"id": "rehearsal", "arn": "", "deadline": 0, "trace": null, "context": null, "identity": null, "tenant": null}'
)


def rehearse(writer, log_handler):
    """Load a module, handle an event, describe an error and format a log line; nothing of it is left behind."""
    namespace = {}
    exec(compile(SOURCE, "rehearsal", "exec"), namespace)
    find_and_forget("/")
    import_and_forget("/tmp/.lambent-rehearsal-{}".format(os.getpid()))
    os.environ.update(VARIABLES)
    time.tzset()
    for name in VARIABLES:
        del os.environ[name]
    about = context.make({}, codec.decode(META), codec.decode)
    writer.answer(namespace["handler"](codec.read_event(b'{"key": ["value", 1, 2.5, null]}'), about))
    writer.document(describe(Fault("Rehearsal", "")))
    record = logging.LogRecord("root", logging.INFO, "", 0, "rehearsal", None, None)
    log_handler.filter(record)
    log_handler.format(record)
    os.environ["_X_AMZN_TRACE_ID"] = "rehearsal"
    del os.environ["_X_AMZN_TRACE_ID"]


def rehearse_call(writer):
    """The part of it that no code of the function can notice, for the copy of an environment that has loaded it."""
    about = context.make({}, codec.decode(META), codec.decode)
    writer.answer({"event": codec.read_event(b'{"key": ["value", 1, 2.5, null]}'), "id": about.aws_request_id})
    codec.decode(writer.document({"environ": VARIABLES}))
    os.environ.update(VARIABLES)
    for name in VARIABLES:
        del os.environ[name]


def import_and_forget(directory):
    """Import a module from a file, which is most of what INIT does, then remove every trace of it."""
    file = os.path.join(directory, MODULE + ".py")
    try:
        os.mkdir(directory, 0o700)
        with open(file, "w") as source:
            source.write(SOURCE)
        sys.path.insert(0, directory)
        importlib.import_module(MODULE)
    except Exception:
        pass  # no place to write: the cold start will be a little slower
    finally:
        sys.path[:] = [entry for entry in sys.path if entry != directory]
        sys.path_importer_cache.pop(directory, None)
        sys.modules.pop(MODULE, None)
        for remove, path in ((os.unlink, file), (os.rmdir, directory)):
            try:
                remove(path)
            except OSError:
                pass


def find_and_forget(directory):
    """Look for a module in a directory that has not been searched before, then forget having been there."""
    importlib.machinery.PathFinder.find_spec(MODULE, [directory])
    sys.path_importer_cache.pop(directory, None)
