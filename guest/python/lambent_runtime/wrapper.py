"""AWS_LAMBDA_EXEC_WRAPPER: this process executes the wrapper, which is to execute the runtime it is given, once more.

The channel and what INIT said go along as inherited descriptors, whose numbers are in a variable of the environment
that the second runtime removes. A wrapper may put options of its own before the last argument, the runtime's script.
"""

import json
import os
import sys

from .process import flush

VARIABLE = "_LAMBENT_RUNTIME"  # "channel:spec"
SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bootstrap.py")
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as a shell would end


def execute(channel, spec, streams):
    """Become the wrapper; never returns."""
    wrapper, rest = spec["exec_wrapper"], dict(spec, exec_wrapper=None, extensions=[])
    kept = os.memfd_create("lambent-init") if hasattr(os, "memfd_create") else os.open("/tmp", os.O_TMPFILE | os.O_RDWR)
    os.write(kept, json.dumps(rest).encode())
    os.lseek(kept, 0, os.SEEK_SET)
    for fd in (channel.fd, kept):
        os.set_inheritable(fd, True)
    environ = dict(spec["environ"], **{VARIABLE: "{}:{}".format(channel.fd, kept)})
    flush(streams)
    try:
        os.chdir(spec.get("task_root", "/var/task"))
        os.execve(wrapper, [wrapper, sys.executable, SCRIPT], environ)
    except OSError as error:
        print("{}: {}".format(wrapper, error.strerror), file=sys.stderr)
        flush(streams)
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)


def inherited():
    """(descriptor of the channel, what INIT said) of a runtime under a wrapper.

    Variables, the handler's name among them, are what the wrapper made of them.
    """
    channel, _, kept = os.environ.pop(VARIABLE, "").partition(":")
    if not kept:
        raise SystemExit("This script is started by the platform, under AWS_LAMBDA_EXEC_WRAPPER.")
    with open(int(kept), "rb") as file:
        spec = json.loads(file.read().decode())
    environ = dict(os.environ)
    return int(channel), dict(spec, environ=environ, handler=environ.get("_HANDLER", spec["handler"]))
