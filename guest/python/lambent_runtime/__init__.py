"""What runs a Python function inside its sandbox: standard library only, Python 3.8 to 3.14.

Importing it starts no thread, opens no descriptor and reads no environment variable, so that a zygote can hold it.
"""

import importlib

from .loop import run

__all__ = ["main", "preload", "wrapped"]

# What nearly every handler or SDK imports. asyncio (4 MB, 40 ms) is left to those who use it.
PRELOADED = (
    "base64 collections.abc concurrent.futures copy dataclasses datetime decimal email.message functools gzip hashlib "
    "hmac http.client io itertools json logging operator pathlib random re shutil socket ssl string subprocess "
    "tempfile threading time traceback typing unicodedata urllib.parse urllib.request uuid zipfile zoneinfo"
).split()


def preload():
    """Import what most handlers import, in a zygote, so that none of its children has to."""
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # an interpreter built without it, or older than it


def main(fd, park=None):
    """Serve one environment over the channel `fd`; ends the process, never returns.

    With `park` this is a template: it calls `park()` when it has been through init, which returns in each clone.
    """
    run(fd, park)


def wrapped():
    """The same in a process that the function's AWS_LAMBDA_EXEC_WRAPPER started."""
    from .wrapper import inherited

    fd, spec = inherited()
    run(fd, spec=spec)
