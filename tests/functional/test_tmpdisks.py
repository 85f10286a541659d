"""The disks that become /tmp: exact, private, gone when nobody uses them. Made in a mount namespace of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lambent.sandbox.tmpdisks import can_loop

PROGRAM = """
import json, os, sys, time
from pathlib import Path
from lambent.sandbox import mounts
from lambent.sandbox.tmpdisks import TmpDisks

mounts.unshare_mounts()
disks = TmpDisks(Path(sys.argv[1]), loops=sys.argv[2] == "loops")

def fits(path, size):
    fd = os.open(path / "file", os.O_RDWR | os.O_CREAT)
    try:
        os.posix_fallocate(fd, 0, size)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
        os.unlink(path / "file")

answers, taken = {"charged": disks.charged}, []
for megabytes in (512, 700):
    path = disks.take(megabytes, 1234)
    taken.append(path)
    status = os.stat(path)
    answers[str(megabytes)] = {
        "empty": os.listdir(path) == [], "owner": status.st_uid, "mode": oct(status.st_mode & 0o7777),
        "exact": fits(path, megabytes << 20), "more": fits(path, (megabytes << 20) + 1),
    }
    disks.drop(path)
one, two = disks.take(512, 1), disks.take(512, 2)
taken += [one, two]
(one / "secret").write_text("of one")
answers["apart"] = os.listdir(two) == []
disks.drop(one), disks.drop(two)
def left():
    return [path.name for path in taken if path.exists()]  # others are made ahead of need

deadline = time.monotonic() + 30
while left() and time.monotonic() < deadline:  # a thread unmounts them
    time.sleep(0.01)
answers["left"] = left()
disks.close()
print(json.dumps(answers))
"""


def made(place: Path, kind: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(place), kind], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, object] = json.loads(done.stdout)
    return answers


@pytest.mark.root
@pytest.mark.parametrize("kind", ["loops", "memory"])
def test_a_disk_takes_exactly_its_size_belongs_to_its_sandbox_and_vanishes(tmp_path: Path, kind: str) -> None:
    if kind == "loops" and not can_loop():
        pytest.fail("this machine has no loop devices or no mkfs.ext4")
    answers = made(tmp_path / "disks", kind)
    right = {"empty": True, "owner": 1234, "mode": "0o700", "exact": True, "more": False}
    assert answers == {
        "charged": kind == "memory", "512": right, "700": right, "apart": True, "left": [],
    }  # fmt: skip


@pytest.mark.root
def test_an_ended_disk_leaves_no_loop_device_behind(tmp_path: Path) -> None:
    made(tmp_path / "disks", "loops")
    backing = [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    assert not [text for text in backing if str(tmp_path) in text]
