"""Turns this process into the environment that INIT describes, and ends it as an interpreter would."""

import _signal
import atexit
import fcntl
import io
import os
import random
import sys
import threading
import time

from .channel import HIGH_FD
from .errors import print_fatal
from .handler import forget_shadowed

RESET_SIGNALS = (_signal.SIGTERM, _signal.SIGHUP, _signal.SIGCHLD)  # what a zygote may have handled for itself


def prepare():
    """Do of `become` what does not depend on the function. Returns the interpreter's own part of the module path."""
    for number in RESET_SIGNALS:
        _signal.signal(number, _signal.SIG_DFL)
    random.seed()  # forked from a zygote: or every environment would draw the same numbers
    os.environ.clear()
    return standard_library()


def become(spec, library):
    """Take on the environment variables, directory and module path of a function."""
    os.environ.update(spec["environ"])
    time.tzset()
    task_root, opt = spec.get("task_root", "/var/task"), spec.get("opt", "/opt")
    own = own_path(task_root, opt, os.environ.get("PYTHONPATH", ""))
    sys.path[:] = list(dict.fromkeys(own + library))
    for entry in own:  # a zygote may have looked there before there was anything
        sys.path_importer_cache.pop(entry, None)
    sys.argv[:] = ["/var/runtime/bootstrap", spec.get("handler", "")]
    forget_shadowed(own)
    try:
        os.chdir(task_root)
    except OSError:
        pass  # the import of the handler will say what is missing


def own_path(task_root, opt, extra):
    """What comes before the standard library, in AWS's order: the function, layers, the runtime (PYTHONPATH)."""
    version = "python{}.{}".format(*sys.version_info[:2])
    layers = [opt + "/python/lib/" + version + "/site-packages", opt + "/python"]
    return [task_root] + layers + [entry for entry in extra.split(":") if entry]


def standard_library():
    """What of the present module path belongs to the interpreter's own installation."""
    prefixes = tuple({os.path.join(prefix, "") for prefix in (sys.base_prefix, sys.base_exec_prefix, sys.prefix)})
    return [entry for entry in sys.path if entry.startswith(prefixes)] + sdk_places()


def sdk_places():
    """Where the platform put boto3: behind everything, so that a function's own and a layer's copy come first."""
    version = "python{}.{}".format(*sys.version_info[:2])
    places = ["/var/lang/lib/" + version + "/site-packages", "/usr/lib/python3/dist-packages"]
    places += [entry for entry in sys.path if entry not in places]  # outside a sandbox the zygote names it
    return [place for place in places if os.path.exists(place + "/.lambent-sdk")][:1]


def open_streams():
    """Fresh stdout and stderr on descriptors 1 and 2, written through at every line. Returns both."""
    sys.stdout = sys.__stdout__ = _stream(1, "<stdout>", "surrogateescape")
    sys.stderr = sys.__stderr__ = _stream(2, "<stderr>", "backslashreplace")
    return sys.stdout, sys.stderr


def _stream(fd, name, errors):
    raw = io.FileIO(fd, "w", closefd=False)
    raw.name = name
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors, newline="\n", line_buffering=True)


def own_log_descriptor():
    """A second descriptor of the log pipe, which survives a handler that closes or redirects 1 and 2."""
    try:
        return fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, HIGH_FD)
    except OSError:
        return 1


def flush(streams):
    """Write out what a handler printed without a newline; whatever it did to the streams is its own matter."""
    for stream in streams:
        try:
            stream.flush()
        except Exception:
            pass  # closed, redirected, or replaced by something that is no stream


def leave(error):
    """End the process the way an interpreter does for `error` (None: at its end): status, traceback, exit handlers."""
    status = _status(error)
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException as another:
        print_fatal(another)
    flush((sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))
    os._exit(status)


def _status(error):
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        print_fatal(error)
        return 1
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write("{}\n".format(error.code))
    return 1
