"""A guest runtime in a child process, with this test at the platform's end of its channel."""

import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

HEADER = struct.Struct(">B3xII16s")
INIT, INVOKE = 1, 2
READY, RESULT, ERROR, INIT_ERROR, CHUNK, END = 17, 18, 19, 20, 21, 22
PATIENCE_S = 20
GUEST = Path(__file__).resolve().parents[2] / "guest"

# As in a sandbox the channel is descriptor 3 and there is no other: a number that this process happens to have free may
# be one that Node does not expect to be handed down.
_ON_CHANNEL = [
    sys.executable, "-I", "-S", "-c",
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.closerange(4, 1024); os.execvp(sys.argv[2], sys.argv[2:])",
]  # fmt: skip


class Frame(NamedTuple):
    kind: int
    meta: dict[str, Any]
    body: bytes
    token: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class Gone(Exception):
    """The guest closed its end of the channel."""


class GuestProcess:
    """Starts the guest, speaks the protocol as the platform does, and keeps what it logs in a file."""

    def __init__(self, command: list[str], task_root: Path, environ: dict[str, str]) -> None:
        self.task_root = task_root
        self._log = task_root.parent / "log"
        self._environ = environ
        self.host, theirs = socket.socketpair()
        self.host.settimeout(PATIENCE_S)
        with theirs, self._log.open("ab") as log:
            arguments = [*_ON_CHANNEL, str(theirs.fileno()), *command, "3"]
            base = {"PATH": os.environ["PATH"], "PYTHONPATH": str(GUEST / "python"), "LANG": "C.UTF-8"}
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()], env=base
            )

    def send(self, kind: int, token: bytes, meta: dict[str, Any], body: bytes = b"") -> None:
        text = json.dumps(meta).encode()
        self.host.sendall(HEADER.pack(kind, len(text), len(body), token) + text + body)

    def receive(self) -> Frame:
        kind, meta_size, body_size, token = HEADER.unpack(self._exactly(HEADER.size))
        meta = self._exactly(meta_size)
        return Frame(kind, json.loads(meta) if meta else {}, self._exactly(body_size), token)

    def init(self, handler: str, **changes: Any) -> Frame:
        meta = {
            "environ": self._environ | changes.pop("environ", {}),
            "handler": handler,
            "task_root": str(self.task_root),
            "opt": str(self.task_root.parent / "opt"),
            "log_format": "Text",
            "log_level": None,
        }
        self.send(INIT, bytes(16), meta | changes)
        return self.receive()

    def invoke(self, event: Any = None, *, raw: bytes | None = None, **changes: Any) -> Frame:
        token = os.urandom(16)
        meta = {
            "id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "deadline": int(time.time() * 1000) + 3000,
            "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
            "context": None,
            "identity": None,
            "tenant": None,
        }
        self.send(INVOKE, token, meta | changes, json.dumps(event).encode() if raw is None else raw)
        frame = self.receive()
        assert frame.token == token
        return frame

    def stream(self, event: Any = None, **changes: Any) -> tuple[bytes, Frame, Frame]:
        """Invoke a handler that streams: all that it says, and its first and its last frame."""
        first = last = self.invoke(event, **changes)
        said = bytearray()
        while last.kind == CHUNK:
            said += last.body
            last = self.receive()
            assert last.token == first.token
        return bytes(said), first, last

    def logs(self) -> str:
        return self._log.read_bytes().decode()

    def logs_undated(self) -> str:
        """The log with every date replaced, to compare whole lines."""
        return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", "DATE", self.logs())

    def exit_status(self) -> int:
        """What the process ended with; negative for a signal."""
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.host.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self.host.recv(count - len(data))
            if not piece:
                raise Gone
            data += piece
        return bytes(data)
