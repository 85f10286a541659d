"""Starts a Lambent of its own on a free port, with its data in a new folder."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

START_LIMIT_S = 30


class Server:
    """One running `lambent up`. It prints into a file, so that it can outlive the demo (KEEP=1)."""

    def __init__(self, *flags: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lambent-demo-"))
        self.log = self.folder / "lambent.log"
        command = [sys.executable, "-m", "lambent", "up", "--port", "0", "--data", str(self.folder / "data"), *flags]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LAMBENT_")}
        began = time.monotonic()
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environ, start_new_session=True)
        self.url = self._wait_for_url(began + START_LIMIT_S)
        self.started_s = time.monotonic() - began

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_lambent/status") as response:
            return dict(json.load(response))

    def stop(self) -> int:
        """Ask it to stop as an operator would, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def _wait_for_url(self, until: float) -> str:
        """The address in the server's first words."""
        while time.monotonic() < until and self.process.poll() is None:
            found = re.search(r"at (http://[\w.:]+).*runtimes ", self.log.read_text(), re.DOTALL)
            if found:
                return found[1]
            time.sleep(0.01)
        self.process.terminate()
        raise SystemExit(f"demo: the server did not start:\n{self.log.read_text()}")


def newest_python(status: dict[str, Any]) -> str:
    """The newest Python runtime that the server found on this machine."""
    names = [each["name"] for each in status["runtimes"] if re.fullmatch(r"python3\.\d+", each["name"])]
    if not names:
        raise SystemExit("demo: the server found no Python runtime on this machine (lambent runtimes)")
    return str(max(names, key=lambda name: int(name.rpartition(".")[2])))
