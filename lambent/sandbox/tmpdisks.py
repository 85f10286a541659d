"""The /tmp of each sandbox: a file system of exactly its size that is not charged to the function's memory.

An ext4 image without a journal on a loop device; the image is a sparse file that is unlinked as soon as it is mounted,
so that it goes with its mount, also after a crash. Making one takes about a millisecond (docs/decisions/0005-tmp.md).
Where there are no loop devices /tmp is a tmpfs, whose pages the kernel charges to the function.

Source: loop(4), ext4(5).
"""

import fcntl
import itertools
import logging
import os
import shutil
import struct
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from lambent.sandbox import mounts

log = logging.getLogger("lambent.agent")

USUAL_MB = 512
STOCK = 8  # disks of the usual size made ahead of need: a cold start should not wait for one
MAKERS = 2  # threads that keep up with many cold starts: a disk is 1 ms of work and 10 of waiting
_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_LO_FLAGS_AUTOCLEAR, _LO_FLAGS_DIRECT_IO = 4, 16  # direct: or every page would be in memory twice
_LOOP_CONFIG_SIZE = 304  # struct loop_config
_BLOCK = 4096
_MB = 1024 * 1024
_INODES_PER_MB = 64
_OWN_BLOCKS = 1  # the index of one file that fills the disk
# Nothing in it outlives its sandbox: no journal, no barriers, and no thread that writes zeros in the background.
_OPTIONS = "noinit_itable,nobarrier,errors=continue"


class TmpDisks:
    """Makes disks, keeps a few, and takes them away again. `charged` says that /tmp counts as function memory.

    A disk is known by where it is mounted in the agent's own namespace; sandboxes get clones of that mount.
    """

    def __init__(self, place: Path, *, loops: bool = True) -> None:
        self.place = place
        self.place.mkdir(parents=True, exist_ok=True)
        self.charged = not (loops and can_loop())
        self._templates: dict[int, Path] = {}
        self._stock: deque[Path] = deque()
        self._count = itertools.count(1)
        self._formatting = threading.Lock()
        self._bin = _Bin()
        self._makers = [_Worker(self._keep_up, f"lambent-disks-{number}") for number in range(MAKERS)]

    def take(self, megabytes: int, uid: int) -> Path:
        """A fresh disk that belongs to `uid`. Raises OSError."""
        disk = self._stock.popleft() if megabytes == USUAL_MB and self._stock else self._make(megabytes)
        if not self.charged and megabytes == USUAL_MB and len(self._stock) < STOCK // 2:
            for maker in self._makers:  # more are wanted than a moment of calm can replace
                maker.wake()
        os.chown(disk, uid, uid)
        os.chmod(disk, 0o700)
        return disk

    @property
    def short(self) -> bool:
        return not self.charged and len(self._stock) < STOCK

    def restock(self) -> None:
        """One more of the usual size, while there is nothing better to do. When none can be made, none are kept."""
        try:
            self._stock.append(self._make(USUAL_MB))
        except OSError as error:
            log.error("/tmp will be charged to the functions' memory: %s", error)
            self.charged = True

    def drop(self, disk: Path) -> None:
        self._bin.put(disk)

    def close(self) -> None:
        """Stop unmounting: all that is still mounted goes with the agent's namespace, and much faster."""
        for worker in (*self._makers, self._bin):
            worker.close()

    # -- details

    def _keep_up(self) -> bool:
        if self.short:
            self.restock()
        return self.short

    def _make(self, megabytes: int) -> Path:
        path = self.place / f"{next(self._count):08x}"
        path.mkdir()
        try:
            if self.charged:
                mounts.mount("tmpfs", str(path), "tmpfs", f"size={megabytes}m,mode=0700")
            else:
                _mount_copy(self._template(megabytes), path)
        except OSError:
            os.rmdir(path)
            raise
        return path

    def _template(self, megabytes: int) -> Path:
        with self._formatting:
            if megabytes not in self._templates:
                path = self.place / f"{megabytes}.ext4"
                _format(path, self.place / "measure", megabytes)
                self._templates[megabytes] = path
            return self._templates[megabytes]


def can_loop() -> bool:
    return os.path.exists("/dev/loop-control") and os.access("/dev/loop-control", os.W_OK) and _mkfs() is not None


def _mkfs() -> str | None:
    return shutil.which("mkfs.ext4", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _format(image: Path, probe: Path, megabytes: int) -> None:
    """An empty file system that takes exactly `megabytes`: made, measured, and made anew until it is so."""
    wanted, blocks = megabytes * _MB // _BLOCK + _OWN_BLOCKS, 0
    short = wanted
    for _ in range(6):
        blocks += short
        _run_mkfs(image, blocks, megabytes * _INODES_PER_MB)
        short = wanted - _free_blocks(image, probe)
        if not short:
            return
    raise OSError(f"no ext4 image with exactly {megabytes} MB could be made")


def _run_mkfs(image: Path, blocks: int, inodes: int) -> None:
    program = _mkfs()
    if program is None:
        raise OSError("mkfs.ext4 is not installed")
    image.unlink(missing_ok=True)
    with open(image, "wb") as file:
        file.truncate(blocks * _BLOCK)
    features = "^has_journal,^resize_inode,^metadata_csum,uninit_bg"
    command = [program, "-q", "-F", "-b", str(_BLOCK), "-O", features, "-m", "0", "-N", str(inodes)]
    command += ["-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{program} failed: {done.stderr.strip()}")


def _free_blocks(image: Path, probe: Path) -> int:
    """Of the image, which loses its lost+found here, once for all copies: AWS's /tmp is empty."""
    probe.mkdir(exist_ok=True)
    file = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        _mount(file, probe)
    finally:
        os.close(file)
    try:
        os.rmdir(probe / "lost+found")
        mounts.make_read_only(str(probe))  # all is in the file by then, whoever else still has the mount
        return os.statvfs(probe).f_bavail
    finally:
        mounts.unmount(str(probe))


def _mount_copy(template: Path, target: Path) -> None:
    """Mount a copy of `template`; the copy's file is gone by the time this returns."""
    copy = target.with_suffix(".img")
    source = os.open(template, os.O_RDONLY | os.O_CLOEXEC)
    image = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _copy_data(source, image)
        _mount(image, target)
    finally:
        os.close(source)
        os.close(image)
        os.unlink(copy)


def _mount(image: int, target: Path) -> None:
    device, loop = _attach(image)
    try:
        mounts.mount(device, str(target), "ext4", _OPTIONS)
    finally:
        os.close(loop)


def _copy_data(source: int, target: int) -> None:
    """Copy what is not a hole: an empty file system of 10 GB has a few hundred kilobytes."""
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    at = 0
    while True:
        try:
            start = os.lseek(source, at, os.SEEK_DATA)
        except OSError:
            return  # no data beyond
        at = os.lseek(source, start, os.SEEK_HOLE)
        while start < at:
            start += os.copy_file_range(source, target, at - start, start, start)


def _attach(image: int) -> tuple[str, int]:
    """A loop device for `image`, and its descriptor: it lets go of the image when its last user is gone."""
    config = (
        struct.pack("=II", image, _BLOCK)
        + bytes(8 * 5)
        + struct.pack("=IIII", 0, 0, 0, _LO_FLAGS_AUTOCLEAR | _LO_FLAGS_DIRECT_IO)
    )
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(100):  # somebody else may be faster between the two calls
            device = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
            loop = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(loop, _LOOP_CONFIGURE, config.ljust(_LOOP_CONFIG_SIZE, b"\0"))
                return device, loop
            except OSError:
                os.close(loop)
    finally:
        os.close(control)
    raise OSError("no loop device could be had")


def _unmount(path: Path) -> None:
    try:
        mounts.unmount(str(path))
        os.rmdir(path)
    except OSError as error:
        log.warning("%s", error)


class _Worker:
    """A thread that calls `work`, when it is woken, until that says that there is no more."""

    def __init__(self, work: Callable[[], bool], name: str) -> None:
        self._work = work
        self._awake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._awake.set()

    def close(self) -> None:
        """Does not wait for long: what is under way goes with this process."""
        self._closing = True
        self._awake.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._closing:
            self._awake.wait()
            self._awake.clear()
            while not self._closing and self._work():
                pass


class _Bin(_Worker):
    """Unmounting waits 10 ms for the kernel, in which no cold start should stand."""

    def __init__(self) -> None:
        self._full: deque[Path] = deque()
        super().__init__(self._empty, "lambent-unmount")

    def put(self, path: Path) -> None:
        self._full.append(path)
        self.wake()

    def _empty(self) -> bool:
        if self._full:
            _unmount(self._full.popleft())
        return bool(self._full)
