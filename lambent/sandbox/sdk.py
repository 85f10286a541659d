"""boto3 for Python functions, as AWS's runtimes have it: the platform's own, in a folder that sandboxes see.

The folder is made once for each version: links to the installed files (copies where the file system is another), with
the bytecode of each Python beside them, without which importing boto3 would take two seconds instead of half a one.
"""

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lambent.model import RuntimeInfo
from lambent.runtimes.places import number

log = logging.getLogger("lambent.agent")

PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
MARK = ".lambent-sdk"  # tells the guest that the folder is this one and not the machine's own packages
_TOO_OLD = "too-old"  # in the folder: what Pythons find that boto3 does not support
_LEAST = re.compile(r"^Requires-Python:.*>=\s*(3\.\d+)", re.MULTILINE)
_VERSION = re.compile(r"^Version:\s*(\S+)", re.MULTILINE)
_compilers: list["subprocess.Popen[bytes]"] = []  # held, for whoever is forgotten while it runs is warned of
# Ends with the agent; trusts the sources, which never change in this folder.
_COMPILE = """
import compileall, ctypes, os, py_compile, re, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
os.nice(19)
os.umask(0o022)
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
compileall.compile_dir(sys.argv[1], quiet=2, invalidation_mode=unchecked, rx=re.compile(sys.argv[2]))
open(sys.argv[3], "w").close()
"""
_NOTICE = 'raise ImportError("{name} {version} needs Python {least} or later; put an older {name} into your package")\n'


def find(homes: tuple[Path, ...], info: RuntimeInfo) -> Path | None:
    """The folder for this Python: in one of `homes`, or made in the last one. None where boto3 is not installed."""
    version = _told("boto3", _VERSION)
    if not version:
        return None
    name = f"sdk-{version}-{_told('botocore', _VERSION)}"
    place = next((home / name for home in homes if (home / name / MARK).is_file()), None) or _make(homes[-1] / name)
    supported = number(info.name) >= number(least_python())
    if supported:
        _compile(place, info)
    return place if supported else place / _TOO_OLD


def least_python() -> str:
    """ "3.10": what boto3 asks for."""
    return _told("boto3", _LEAST) or "3.8"


def _told(name: str, what: re.Pattern[str]) -> str:
    """What a package's metadata says; "" where it is not installed. importlib.metadata would cost 3 MB of the agent."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return ""
    for path in Path(spec.origin).parent.parent.glob(f"{name}-*.dist-info/METADATA"):
        match = what.search(path.read_text(errors="replace"))
        if match:
            return match[1]
    return ""


def _make(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".sdk-"))
    try:
        made = scratch / "made"
        made.mkdir(mode=0o755)
        for name in PACKAGES:
            _take(name, made)
        _refuse(made / _TOO_OLD)
        (made / MARK).touch(mode=0o644)
        if not target.exists():
            os.rename(made, target)  # or somebody else was quicker
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _take(name: str, into: Path) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return  # boto3 will say what it misses
    source = Path(spec.origin)
    if source.name != "__init__.py":
        _link(str(source), str(into / source.name))
    else:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source.parent, into / name, copy_function=_link, ignore=ignored)
        for directory, _, _ in os.walk(into / name):
            os.chmod(directory, 0o755)


def _link(source: str, target: str) -> str:
    """A second name for a file that everybody may read, else a copy that everybody may."""
    try:
        if os.stat(source).st_mode & 0o044 == 0o044:
            os.link(source, target)
            return target
    except OSError:
        pass  # another file system, or one without links
    shutil.copyfile(source, target)
    os.chmod(target, 0o644)
    return target


def _refuse(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    for name in ("boto3", "botocore"):
        text = _NOTICE.format(name=name, version=_told(name, _VERSION), least=least_python())
        (folder / f"{name}.py").write_text(text)
        (folder / f"{name}.py").chmod(0o644)
    (folder / MARK).touch(mode=0o644)


def _compile(place: Path, info: RuntimeInfo) -> None:
    """Have this Python write its bytecode, in its own time; until it has, importing is slower and nothing else."""
    mark = place / f"{MARK}-{info.name}"
    if mark.exists() or not os.access(place, os.W_OK):
        return
    command = [info.executable, "-I", "-S", "-c", _COMPILE, str(place), _TOO_OLD, str(mark)]
    quiet = subprocess.DEVNULL
    try:
        _compilers.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True))
    except OSError as error:
        log.warning("boto3's bytecode for %s: %s", info.name, error)


def main() -> int:
    """`python -m lambent.sandbox.sdk`: make the folder in the package, for scripts/install."""
    from lambent.sandbox.roots import compiled

    find((compiled(),), RuntimeInfo(name="python3.0", kind="python", executable=""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
