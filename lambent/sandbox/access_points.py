"""Directories of this machine that stand for access points of EFS and S3 Files, as mounts to be moved inside.

Which there are the agent is told when it starts, by the operator; orders only name them, since who gives orders reads
what strangers send. Where it can be had the mount is ID-mapped: inside, the sandbox's own user owns what the owner of
the directory owns outside, and what it makes is that owner's. That is what the POSIX user of an access point does.
"""

import contextlib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lambent.errors import MountFailure
from lambent.sandbox import mounts

VARIABLE = "LAMBENT_FILE_SYSTEMS"  # how the agent is told: the setting's text
_PLACE = re.compile(r"/mnt/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,150}")

log = logging.getLogger("lambent.agent")


class AccessPoints:
    """`directories` are those that stand for access points, by ARN. Nothing is mounted before somebody asks."""

    def __init__(self, directories: Mapping[str, str], place: Path, *, mapped: bool) -> None:
        """`place` is for directories of our own; `mapped` says that each sandbox has a user to map mounts to."""
        self._directories = dict(directories)
        self._place = place
        self._mapped = mapped

    def check(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Raises MountFailure for what `fetch` could not give. `wanted`: (ARN, path inside) of each."""
        for arn, path in wanted:
            os.close(self._opened(arn, path)[0])

    def _opened(self, arn: str, path: str) -> tuple[int, tuple[int, int]]:
        """A descriptor of the directory, for the caller to close, and its owner. Raises MountFailure."""
        directory = self._directories.get(arn)
        if directory is None or not _PLACE.fullmatch(path):
            raise _failure(f"no directory stands for {arn} any more")
        try:
            handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise _failure(f"{directory}: {error.strerror}") from error
        found = os.fstat(handle)
        if self._mapped and found.st_uid == 0:  # a function could make programs that run as root there
            os.close(handle)
            raise _failure(f"{directory} belongs to root; give it to another user")
        return handle, (found.st_uid, found.st_gid)

    def fetch(self, wanted: Sequence[tuple[str, str]], uid: int) -> dict[str, int]:
        """Detached mounts by their places inside, in the order in which they are to be attached, for the sandbox user
        `uid`; the caller closes them. Raises OSError, MountFailure.
        """
        trees: dict[str, int] = {}
        try:
            for arn, path in wanted:
                handle, owner = self._opened(arn, path)
                try:
                    trees["/mnt"] = mounts.detached(str(self._empty(path)))  # in which is the place for the next
                    trees[path] = self._mounted(handle, owner, uid)
                finally:
                    os.close(handle)
        except (OSError, MountFailure):
            for tree in trees.values():
                os.close(tree)
            raise
        return trees

    def _empty(self, path: str) -> Path:
        """A directory with nothing but an empty one of that name in it."""
        name = path.rpartition("/")[2]
        home = self._place / name
        (home / name).mkdir(parents=True, exist_ok=True)
        for each in (home, home / name):
            each.chmod(0o755)
        return home

    def _mounted(self, handle: int, owner: tuple[int, int], uid: int) -> int:
        """By the descriptor, so that it is the directory that was looked at."""
        place = f"/proc/self/fd/{handle}"
        if self._mapped:
            with contextlib.suppress(OSError):  # a file system that cannot do it, an old kernel
                return mounts.mapped(place, owner, uid)
            log.warning("%s cannot be ID-mapped: functions use it as users of their own", os.readlink(place))
        return mounts.detached(place, writable=True)


def _failure(why: str) -> MountFailure:
    return MountFailure(f"{MountFailure.__doc__} ({why}.)")
