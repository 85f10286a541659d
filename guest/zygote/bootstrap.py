"""The parked state of a provided.* runtime: waits for INIT, then becomes the function's own `bootstrap`."""

import json
import os
import struct

HEADER = struct.Struct(">B3xII16s")
INIT, INIT_ERROR = 1, 20


def main(channel):
    meta = read_init(channel)
    environ = meta["environ"]
    task, opt = meta["task_root"], meta["opt"]
    os.chdir(task)
    for place in (task, opt):
        path = os.path.join(place, "bootstrap")
        if os.path.isfile(path):
            start(channel, path, environ)
    refuse(channel, "Couldn't find valid bootstrap(s): [{}/bootstrap {}/bootstrap]".format(task, opt))


def start(channel, path, environ):
    os.set_inheritable(channel, False)
    try:
        os.execve(path, [path], environ)
    except OSError as error:
        refuse(channel, "fork/exec {}: {}".format(path, (error.strerror or "").lower()))


def refuse(channel, message):
    """Runtime.InvalidEntrypoint, as the platform reports a bootstrap that cannot be run."""
    body = json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}).encode()
    meta = json.dumps({"type": "Runtime.InvalidEntrypoint"}).encode()
    os.write(channel, HEADER.pack(INIT_ERROR, len(meta), len(body), bytes(16)) + meta + body)
    os._exit(1)


def read_init(channel):
    kind, meta_size, body_size, _ = HEADER.unpack(read_exactly(channel, HEADER.size))
    if kind != INIT:
        raise ValueError("expected INIT, got a frame of type {}".format(kind))
    meta = json.loads(read_exactly(channel, meta_size).decode())
    read_exactly(channel, body_size)
    return meta


def read_exactly(channel, size):
    parts = []
    while size:
        part = os.read(channel, size)
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
