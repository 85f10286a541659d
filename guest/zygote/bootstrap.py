"""The parked state of a provided.* runtime: waits for INIT, then becomes the function's own `bootstrap`."""

import json
import os
import struct

HEADER = struct.Struct(">B3xII16s")
INIT, PROCEED, INIT_ERROR = 1, 5, 20
# Of images that name no program.
BOOTSTRAPS = ("/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap")


def main(channel):
    meta = read_init(channel)
    start_extensions(channel, meta)
    environ = meta["environ"]
    if meta.get("working_directory"):
        become_image(channel, meta["command"], meta["working_directory"], environ)
    task, opt = meta["task_root"], meta["opt"]
    os.chdir(task)
    for place in (task, opt):
        path = os.path.join(place, "bootstrap")
        if os.path.isfile(path):
            start(channel, path, environ)
    refuse(channel, "Couldn't find valid bootstrap(s): [{}/bootstrap {}/bootstrap]".format(task, opt))


def start_extensions(channel, meta):
    """Start what INIT names, and wait until the platform has heard of all of them."""
    if meta.get("extensions"):
        import extension_spawner

        extension_spawner.start(meta["extensions"], meta["extension_environ"])
        read_frame(channel, PROCEED)


def start(channel, path, environ, command=()):
    os.set_inheritable(channel, False)
    try:
        os.execve(path, [*(command or [path])], environ)
    except OSError as error:
        refuse(channel, "fork/exec {}: {}".format(path, (error.strerror or "").lower()))


def become_image(channel, command, directory, environ):
    """Become the entry point of a container image, whose root is this process's by now."""
    if not directory.startswith("/"):
        problem = "the working directory '{}' is invalid, it needs to be an absolute path".format(directory)
        refuse(channel, problem, "Runtime.InvalidWorkingDir")
    try:
        os.chdir(directory)
    except OSError as error:
        problem = "chdir {}: {}".format(directory, (error.strerror or "").lower())
        refuse(channel, problem, "Runtime.InvalidWorkingDir")
    command = command or [path for path in BOOTSTRAPS if os.path.isfile(path)][:1]
    if not command:
        refuse(channel, "Couldn't find valid bootstrap(s): [{}]".format(" ".join(BOOTSTRAPS)))
    start(channel, find_program(channel, command[0], environ), environ, command)


def find_program(channel, name, environ):
    """Where the program is, as a shell finds it."""
    if "/" in name:
        return name
    for directory in environ.get("PATH", "").split(":"):
        path = os.path.join(directory or ".", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return refuse(channel, 'exec: "{}": executable file not found in $PATH'.format(name))


def refuse(channel, message, kind="Runtime.InvalidEntrypoint"):
    """Tell the platform why a bootstrap or an entry point cannot be run, in its own words."""
    body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    meta = json.dumps({"type": kind}).encode()
    os.write(channel, HEADER.pack(INIT_ERROR, len(meta), len(body), bytes(16)) + meta + body)
    os._exit(1)


def read_init(channel):
    return json.loads(read_frame(channel, INIT).decode())


def read_frame(channel, wanted):
    """The meta of the next frame."""
    kind, meta_size, body_size, _ = HEADER.unpack(read_exactly(channel, HEADER.size))
    if kind != wanted:
        raise ValueError("expected a frame of type {}, got one of type {}".format(wanted, kind))
    meta = read_exactly(channel, meta_size)
    read_exactly(channel, body_size)
    return meta


def read_exactly(channel, size):
    parts = []
    while size:
        try:
            part = os.read(channel, size)
        except ConnectionError:
            part = b""  # the platform went with something still unread
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
