"""Builds the function's zip: the handler and AWS's SDK for durable functions, which fits every runtime of Python.

python examples/orders/build.py          # prints the path of the zip
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE / "build" / "orders.zip"


def build() -> Path:
    """The zip. boto3, which the SDK needs, comes with the runtime. Raises subprocess.CalledProcessError."""
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET.parent) as scratch:
        root = Path(scratch) / "root"
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile"]
        command += ["--root-user-action=ignore", "--no-deps", "--require-hashes", "--target", str(root)]
        subprocess.run([*command, "-r", str(HERE / "requirements.txt")], check=True)
        shutil.copy(HERE / "app.py", root)
        with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in root.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(root))
    return TARGET


if __name__ == "__main__":
    print(build())
