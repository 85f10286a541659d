"""Finds the interpreters of this machine, those that were added to the data directory first."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from lambent.model import RuntimeInfo
from lambent.runtimes import places
from lambent.runtimes.added import added
from lambent.runtimes.advice import how_to_add
from lambent.runtimes.places import number
from lambent.runtimes.table import TABLE

__all__ = ["find", "find_added", "how_to_add"]

OLDEST_PYTHON = (3, 8)  # the guest's syntax
OLDEST_NODE = 14  # the guest's syntax
OLDEST_RUBY = (2, 7)
PROVIDED = ("provided.al2023", "provided.al2")
FALLBACK_KINDS = ("python", "node", "ruby", "java")

_PYTHON_DIR = re.compile(r"(?:cpython-)?(?P<version>(?P<minor>3\.\d+)\.\d+)(?:-linux-.*|)")
_VERSION_DIR = re.compile(r"v?(?P<version>\d+\.\d+\.\d+)")
_JAVA_RELEASE = re.compile(r'^JAVA_VERSION="(?:1\.)?(?P<version>[^"]+)"', re.MULTILINE)


def find(environ: Mapping[str, str], runtime_fallback: bool = False) -> dict[str, RuntimeInfo]:
    """What this machine can run, by AWS's identifier.

    With `runtime_fallback`, a runtime that is missing is served by the nearest installed interpreter of its kind; its
    entry then has the name of the interpreter that really runs, and `stands_in_for` names the runtime asked for.
    """
    here = (
        *_newest(_pythons(environ)),
        *_newest(_nodes(environ)),
        *_newest(_rubies(environ)),
        *_newest(_javas(environ)),
    )
    found = {info.name: info for info in here} | find_added(environ)
    if runtime_fallback:
        found |= _stand_ins(found)
    else:  # Debian's ruby3.1 is no runtime of Lambda's, but can stand in for one
        found = {name: info for name, info in found.items() if name in TABLE}
    return found | {name: RuntimeInfo(name=name, kind="provided", executable="") for name in PROVIDED}


def find_added(environ: Mapping[str, str]) -> dict[str, RuntimeInfo]:
    """What `lambent runtimes add` has put into the data directory, which LAMBENT_DATA names."""
    data = environ.get("LAMBENT_DATA")
    return {info.name: info for info in added(Path(data))} if data else {}


def _newest(candidates: Iterator[RuntimeInfo]) -> list[RuntimeInfo]:
    """One interpreter for each runtime: of the first place that has it, the highest version."""
    best: dict[str, RuntimeInfo] = {}
    for info in candidates:
        held = best.get(info.name)
        if held is None or (info.version and held.version and number(info.version) > number(held.version)):
            best[info.name] = info
    return list(best.values())


def _pythons(environ: Mapping[str, str]) -> Iterator[RuntimeInfo]:
    """Installations of their own come first: the distribution's Python also sees the distribution's packages, which a
    function could import here and not on AWS."""
    for directory in places.children(places.pythons(environ)):
        match = _PYTHON_DIR.fullmatch(directory.name)
        if match:
            yield from _python(directory / "bin" / f"python{match['minor']}", match["minor"], match["version"])
            yield from _python(directory / "x64" / "bin" / f"python{match['minor']}", match["minor"], match["version"])
    for folder in places.path(environ):
        for _, minor in _python_minors():
            yield from _python(folder / f"python3.{minor}", f"3.{minor}", "")


def _python_minors() -> list[tuple[int, ...]]:
    numbers = (number(row.name) for row in TABLE.values() if row.kind == "python")
    return [each for each in numbers if each >= OLDEST_PYTHON]


def _python(path: Path, minor: str, version: str) -> Iterator[RuntimeInfo]:
    name = f"python{minor}"
    executable = places.program(path)
    if name in TABLE and number(minor) >= OLDEST_PYTHON and executable:
        prefix = places.prefix(executable)
        yield RuntimeInfo(
            name=name, kind="python", executable=executable, prefix=prefix, version=version or _told_by(prefix) or minor
        )


def _told_by(prefix: str) -> str:
    """The full version where an installation's folder is named after it, else ''."""
    match = _PYTHON_DIR.fullmatch(Path(prefix).name)
    return match["version"] if match else ""


def _nodes(environ: Mapping[str, str]) -> Iterator[RuntimeInfo]:
    for path, named in _candidates("node", places.nodes(environ), environ):
        executable = places.program(path)
        version = named or (executable and places.ask_version(executable, r"v\d+\.\d+\.\d+"))
        name = f"nodejs{version.partition('.')[0]}.x"
        if executable and name in TABLE and number(version)[0] >= OLDEST_NODE:
            prefix = places.prefix(executable)
            yield RuntimeInfo(name=name, kind="node", executable=executable, prefix=prefix, version=version)


def _rubies(environ: Mapping[str, str]) -> Iterator[RuntimeInfo]:
    for path, named in _candidates("ruby", places.rubies(environ), environ):
        executable = places.program(path)
        version = named or (executable and places.ask_version(executable, r"ruby \d+\.\d+\.\d+.*"))
        if executable and number(version) >= OLDEST_RUBY:
            name = "ruby" + ".".join(version.split(".")[:2])
            prefix = places.prefix(executable)
            yield RuntimeInfo(name=name, kind="ruby", executable=executable, prefix=prefix, version=version)


def _candidates(name: str, roots: list[Path], environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """(path of a program, version of its folder or ""): installations of their own first, then PATH."""
    for directory in places.children(roots):
        match = _VERSION_DIR.fullmatch(directory.name)
        if match:
            for inside in ("bin", "x64/bin", "installation/bin"):
                yield directory / inside / name, match["version"]
    for folder in places.path(environ):
        yield folder / name, ""


def _javas(environ: Mapping[str, str]) -> Iterator[RuntimeInfo]:
    """A Java tells its version in the file `release` of its own folder, which is more honest than the folder's name."""
    homes = [Path(environ["JAVA_HOME"])] if environ.get("JAVA_HOME") else []
    homes += places.children(places.javas(environ))
    homes += [
        Path(program).parent.parent for folder in places.path(environ) if (program := places.program(folder / "java"))
    ]
    for home in dict.fromkeys(homes):
        executable, version = places.program(home / "bin" / "java"), java_version(home)
        if executable and version:
            for name in _java_names(version):
                prefix = places.prefix(executable)
                yield RuntimeInfo(name=name, kind="java", executable=executable, prefix=prefix, version=version)


def java_version(home: Path) -> str:
    """ "17.0.15" of the Java installed in `home`, or ""."""
    try:
        match = _JAVA_RELEASE.search((home / "release").read_text())
    except OSError:
        match = None
    return match["version"] if match else ""


def _java_names(version: str) -> list[str]:
    """All identifiers that one Java serves: java17 and java17.al2023. One that Lambda has none for keeps its number."""
    feature = re.split(r"[._+]", version)[0]
    names = [row.name for row in TABLE.values() if row.kind == "java" and number(row.name)[0] == int(feature)]
    return names or [f"java{feature}"]


def _stand_ins(found: dict[str, RuntimeInfo]) -> dict[str, RuntimeInfo]:
    """For each missing runtime, the nearest installed interpreter of its kind; the newer one at a tie."""
    made = {}
    for row in TABLE.values():
        same = [info for info in found.values() if info.kind == row.kind]
        if row.name in found or row.kind not in FALLBACK_KINDS or not same or row.name == "python2.7":
            continue
        nearest = min(
            same, key=lambda info: (_distance(info.name, row.name), tuple(-part for part in number(info.name)))
        )
        made[row.name] = replace(nearest, stands_in_for=row.name)
    return made


def _distance(one: str, other: str) -> int:
    """How many releases apart two runtimes of one kind are."""
    (*_, a), (*_, b) = _release(one), _release(other)
    far = 100 * abs(_release(one)[0] - _release(other)[0]) if one.startswith("ruby") else 0  # ruby3.4, then ruby4.0
    return far + abs(a - b)


def _release(runtime: str) -> tuple[int, ...]:
    return number(runtime)[:1] if runtime.startswith(("nodejs", "java")) else number(runtime)[:2]
