"""The node agent's side of one zygote: starting it, ordering husks from it, and what a husk is to the agent."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from lambent.errors import SandboxError
from lambent.model import RuntimeInfo
from lambent.sandbox import births, roots
from lambent.sandbox.network import Network

RESOLV_CONF = "/etc/resolv.conf"
# AWS: 1,024 descriptors, 1,024 processes and threads; no core dumps of somebody's data.
RLIMITS = {"RLIMIT_NOFILE": (1024, 1024), "RLIMIT_NPROC": (1024, 1024), "RLIMIT_CORE": (0, 0)}
# As AWS's images have it; the loader of a parked Node reads it once, long before it knows its function.
LIBRARIES = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"


# What an interpreter that a husk executes is told; {} is the folder of its client, 3 the channel.
ARGUMENTS = {
    "node": ("{}/main.mjs", "3"),
    "ruby": ("{}/main.rb", "3"),
    "java": ("-jar", "{}/client.jar"),
}


class Husk:
    """One environment, from its order to its end. State moves only forward: ordered, ready, assigned, ended."""

    def __init__(self, name: str, runtime: str, uid: int, control: socket.socket, fds: dict[str, int]) -> None:
        self.name = name
        self.runtime = runtime
        self.uid = uid
        self.control = control  # our end of pid 1's socket
        self.fds = fds  # our ends, named as in protocol.Assigned
        self.pid = 0
        self.runtime_pidfd = -1  # of the runtime process, once parked
        self.tmp: Path | None = None  # its /tmp, once assigned
        self.status: int | None = None  # wait status of the runtime, if the sandbox outlived it
        self.state = "ordered"
        self.forks: socket.socket | None = None  # of a template: where it is told to make clones
        self.template = ""  # of a clone: the husk that it is a copy of

    def __repr__(self) -> str:
        return f"<Husk {self.name} {self.runtime} pid={self.pid} {self.state}>"

    def close_fds(self) -> None:
        for fd in self.fds.values():
            os.close(fd)
        self.fds.clear()

    def adopt_runtime(self) -> int:
        """Hold on to the runtime process, the one child that pid 1 has by now; its pid."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
            children = file.read().split()
        if not children:
            raise ProcessLookupError(3, "the runtime has died")
        pid = int(children[0])
        self.runtime_pidfd = os.pidfd_open(pid)
        return pid

    def signal_runtime(self, number: int) -> None:
        if self.runtime_pidfd >= 0:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self.runtime_pidfd, number)

    def let_go(self) -> None:
        """The husk has ended: nothing of it is held any more, but for its /tmp."""
        self.close_fds()
        if self.forks is not None:
            self.forks.close()
        if self.runtime_pidfd >= 0:
            os.close(self.runtime_pidfd)
            self.runtime_pidfd = -1

    def tell(self, message: bytes, fds: list[int] | None = None) -> None:
        """Say something to pid 1; one that has died already reports itself through its socket's end."""
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
        try:
            self.control.sendmsg([message], ancillary)
        except OSError:
            return


class Copies(msgspec.Struct, frozen=True):
    """What a template is ordered with besides: the filter of its clones, and its own rlimits."""

    seccomp: bytes
    rlimits: dict[str, tuple[int, int]]


class Zygote:
    """A running zygote of one runtime."""

    def __init__(
        self, info: RuntimeInfo, level: str, staging: Path, watch: Callable[[socket.socket], None], network: Network
    ) -> None:
        self.info = info
        self.network = network
        self.level = level
        self.client = roots.client_dir(info, staging.parent)  # the runtime's client on the host
        self.boto = roots.sdk_dir(info, staging.parent)  # the same of boto3
        self.ready = False
        self.births = False  # does birth.c make its husks?
        self.orders: deque[Husk] = deque()  # sent, pid not yet told
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = ours
        pidns = os.open("/proc/self/ns/pid", os.O_RDONLY) if level != "process" else -1
        fds = [theirs.fileno(), *([pidns] if pidns >= 0 else [])]
        command = self._command(theirs.fileno(), pidns, staging)
        try:
            self.process = subprocess.Popen(
                command, pass_fds=fds, stdin=subprocess.DEVNULL, env=self._environ(), cwd="/", start_new_session=True
            )
        except OSError as error:
            raise SandboxError(f"the zygote of {info.name} could not be started: {error}") from error
        finally:
            theirs.close()
            if pidns >= 0:
                os.close(pidns)
        watch(ours)

    def _command(self, control: int, pidns: int, staging: Path) -> list[str]:
        boot = str(roots.guest_dir() / "zygote" / "boot.py")
        isolated = ["-I", "-S", "-B"]
        if self.level == "process":
            script = str(roots.guest_dir() / "zygote" / "zygote.py")
            interpreter = self.info.executable if self.info.kind == "python" else sys.executable
            return [interpreter, "-S", "-B", script, str(control), str(pidns), self.info.kind]
        interpreter = roots.inside_path(self.info) if self.info.kind == "python" else _SPAWNER
        argv = [interpreter, *isolated, "/.lambent/zygote/zygote.py", str(control), str(pidns), self.info.kind]
        # The platform's own interpreter stands in as the parent of runtimes that are not Python.
        plan = roots.plan(self.info, str(staging), argv, self.client, self.boto)
        if self.network.resolv_conf:
            plan["binds"] = [bind for bind in plan["binds"] if bind[1] != RESOLV_CONF]
            plan["files"] = plan["files"] | {RESOLV_CONF: self.network.resolv_conf}
        if self.info.kind != "python":
            plan["binds"].append([_base_prefix(), _SPAWNER_PREFIX])
        if self.level == "userns":  # a /proc of one's own is only allowed where the machine's can be seen; it covers it
            plan["binds"].append(["/proc", "/proc"])
        return [sys.executable, *isolated, boot, json.dumps(plan)]

    def _environ(self) -> dict[str, str]:
        outside = {"LAMBENT_GUEST": str(self.client), "LAMBENT_SDK": str(self.boto or "")}
        extra = outside if self.level == "process" else {}
        return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **extra}

    def order(self, name: str, uid: int, init_uid: int, seccomp: bytes, copies: "Copies | None" = None) -> Husk:
        """Ask for one husk. Its pid, and later its readiness, arrive as messages. With `copies` it is a template."""
        control, their_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel, their_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        log_read, log_write = os.pipe()
        if uid:
            os.fchown(log_write, uid, uid)  # or /dev/stdout could be used but not opened
        husk = Husk(name, self.info.name, uid, control, {"channel": channel.detach(), "log": log_read})
        given = [their_control.fileno(), their_channel.fileno(), log_write]
        network = self.network.order(name) if self.level != "process" else {}
        order = self._order(name, uid, init_uid, seccomp) | ({} if self.births else {"network": network})
        if copies is not None:
            husk.forks, their_forks = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            given.append(their_forks.detach())
            order |= {"clone": {"seccomp": copies.seccomp.hex(), "rlimits": order["rlimits"]}}
            order["rlimits"] = copies.rlimits
        try:
            self.control.sendmsg(
                [births.head(name, init_uid, network), json.dumps(order).encode()],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", given))],
            )
        except OSError as error:
            husk.close_fds()
            control.close()
            raise SandboxError(f"the zygote of {self.info.name} is gone: {error}") from error
        finally:
            their_control.close()
            their_channel.close()
            for fd in given[2:]:
                os.close(fd)
        self.orders.append(husk)
        return husk

    def _order(self, name: str, uid: int, init_uid: int, seccomp: bytes) -> dict[str, object]:
        inside = self.level != "process"
        client = "/var/runtime" if inside else str(self.client)
        return {
            "husk": name,
            "level": self.level,
            "kind": self.info.kind,
            "uid": uid,
            "init_uid": init_uid,
            "seccomp": seccomp.hex(),
            "rlimits": RLIMITS if inside else {key: RLIMITS[key] for key in ("RLIMIT_NOFILE", "RLIMIT_CORE")},
            "executable": roots.inside_path(self.info) if inside else self.info.executable,
            "arguments": [argument.format(client) for argument in ARGUMENTS.get(self.info.kind, ())],
            "environ": {"PATH": "/var/lang/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": LIBRARIES, "LANG": "C.UTF-8"},
        }

    def close(self) -> None:
        """The zygote ends at the end of its socket; its husks are on their own."""
        self.control.close()


_SPAWNER_PREFIX = "/.lambent/python"


def _base_prefix() -> str:
    return os.path.realpath(sys.base_prefix)


def _inside_spawner() -> str:
    executable = os.path.realpath(sys.executable)
    return _SPAWNER_PREFIX + executable[len(_base_prefix()) :]


_SPAWNER = _inside_spawner()
