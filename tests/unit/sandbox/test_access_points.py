"""Directories that stand for access points, as the agent sees them."""

import os

import pytest

from lambent.errors import MountFailure
from lambent.sandbox import mounts
from lambent.sandbox.access_points import AccessPoints

POINT = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"


@pytest.fixture
def opened(monkeypatch):
    """What would be mounted: (directory, writable, user), by descriptor."""
    made: dict[int, tuple] = {}

    def note(path, *what) -> int:
        fd = os.open(os.devnull, os.O_RDONLY)
        made[fd] = (os.readlink(path) if path.startswith("/proc/self/fd/") else path, *what)
        return fd

    monkeypatch.setattr(mounts, "detached", lambda path, *, writable=False: note(path, writable, None))
    monkeypatch.setattr(mounts, "mapped", lambda path, owner, uid: note(path, True, uid))
    yield made
    for fd in made:
        os.close(fd)


def points(tmp_path, *, mapped: bool = False) -> AccessPoints:
    (tmp_path / "shared").mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(tmp_path / "shared", 12_345, 12_345)
    return AccessPoints({POINT: str(tmp_path / "shared")}, tmp_path / "own", mapped=mapped)


def test_without_file_systems_nothing_is_opened(tmp_path, opened):
    assert points(tmp_path).fetch((), 70_000) == {}
    assert not opened


def test_the_place_comes_first_and_then_what_lies_in_it(tmp_path, opened):
    trees = points(tmp_path).fetch([(POINT, "/mnt/data")], 70_000)
    assert list(trees) == ["/mnt", "/mnt/data"]
    (home, writable, _), shared = (opened[fd] for fd in trees.values())
    assert os.listdir(home) == ["data"]
    assert not writable
    assert shared == (str(tmp_path / "shared"), True, None)


def test_it_is_mapped_to_the_sandbox_s_user_where_that_can_be_had(tmp_path, opened):
    trees = points(tmp_path, mapped=True).fetch([(POINT, "/mnt/data")], 70_000)
    assert opened[trees["/mnt/data"]] == (str(tmp_path / "shared"), True, 70_000)


def test_it_is_used_as_it_is_where_the_file_system_cannot_be_mapped(tmp_path, opened, monkeypatch):
    def cannot(*_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(mounts, "mapped", cannot)
    trees = points(tmp_path, mapped=True).fetch([(POINT, "/mnt/data")], 70_000)
    assert opened[trees["/mnt/data"]] == (str(tmp_path / "shared"), True, None)


@pytest.mark.parametrize(
    "wanted",
    [("arn:aws:elasticfilesystem:x", "/mnt/data"), (POINT, "/mnt/.."), (POINT, "/mnt/."), (POINT, "/mnt/a/b"),
     (POINT, "/etc"), (POINT, "/mnt/"), (POINT, "/mnt/a\0b"), (POINT, "/mnt/a\n")],
)  # fmt: skip
def test_an_order_reaches_no_other_directory_and_no_other_place(tmp_path, opened, wanted):
    with pytest.raises(MountFailure, match="couldn't mount"):
        points(tmp_path).fetch([wanted], 70_000)
    assert not opened


def test_root_s_directory_is_not_handed_out(tmp_path, opened):
    found = points(tmp_path, mapped=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fstat", lambda fd: os.stat_result((0o40755, 1, 1, 1, 0, 0, 0, 0, 0, 0)))
        with pytest.raises(MountFailure, match="belongs to root"):
            found.check([(POINT, "/mnt/data")])


def test_a_link_in_its_place_is_not_followed(tmp_path, opened):
    found = points(tmp_path)
    (tmp_path / "shared").rmdir()
    (tmp_path / "shared").symlink_to("/etc")
    with pytest.raises(MountFailure, match="couldn't mount"):
        found.fetch([(POINT, "/mnt/data")], 70_000)
    assert all(path != "/etc" for path, *_ in opened.values())


def test_a_directory_that_is_gone_cannot_be_mounted(tmp_path, opened):
    found = points(tmp_path)
    (tmp_path / "shared").rmdir()
    with pytest.raises(MountFailure, match="No such file"):
        found.check([(POINT, "/mnt/data")])
