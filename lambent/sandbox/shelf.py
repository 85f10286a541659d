"""What an assignment attaches to a husk: the code, the layers and /tmp, as mounts that are ready to be moved inside.

The agent keeps them in its own mount namespace, so that they vanish with it.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from lambent.errors import MountFailure
from lambent.sandbox import mounts
from lambent.sandbox.access_points import AccessPoints
from lambent.sandbox.protocol import Assign
from lambent.sandbox.tmpdisks import TmpDisks

DEEPEST = 500  # directories in directories of an inherited /tmp that its heir may use
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_STACKS = 64  # combinations of layers that stay mounted; each is a mount that many sandboxes share


class Shelf:
    """`stacks` are merged layers by their directories, least recently used first."""

    def __init__(self, place: Path, level: str) -> None:
        self.place = place / "opt"
        self.inside = level != "process"
        for old in (place / "opt", place / "tmp"):  # of an agent that was killed: its mounts went with it
            shutil.rmtree(old, ignore_errors=True)
        self.disks = TmpDisks(place / "tmp", loops=level == "full") if self.inside else None
        self.access_points = AccessPoints({}, place / "mnt", mapped=False)  # the agent gives another one
        self.stacks: dict[tuple[str, ...], Path] = {}
        self._count = 0

    def fetch(self, order: Assign, uid: int, inherited: Path | None) -> tuple[dict[str, int], Path | None]:
        """Detached mounts by their places inside, to be closed by the caller, and the disk of /tmp. Raises OSError."""
        if self.disks is None:
            if order.image:  # its programs would be looked for in the machine's own root
                raise OSError(errno.ENOSYS, "no container image without namespaces")
            return {}, None
        disk = inherited or self.disks.take(order.tmp_mb, uid)
        trees: dict[str, int] = {}
        try:
            if inherited:
                give_to(inherited, uid)
            if order.image:  # first: the others lie in it
                trees["/"] = mounts.detached(order.image)
            trees["/tmp"] = mounts.detached(str(disk), writable=True)
            if order.code:
                trees["/var/task"] = mounts.detached(order.code)
            if order.layers:
                trees["/opt"] = mounts.detached(str(self.stack(order.layers)))
            trees |= self.access_points.fetch(order.file_systems, uid)
        except (OSError, MountFailure):
            for tree in trees.values():
                os.close(tree)
            self.disks.drop(disk)
            raise
        return trees, disk

    def disk(self, megabytes: int, uid: int) -> Path | None:
        """A /tmp of its own for a clone, whose other mounts are its template's. Raises OSError."""
        return self.disks.take(megabytes, uid) if self.disks is not None else None

    def stack(self, layers: tuple[str, ...]) -> str | Path:
        """Where these layers lie as one directory: a later one hides the files of those before it."""
        if len(layers) == 1:
            return layers[0]
        path = self.stacks.pop(layers, None)
        if path is None:
            path = self._mount_stack(layers)
        self.stacks[layers] = path
        while len(self.stacks) > MOST_STACKS:
            self._take_down(self.stacks.pop(next(iter(self.stacks))))
        return path

    def drop(self, disk: Path | None) -> None:
        if disk is not None and self.disks is not None:
            self.disks.drop(disk)

    @property
    def short(self) -> bool:
        """Is there something that could be made ahead of need?"""
        return self.disks is not None and self.disks.short

    def restock(self) -> None:
        """Make one thing ahead of need. A failure is left to whoever will need it, and told there."""
        if self.disks is not None and self.disks.short:
            self.disks.restock()

    def close(self) -> None:
        if self.disks is not None:
            self.disks.close()

    # -- details

    def _mount_stack(self, layers: Sequence[str]) -> Path:
        self._count += 1
        path = self.place / f"{self._count:08x}"
        path.mkdir(parents=True)
        try:
            lower = ":".join(escaped(layer) for layer in reversed(layers))
            mounts.mount("overlay", str(path), "overlay", f"lowerdir={lower}")
        except OSError:
            os.rmdir(path)
            raise
        return path

    def _take_down(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            mounts.unmount(str(path))
            os.rmdir(path)


def escaped(path: str) -> str:
    """A directory as overlayfs reads it in a list. Source: Documentation/filesystems/overlayfs.rst."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def give_to(disk: Path, uid: int) -> None:
    """An inherited /tmp, whole, to the environment that takes it over, which has a uid of its own.

    By descriptors and never by paths: a process that is still dying may swap a directory for a link to the machine's.
    Raises OSError.
    """
    levels = [_Level(os.open(disk, _DIRECTORY))]
    try:
        while levels:
            below = levels[-1].give_next(uid)
            if below is None:
                levels.pop().close()
            elif len(levels) < DEEPEST:  # what lies deeper was made to do harm, and is its maker's loss
                levels.append(below)
            else:
                below.close()
    finally:
        for level in levels:
            level.close()


class _Level:
    """A directory on the way down, and what of it has not been given yet."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.left = os.scandir(fd)

    def give_next(self, uid: int) -> "_Level | None":
        """Give entries away up to the next directory, which is returned; None at the end, when this one is too."""
        for entry in self.left:
            if entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):  # it is gone, or no directory any more
                    return _Level(os.open(entry.name, _DIRECTORY, dir_fd=self.fd))
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.chown(entry.name, uid, uid, dir_fd=self.fd, follow_symlinks=False)
        os.fchown(self.fd, uid, uid)
        return None

    def close(self) -> None:
        self.left.close()
        os.close(self.fd)
