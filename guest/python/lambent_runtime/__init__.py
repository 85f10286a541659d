"""What runs a Python function inside its sandbox: standard library only, Python 3.8 to 3.14.

Importing it starts no thread, opens no descriptor and reads no environment variable, so that a zygote can hold it.
"""

import importlib

from .loop import make_ready, run

__all__ = ["main", "preload", "wrapped"]

# What nearly every handler or SDK imports. asyncio (4 MB, 40 ms) is left to those who use it.
PRELOADED = (
    "base64 collections.abc concurrent.futures copy dataclasses datetime decimal email.message functools gzip hashlib "
    "hmac http.client io itertools json logging operator pathlib random re shutil socket ssl string subprocess "
    "tempfile threading time traceback typing unicodedata urllib.parse urllib.request uuid zipfile zoneinfo"
).split()


def preload():
    """In a zygote: import what most handlers import, and make ready what its children need, so that they need not."""
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # an interpreter built without it, or older than it
    make_ready()


def main(fd, park=None, rehearsed=False):
    """Serve one environment over the channel `fd`; ends the process, never returns.

    With `park` this is a template: it calls `park()` when it has been through init, which returns in each clone.
    `rehearsed`: this process has the memory already that INIT and a call will write to.
    """
    run(fd, park, rehearsed=rehearsed)


def wrapped():
    """The same in a process that the function's AWS_LAMBDA_EXEC_WRAPPER started."""
    from .wrapper import inherited

    fd, spec = inherited()
    run(fd, spec=spec, rehearsed=True)
