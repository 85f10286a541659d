"""The node agent as a child process of the front end: started, watched, ended."""

import asyncio
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from lambent.errors import AgentGone
from lambent.privileges import FRONT_END_UID, KEYS
from lambent.sandbox.access_points import VARIABLE
from lambent.sandbox.network import NetworkPlan
from lambent.sandbox.protocol import SOCKET_DIR_PREFIX
from lambent.settings import Settings, names_in

LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107

log = logging.getLogger("lambent")


def network_plan(settings: Settings) -> NetworkPlan:
    """A port of the system's choice is not known yet; inside it may be the usual one, since nobody else is there."""
    port = settings.port or Settings().port
    return NetworkPlan(
        outbound=settings.outbound,
        range=settings.network_range,
        blocked=names_in(settings.network_blocked),
        endpoint_port=port if settings.function_endpoint else 0,
    )


class AgentProcess:
    """At most one agent at a time."""

    def __init__(self, settings: Settings, data: Path) -> None:
        self.settings = settings
        self.instance = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]
        self.run_dir = data / "run"
        self.run_dir.mkdir(exist_ok=True)
        self.run_dir.chmod(0o711)  # the front end passes through to its socket, which only it may open
        if os.geteuid() == 0:
            os.chown(self.run_dir, 0, 0)
        keys = data / KEYS
        keys.mkdir(exist_ok=True)
        keys.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(keys, 0, 0)
        self._process: subprocess.Popen[bytes] | None = None
        self.path = str(self.run_dir / "agent.sock")
        if len(self.path) > LONGEST_SOCKET_PATH:
            self.path = tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX) + "/agent.sock"

    def start(self) -> None:
        fallback = "1" if self.settings.runtime_fallback else "0"
        Path(self.path).unlink(missing_ok=True)  # a dead agent's socket would refuse connections
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "lambent.sandbox.agent", self.path, self.instance, self.settings.isolation,
                fallback, str(self.run_dir / "agent"), str(FRONT_END_UID if os.geteuid() == 0 else os.geteuid()),
                msgspec.json.encode(network_plan(self.settings)).decode(),
            ],
            stdin=subprocess.PIPE,  # nothing is ever written: its end tells the agent that this process is gone
            start_new_session=True,
            # Where the finder looks for added runtimes, and what stands for access points.
            env=os.environ | {"LAMBENT_DATA": str(self.run_dir.parent), VARIABLE: self.settings.file_systems},
        )  # fmt: skip

    def check(self) -> None:
        """Raises AgentGone when it has ended."""
        status = self._process.poll() if self._process else None
        if status is not None:
            raise AgentGone(f"the node agent ended with status {status}; its reason stands above")

    async def stop(self, patience_s: float = 30.0) -> None:
        """It ends by itself when its connections close, which takes a while after thousands of sandboxes.

        SIGKILL only if it does not, and only where this process still may: the next start sweeps what is left.
        """
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        deadline = asyncio.get_running_loop().time() + patience_s
        while process.poll() is None and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(0.005)
        if process.poll() is None:
            try:
                process.kill()
            except PermissionError:
                log.error("the node agent (pid %d) has not ended after %.0f s: left behind", process.pid, patience_s)
                return
            process.wait()
