"""The Java runtime client, compiled: guest/java made into two jars, once for each state of its sources.

`make install` does it where there is a javac; where that was not done, the node agent does it when Java is first used.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from lambent.errors import RuntimeMissing
from lambent.runtimes import places

JARS = {"client.jar": "lambent", "api.jar": "api"}  # jar: its folder in guest/java
_OLDEST = "8"  # classes that every Java from 8 on can load
_MANIFEST = "Manifest-Version: 1.0\nMain-Class: lambent.Main\n"
_LONGEST_S = 300
_DATE = (2026, 1, 1, 0, 0, 0)


def find(sources: Path, homes: tuple[Path, ...], executable: str = "") -> Path:
    """The folder with the jars: in one of `homes`, or made in the last one. Raises RuntimeMissing without a javac."""
    name = f"java-{_digest(sources)}"
    for home in homes:
        if all((home / name / jar).is_file() for jar in JARS):
            return home / name
    javac = _javac(executable)
    if not javac:
        raise RuntimeMissing(
            "Java functions need Lambent's Java client compiled once, and no javac was found: install a JDK (Debian: "
            "apt-get install default-jdk-headless), then restart Lambent."
        )
    return _build(sources, homes[-1] / name, javac)


def _digest(sources: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(sources.rglob("*.java")):
        found.update(str(path.relative_to(sources)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _javac(executable: str) -> str:
    """A compiler: of the Java that is to run, on PATH, or of any other Java of this machine."""
    beside = [Path(executable).with_name("javac")] if executable else []
    others = [home / "bin" / "javac" for home in places.children(places.javas(os.environ))]
    on_path = [folder / "javac" for folder in places.path(os.environ)]
    return next((found for path in (*beside, *on_path, *others) if (found := places.program(path))), "")


def _build(sources: Path, target: Path, javac: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".java-"))
    try:
        made = scratch / "jars"
        made.mkdir(mode=0o755)
        for jar, folder in JARS.items():
            classes = scratch / folder
            _compile(javac, sorted((sources / folder).rglob("*.java")), classes)
            _pack(made / jar, classes)
        if not target.exists():
            os.rename(made, target)  # or somebody else was quicker
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _compile(javac: str, files: list[Path], classes: Path) -> None:
    command = [javac, "--release", _OLDEST, "-Xlint:-options", "-nowarn", "-d", str(classes), *map(str, files)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeMissing(f"the Java client could not be compiled: {error}") from error
    if ran.returncode:
        raise RuntimeMissing(f"the Java client could not be compiled with {javac}: {ran.stderr.strip()[-500:]}")


def _pack(jar: Path, classes: Path) -> None:
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:  # stored: a cold start has nothing to inflate
        archive.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF", _DATE), _MANIFEST)
        for path in sorted(classes.rglob("*.class")):
            archive.writestr(zipfile.ZipInfo(path.relative_to(classes).as_posix(), _DATE), path.read_bytes())
    jar.chmod(0o644)


def main() -> int:
    """`python -m lambent.sandbox.java_client`: compile into the package, for scripts/install."""
    from lambent.sandbox.roots import compiled, guest_dir

    try:
        find(guest_dir() / "java", (compiled(),))
    except RuntimeMissing as error:
        print(f"install: {error.message}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
