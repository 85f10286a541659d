"""Finds the interpreters of this machine and says how to add those that are missing."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from lambent.model import RuntimeInfo
from lambent.runtimes.table import TABLE

OLDEST_PYTHON = (3, 8)  # the guest's syntax
OLDEST_NODE = 14  # the guest's syntax
PROVIDED = ("provided.al2023", "provided.al2")

_PYTHON_DIR = re.compile(r"(?:cpython-)?(?P<version>(?P<minor>3\.\d+)\.\d+)(?:-linux-.*|)")
_NODE_DIR = re.compile(r"v?(?P<version>\d+\.\d+\.\d+)")
_node_versions: dict[tuple[str, int], str] = {}  # (path, mtime in ns) -> "22.1.0": asking costs 40 ms a time


def find(environ: Mapping[str, str], runtime_fallback: bool = False) -> dict[str, RuntimeInfo]:
    """What this machine can run, by AWS's identifier.

    With `runtime_fallback`, a Python or Node that is missing is served by the nearest installed one; its entry then has
    the name of the interpreter that really runs and `stands_in_for` names the runtime that was asked for.
    """
    found = {info.name: info for info in (*_newest(_pythons(environ)), *_newest(_nodes(environ)))}
    if runtime_fallback:
        found |= _stand_ins(found)
    return found | {name: RuntimeInfo(name=name, kind="provided", executable="") for name in PROVIDED}


def how_to_add(runtime: str) -> str:
    """One or two sentences for the user whose function asks for a runtime that is not here."""
    kind = TABLE[runtime].kind if runtime in TABLE else ""
    number = _number(runtime)
    if kind == "python" and number >= OLDEST_PYTHON:
        version = ".".join(map(str, number))
        return (
            f"Python {version} is not installed on this machine. Add it with `uv python install {version}`, "
            f"`pyenv install {version}` or your distribution's package python{version}, then restart Lambent; or start "
            "it with --runtime-fallback to run such functions on the nearest installed Python."
        )
    if kind == "node" and number[0] >= OLDEST_NODE:
        return (
            f"Node.js {number[0]} is not installed on this machine. Add it with `nvm install {number[0]}` or your "
            "distribution's package nodejs, then restart Lambent; or start it with --runtime-fallback to run such "
            "functions on the nearest installed Node.js."
        )
    return f"Lambent does not run {runtime} itself. Package the program with a bootstrap and use provided.al2023."


def _number(runtime: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", runtime)) or (0,)


def _newest(candidates: Iterator[RuntimeInfo]) -> list[RuntimeInfo]:
    """One interpreter for each runtime: of the first place that has it, the highest version."""
    best: dict[str, RuntimeInfo] = {}
    for info in candidates:
        held = best.get(info.name)
        if held is None or (info.version and held.version and _number(info.version) > _number(held.version)):
            best[info.name] = info
    return list(best.values())


def _pythons(environ: Mapping[str, str]) -> Iterator[RuntimeInfo]:
    """Installations of their own come first: the distribution's Python also sees the distribution's packages, which a
    function could import here and not on AWS."""
    for directory in _children(_python_roots(environ)):
        match = _PYTHON_DIR.fullmatch(directory.name)
        if match:
            yield from _python(directory / "bin" / f"python{match['minor']}", match["minor"], match["version"])
            yield from _python(directory / "x64" / "bin" / f"python{match['minor']}", match["minor"], match["version"])
    for folder in _path(environ):
        for _, minor in _python_minors():
            yield from _python(folder / f"python3.{minor}", f"3.{minor}", "")


def _python_minors() -> list[tuple[int, ...]]:
    numbers = (_number(row.name) for row in TABLE.values() if row.kind == "python")
    return [number for number in numbers if number >= OLDEST_PYTHON]


def _python(path: Path, minor: str, version: str) -> Iterator[RuntimeInfo]:
    name = f"python{minor}"
    executable = _program(path)
    if name in TABLE and _number(minor) >= OLDEST_PYTHON and executable:
        prefix = _prefix(executable)
        yield RuntimeInfo(
            name=name, kind="python", executable=executable, prefix=prefix, version=version or _told_by(prefix) or minor
        )


def _told_by(prefix: str) -> str:
    """The full version where an installation's folder is named after it, else ''."""
    match = _PYTHON_DIR.fullmatch(Path(prefix).name)
    return match["version"] if match else ""


def _nodes(environ: Mapping[str, str]) -> Iterator[RuntimeInfo]:
    for directory in _children(_node_roots(environ)):
        match = _NODE_DIR.fullmatch(directory.name)
        places = (directory / "bin", directory / "x64" / "bin", directory / "installation" / "bin")
        if match:
            for place in places:
                yield from _node(place / "node", match["version"])
    for folder in _path(environ):
        yield from _node(folder / "node", "")


def _node(path: Path, version: str) -> Iterator[RuntimeInfo]:
    executable = _program(path)
    if not executable:
        return
    version = version or _ask_node(executable)
    name = f"nodejs{version.partition('.')[0]}.x"
    if name in TABLE and _number(version)[0] >= OLDEST_NODE:
        yield RuntimeInfo(name=name, kind="node", executable=executable, prefix=_prefix(executable), version=version)


def _ask_node(executable: str) -> str:
    """ "22.1.0", or "" if the program does not answer like Node."""
    key = (executable, os.stat(executable).st_mtime_ns)
    if key not in _node_versions:
        try:
            answer = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=10, check=False)
            match = _NODE_DIR.fullmatch(answer.stdout.strip())
        except (OSError, subprocess.SubprocessError):
            match = None
        _node_versions[key] = match["version"] if match else ""
    return _node_versions[key]


def _python_roots(environ: Mapping[str, str]) -> list[Path]:
    """Folders whose children are installations named after their version: pyenv's, uv's, hosted runners'."""
    home = Path(environ.get("HOME", "/nonexistent"))
    share = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return [
        Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(environ.get("UV_PYTHON_INSTALL_DIR") or share / "uv" / "python"),
        Path(environ.get("AGENT_TOOLSDIRECTORY") or "/opt/hostedtoolcache") / "Python",
    ]


def _node_roots(environ: Mapping[str, str]) -> list[Path]:
    """As for Python: nvm's, fnm's, nodenv's, hosted runners'."""
    home = Path(environ.get("HOME", "/nonexistent"))
    share = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return [
        Path(environ.get("NVM_DIR") or home / ".nvm") / "versions" / "node",
        Path(environ.get("FNM_DIR") or share / "fnm") / "node-versions",
        Path(environ.get("NODENV_ROOT") or home / ".nodenv") / "versions",
        Path(environ.get("AGENT_TOOLSDIRECTORY") or "/opt/hostedtoolcache") / "node",
    ]


def _children(roots: list[Path]) -> Iterator[Path]:
    for root in roots:
        try:
            yield from sorted(root.iterdir())
        except OSError:
            continue  # the tool that would have made it is not installed


def _path(environ: Mapping[str, str]) -> list[Path]:
    """PATH's folders, then the places where distributions install; shims are scripts that guess, not interpreters."""
    named = [part for part in environ.get("PATH", "").split(os.pathsep) if part.startswith("/")]
    unique = dict.fromkeys([*named, "/usr/local/bin", "/usr/bin"])
    return [Path(part) for part in unique if Path(part).name != "shims"]


def _program(path: Path) -> str:
    """The real path of the program at `path`, or '' if none is there that may be run."""
    real = os.path.realpath(path)  # a virtual environment's python leads to the interpreter it was made with
    return real if os.path.isfile(real) and os.access(real, os.X_OK) else ""


def _prefix(executable: str) -> str:
    """The installation's root, to be mounted at /var/lang; '' under /usr, which every sandbox has."""
    prefix = Path(executable).parent.parent
    return "" if prefix.is_relative_to("/usr") or prefix == Path("/") else str(prefix)


def _stand_ins(found: dict[str, RuntimeInfo]) -> dict[str, RuntimeInfo]:
    """For each missing Python 3 and Node, the nearest installed interpreter of its kind; the newer one at a tie."""
    made = {}
    for row in TABLE.values():
        same = [info for info in found.values() if info.kind == row.kind]
        if row.name in found or row.kind not in ("python", "node") or not same or row.name == "python2.7":
            continue
        nearest = min(
            same, key=lambda info: (_distance(info.name, row.name), tuple(-part for part in _number(info.name)))
        )
        made[row.name] = replace(nearest, stands_in_for=row.name)
    return made


def _distance(one: str, other: str) -> int:
    """How many releases apart two runtimes of one kind are."""
    (*_, a), (*_, b) = _release(one), _release(other)
    return abs(a - b)


def _release(runtime: str) -> tuple[int, ...]:
    return _number(runtime)[:1] if runtime.startswith("nodejs") else _number(runtime)[:2]
