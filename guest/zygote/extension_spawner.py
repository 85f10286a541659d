"""Starts the external extensions of an environment and reports how each ends: a process beside the runtime.

The runtime, already sealed, forks it; so what it starts is sealed as the function is. It tells the platform through
the port of the APIs, in connections that do not begin with HTTP:

    LAMBENT-OUTPUT name       then what that extension writes to its descriptors 1 and 2
    LAMBENT-PROCESSES         then lines: "exit <wait status> <name>", "launch <errno> <name>"
"""

import os
import socket
import sys
import traceback

SPARE = 1024  # descriptors that a sandbox may have


def start(paths, environ):
    """Fork the spawner, which starts the extensions at `paths`. Returns at once in the runtime."""
    if os.fork():
        return
    try:
        supervise(paths, environ)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def supervise(paths, environ):
    """Until the last of them has ended."""
    os.closerange(3, SPARE)
    host, _, port = environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
    address = (host, int(port))
    with connect(address, "LAMBENT-PROCESSES") as news:
        running = {}
        for path in paths:
            pid, number = spawn(path, environ, address)
            if number:
                os.waitpid(pid, 0)
                tell(news, "launch", number, os.path.basename(path))
            else:
                running[pid] = os.path.basename(path)
        quiet()
        while running:
            pid, status = os.wait()
            name = running.pop(pid, None)
            if name is not None:
                tell(news, "exit", status, name)


def connect(address, introduction):
    sock = socket.create_connection(address)
    sock.sendall(introduction.encode() + b"\n")
    return sock


def tell(news, kind, number, name):
    news.sendall("{} {} {}\n".format(kind, number, name).encode())


def spawn(path, environ, address):
    """(pid, 0), or (pid, errno) of a process that could not become what is at `path`."""
    with connect(address, "LAMBENT-OUTPUT " + os.path.basename(path)) as output:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            become(path, environ, output.fileno(), write)
    os.close(write)
    trouble = os.read(read, 16)
    os.close(read)
    return pid, int(trouble or b"0")


def become(path, environ, output, trouble):
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir("/")
        os.execve(path, [path], environ)
    except OSError as error:
        os.write(trouble, b"%d" % error.errno)
    finally:
        os._exit(127)


def quiet():
    """Let go of the runtime's log pipe."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    sys.stdout = sys.stderr = None
