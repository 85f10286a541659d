"""Builds the function's zip: the handler and Pillow's wheel for the runtime's own Python, as one would for AWS.

python examples/thumbnails/build.py python3.13          # prints the path of the zip
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = ("app.py", "requirements.txt")


def build(runtime: str) -> Path:
    """The zip for one runtime ("python3.13"); made anew only when a source is younger than it.

    Raises subprocess.CalledProcessError when pip finds no wheel for that Python.
    """
    target = HERE / "build" / f"thumbnails-{runtime}-{platform.machine()}.zip"
    if target.exists() and target.stat().st_mtime > max((HERE / name).stat().st_mtime for name in SOURCES):
        return target
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        root = Path(scratch) / "root"
        fetch_packages(runtime, root)
        shutil.copy(HERE / "app.py", root)
        unfinished = Path(scratch) / "new.zip"
        write_zip(root, unfinished)
        os.replace(unfinished, target)  # two builds at once do not see each other's half
    return target


def fetch_packages(runtime: str, root: Path) -> None:
    """Put the wheels for that runtime into `root`; they need not fit the Python that runs this."""
    machine = platform.machine()
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--root-user-action=ignore"]
    command += ["--target", str(root), "--only-binary=:all:", "--no-deps", "--no-compile", "--implementation", "cp"]
    command += ["--python-version", runtime.removeprefix("python")]
    for platform_tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014"):
        command += ["--platform", f"{platform_tag}_{machine}"]
    subprocess.run([*command, "--require-hashes", "-r", str(HERE / "requirements.txt")], check=True)


def write_zip(root: Path, target: Path) -> None:
    """All files of `root`, in order and with one date, so that the same sources give the same CodeSha256."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), (2020, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    print(build(sys.argv[1] if len(sys.argv) > 1 else f"python{sys.version_info[0]}.{sys.version_info[1]}"))
