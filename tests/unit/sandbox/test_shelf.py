"""What an assignment attaches, with mounts that are only played."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lambent.sandbox import shelf as module
from lambent.sandbox.protocol import Assign
from lambent.sandbox.shelf import MOST_STACKS, Shelf, escaped


class Disks:
    """Disks that are plain directories."""

    def __init__(self, place: Path, *, loops: bool) -> None:
        self.place = place
        self.loops = loops
        self.dropped: list[Path] = []
        self.taken: list[tuple[int, int]] = []
        self.short = True

    def take(self, megabytes: int, uid: int) -> Path:
        self.taken.append((megabytes, uid))
        path = self.place / f"disk{len(self.taken)}"
        path.mkdir(parents=True)
        return path

    def drop(self, disk: Path) -> None:
        self.dropped.append(disk)

    def restock(self) -> None:
        self.short = False

    def close(self) -> None:
        return


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was mounted and cloned, in order."""
    done: list[tuple[str, str]] = []

    def clone(path: str, *, writable: bool = False) -> int:
        done.append(("write" if writable else "read", path))
        if "missing" in path:
            raise FileNotFoundError(2, "No such file or directory")
        return os.open("/dev/null", os.O_RDONLY)

    monkeypatch.setattr(module, "TmpDisks", Disks)
    monkeypatch.setattr(module.mounts, "detached", clone)
    monkeypatch.setattr(module.mounts, "mount", lambda *args: done.append((args[2], args[3])))
    monkeypatch.setattr(module.mounts, "unmount", lambda target: done.append(("unmount", target)))
    return done


def order(code: str = "/code", layers: tuple[str, ...] = ()) -> Assign:
    return Assign(1, "python3.13", code, layers, 128, 700)


def fetched(shelf: Shelf, wanted: Assign, inherited: Path | None = None) -> tuple[list[str], Path | None]:
    trees, disk = shelf.fetch(wanted, os.getuid(), inherited)
    for tree in trees.values():
        os.close(tree)
    return list(trees), disk


def disks(shelf: Shelf) -> Any:
    return shelf.disks


def test_code_is_attached_read_only_and_tmp_writable(tmp_path: Path, mounted: list[tuple[str, str]]) -> None:
    shelf = Shelf(tmp_path, "full")
    places, disk = fetched(shelf, order())
    assert places == ["/tmp", "/var/task"]
    assert mounted == [("write", str(disk)), ("read", "/code")]
    assert disks(shelf).taken == [(700, os.getuid())]


def test_the_root_of_an_image_comes_first_since_the_others_lie_in_it(
    tmp_path: Path, mounted: list[tuple[str, str]]
) -> None:
    image = Assign(1, "provided.al2023", "", (), 128, 700, image="/image")
    places, disk = fetched(Shelf(tmp_path, "full"), image)
    assert places == ["/", "/tmp"]
    assert mounted == [("read", "/image"), ("write", str(disk))]


def test_without_namespaces_no_image_is_run(tmp_path: Path, mounted: list[tuple[str, str]]) -> None:
    image = Assign(1, "provided.al2023", "", (), 128, 700, image="/image")
    with pytest.raises(OSError, match="no container image without namespaces"):
        Shelf(tmp_path, "process").fetch(image, os.getuid(), None)
    assert mounted == []


def test_one_layer_is_attached_as_it_is(tmp_path: Path, mounted: list[tuple[str, str]]) -> None:
    places, _ = fetched(Shelf(tmp_path, "full"), order(layers=("/layer",)))
    assert places == ["/tmp", "/var/task", "/opt"]
    assert mounted[-1] == ("read", "/layer")


def test_several_layers_are_merged_once_and_the_last_lies_on_top(
    tmp_path: Path, mounted: list[tuple[str, str]]
) -> None:
    shelf = Shelf(tmp_path, "full")
    fetched(shelf, order(layers=("/one", "/two", "/three")))
    fetched(shelf, order(layers=("/one", "/two", "/three")))
    assert [what for what in mounted if what[0] == "overlay"] == [("overlay", "lowerdir=/three:/two:/one")]


def test_rarely_used_combinations_of_layers_are_taken_down(tmp_path: Path, mounted: list[tuple[str, str]]) -> None:
    shelf = Shelf(tmp_path, "full")
    first = shelf.stack(("/a", "/0"))
    for number in range(1, MOST_STACKS + 1):
        shelf.stack(("/a", f"/{number}"))
    assert [what for what in mounted if what[0] == "unmount"] == [("unmount", str(first))]
    assert len(shelf.stacks) == MOST_STACKS


def test_an_inherited_disk_is_given_to_its_new_owner_and_none_is_taken(
    tmp_path: Path, mounted: list[tuple[str, str]]
) -> None:
    estate = tmp_path / "estate"
    (estate / "sub").mkdir(parents=True)
    (estate / "sub" / "link").symlink_to("/etc/passwd")
    shelf = Shelf(tmp_path / "place", "full")
    _, disk = fetched(shelf, order(), estate)
    assert disk == estate
    assert disks(shelf).taken == []


def test_giving_a_disk_away_changes_links_and_not_what_they_point_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "to_directory").symlink_to("/etc")
    (tmp_path / "sub" / "file").write_text("")
    given: list[str] = []
    links: list[bool] = []

    def chown(name: str, uid: int, gid: int, *, dir_fd: int, follow_symlinks: bool) -> None:
        given.append(name)
        links.append(follow_symlinks)

    monkeypatch.setattr(module.os, "chown", chown)
    monkeypatch.setattr(module.os, "fchown", lambda fd, *_: given.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name))
    module.give_to(tmp_path, 7)
    assert sorted(given) == sorted([tmp_path.name, "sub", "file", "to_directory"])
    assert not any(links)


def test_a_disk_is_dropped_when_the_code_cannot_be_attached(tmp_path: Path, mounted: list[tuple[str, str]]) -> None:
    shelf = Shelf(tmp_path, "full")
    with pytest.raises(OSError, match="No such file"):
        shelf.fetch(order(code="/missing"), 1, None)
    assert len(disks(shelf).dropped) == 1


def test_without_namespaces_nothing_is_attached(tmp_path: Path, mounted: list[tuple[str, str]]) -> None:
    shelf = Shelf(tmp_path, "process")
    assert fetched(shelf, order()) == ([], None)
    assert mounted == []
    assert not shelf.short


def test_only_full_isolation_may_use_loop_devices(tmp_path: Path, mounted: list[tuple[str, str]]) -> None:
    assert disks(Shelf(tmp_path / "a", "full")).loops
    assert not disks(Shelf(tmp_path / "b", "userns")).loops


def test_what_a_killed_agent_left_is_cleared(tmp_path: Path, mounted: list[tuple[str, str]]) -> None:
    left = tmp_path / "tmp" / "00000001"
    left.mkdir(parents=True)
    Shelf(tmp_path, "full")
    assert not left.exists()


@pytest.mark.parametrize(
    ("path", "expected"), [("/a:b", "/a\\:b"), ("/a,b", "/a\\,b"), ("/a\\b", "/a\\\\b"), ("/plain", "/plain")]
)
def test_paths_are_escaped_as_overlayfs_reads_them(path: str, expected: str) -> None:
    assert escaped(path) == expected


# -- a /tmp that changes its owner


def test_an_inherited_tmp_is_given_whole_but_nothing_that_its_links_point_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    disk = tmp_path / "disk"
    for path in (outside, disk / "a" / "b", disk / "c"):
        path.mkdir(parents=True)
    (outside / "file").touch()
    (disk / "a" / "b" / "file").touch()
    (disk / "link").symlink_to(outside)
    (disk / "c" / "link").symlink_to(outside / "file")
    given: set[tuple[int, int]] = set()

    def chown(name: str, uid: int, gid: int, *, dir_fd: int, follow_symlinks: bool) -> None:
        given.add((os.stat(name, dir_fd=dir_fd, follow_symlinks=follow_symlinks).st_ino, uid))

    monkeypatch.setattr(module.os, "fchown", lambda fd, uid, gid: given.add((os.fstat(fd).st_ino, uid)))
    monkeypatch.setattr(module.os, "chown", chown)

    module.give_to(disk, 77)

    everything = [disk, *disk.rglob("*")]
    assert given == {(path.lstat().st_ino, 77) for path in everything}
    assert len(everything) == 7


def test_a_tmp_of_very_deep_directories_harms_only_whoever_made_them(tmp_path: Path) -> None:
    home, top = os.getcwd(), tmp_path / "disk"
    top.mkdir()
    os.chdir(top)
    try:
        for _ in range(module.DEEPEST * 3):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(home)
    before = len(os.listdir("/proc/self/fd"))

    module.give_to(top, os.getuid())

    assert len(os.listdir("/proc/self/fd")) == before
    subprocess.run(["rm", "-rf", str(top)], check=True)  # as deep as it is, Python's own removal would fail
