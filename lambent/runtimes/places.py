"""Where people's tools put interpreters, and what of it is a program that sandboxes can run."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

_NUMBERS = re.compile(r"\d+")
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_told: dict[tuple[str, int], str] = {}  # (path, mtime in ns) -> "22.1.0": asking costs 40 ms a time


def number(text: str) -> tuple[int, ...]:
    """The numbers in a name, for comparing: (3, 13) of python3.13."""
    return tuple(int(part) for part in _NUMBERS.findall(text)) or (0,)


def pythons(environ: Mapping[str, str]) -> list[Path]:
    """Folders whose children are installations named after their version: pyenv's, uv's, hosted runners'."""
    home, share = _home(environ), _share(environ)
    return [
        Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(environ.get("UV_PYTHON_INSTALL_DIR") or share / "uv" / "python"),
        _hosted(environ) / "Python",
    ]


def nodes(environ: Mapping[str, str]) -> list[Path]:
    """As for Python: nvm's, fnm's, nodenv's, hosted runners'."""
    home, share = _home(environ), _share(environ)
    return [
        Path(environ.get("NVM_DIR") or home / ".nvm") / "versions" / "node",
        Path(environ.get("FNM_DIR") or share / "fnm") / "node-versions",
        Path(environ.get("NODENV_ROOT") or home / ".nodenv") / "versions",
        _hosted(environ) / "node",
    ]


def rubies(environ: Mapping[str, str]) -> list[Path]:
    """rbenv's, asdf's, hosted runners'."""
    home = _home(environ)
    return [
        Path(environ.get("RBENV_ROOT") or home / ".rbenv") / "versions",
        home / ".asdf" / "installs" / "ruby",
        _hosted(environ) / "Ruby",
    ]


def javas(environ: Mapping[str, str]) -> list[Path]:
    """Folders whose children are Java installations, whatever their names: distributions', SDKMAN's, jenv's."""
    home = _home(environ)
    return [Path("/usr/lib/jvm"), home / ".sdkman" / "candidates" / "java", home / ".jdks"]


def children(roots: list[Path]) -> Iterator[Path]:
    for root in roots:
        try:
            yield from sorted(root.iterdir())
        except OSError:
            continue  # the tool that would have made it is not installed


def path(environ: Mapping[str, str]) -> list[Path]:
    """PATH's folders, then the places where distributions install; shims are scripts that guess, not interpreters."""
    named = [part for part in environ.get("PATH", "").split(os.pathsep) if part.startswith("/")]
    unique = dict.fromkeys([*named, "/usr/local/bin", "/usr/bin"])
    return [Path(part) for part in unique if Path(part).name != "shims"]


def program(at: Path) -> str:
    """The real path of the program at `at`, or '' if none is there that may be run."""
    real = os.path.realpath(at)  # a virtual environment's python leads to the interpreter it was made with
    return real if os.path.isfile(real) and os.access(real, os.X_OK) else ""


def prefix(executable: str) -> str:
    """The installation's root, to be mounted at /var/lang; '' under /usr, which every sandbox has."""
    root = Path(executable).parent.parent
    return "" if root.is_relative_to("/usr") or root == Path("/") else str(root)


def ask_version(executable: str, answer: str) -> str:
    """ "22.1.0" where `--version` answers a line that the pattern `answer` matches whole, else ""."""
    key = (executable, os.stat(executable).st_mtime_ns)
    if key not in _told:
        try:
            asked = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=10, check=False)
            match = re.fullmatch(answer, asked.stdout.strip()) and _VERSION.search(asked.stdout)
        except (OSError, subprocess.SubprocessError):
            match = None
        _told[key] = match[0] if match else ""
    return _told[key]


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME", "/nonexistent"))


def _share(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_DATA_HOME") or _home(environ) / ".local" / "share")


def _hosted(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("AGENT_TOOLSDIRECTORY") or "/opt/hostedtoolcache")
