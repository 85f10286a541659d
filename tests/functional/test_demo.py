import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_demo_runs_to_its_end_and_leaves_nothing_running() -> None:
    command = ["make", "-s", "demo", "KEEP="]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^thumbnails\S* .* (?:cold|warm) ", done.stdout, re.MULTILINE)
    assert len(rows) == 32
    assert "UnidentifiedImageError" in done.stdout
    assert "Task timed out after 1.00 seconds" in done.stdout
    assert sorted(path.suffix for path in (ROOT / "demo-output").iterdir()) == [".jpg"] * 8
    assert len(re.findall(r"^\w+\.jpg .* made, swept .* swept$", done.stdout, re.MULTILINE)) == 4
    folder = re.search(r"data in (\S+)", done.stdout)
    assert folder is not None
    assert subprocess.run(["pgrep", "-f", folder[1]], capture_output=True, check=False).stdout == b""
    assert not Path(folder[1]).exists()
