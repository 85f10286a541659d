"""What the layers of an image are together: computed in memory from their indices, then laid out with hard links.

Links are followed here as the kernel would follow them inside the image, whose root nothing leaves. Once the tree is
known, every path in it is made of real directories, so writing it out follows no link at all.

Source: opencontainers/image-spec layer.md (changesets, whiteouts).
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from lambent.errors import ImageRefused
from lambent.store.image_layers import Entry, content

NODES = 400_000
MOST_LINKS = 40  # followed for one path, as in Linux
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
# What the sandbox mounts over, whatever the image has there; links in these places could lead the mount elsewhere.
DIRECTORIES = ("proc", "dev", "sys", "tmp", "etc", "mnt")
FILES = ("etc/resolv.conf", "etc/hosts")


class File(msgspec.Struct, frozen=True):
    """A regular file: where its contents are."""

    source: str


class Link(msgspec.Struct, frozen=True):
    """A symbolic link."""

    target: str


class Directory(dict[str, "Node"]):
    """A directory, by name."""


Node = File | Link | Directory


class Tree:
    """The file system of an image while it is computed."""

    def __init__(self) -> None:
        self.root = Directory()
        self._nodes = 0

    def apply(self, entries: Sequence[Entry], contents: str) -> None:
        """Put one layer on top of what is there. Raises ImageRefused.

        Whiteouts first: they hide what lower layers have, never what their own layer has.
        """
        for entry in entries:
            if entry.path[-1].startswith(_WHITEOUT):
                self._hide(entry.path)
        for entry in entries:
            if not entry.path[-1].startswith(_WHITEOUT):
                self._put(entry, contents)

    def reserve(self) -> None:
        """See to it that the places are there that every sandbox mounts over."""
        for name in DIRECTORIES:
            if not isinstance(self.root.get(name), Directory):
                self.root[name] = Directory()
        etc = self.root["etc"]
        assert isinstance(etc, Directory)
        for path in FILES:
            etc[path.rpartition("/")[2]] = File("")

    def files(self, path: Sequence[str]) -> list[str]:
        """The names in a directory that are no directories; links on the way are followed inside the root."""
        directory = self._directory(path, make=False) or Directory()
        return sorted(name for name, node in directory.items() if not isinstance(node, Directory))

    def _hide(self, path: tuple[str, ...]) -> None:
        parent = self._directory(path[:-1], make=False)
        if parent is None:
            return
        if path[-1] == _OPAQUE:
            parent.clear()
        elif not path[-1].startswith(_WHITEOUT * 2):  # others of that form are the bookkeeping of old drivers
            parent.pop(path[-1].removeprefix(_WHITEOUT), None)

    def _put(self, entry: Entry, contents: str) -> None:
        parent = self._directory(entry.path[:-1], make=True)
        if parent is None:
            raise ImageRefused(f"{'/'.join(entry.path)!r} lies below something that is not a directory")
        name = entry.path[-1]
        if entry.same_as is not None:
            parent[name] = self._same(entry)
        elif entry.link is not None:
            parent[name] = Link(entry.link)
        elif entry.file >= 0:
            parent[name] = File(content(contents, entry.file))
        elif not isinstance(parent.get(name), Directory):
            parent[name] = Directory()
        self._count()

    def _same(self, entry: Entry) -> Node:
        """What a hard link is another name of: never a directory."""
        assert entry.same_as is not None
        parent = self._directory(entry.same_as[:-1], make=False) if entry.same_as else None
        node = parent.get(entry.same_as[-1]) if parent is not None else None
        if node is None or isinstance(node, Directory):
            raise ImageRefused(f"the hard link {'/'.join(entry.path)!r} leads to nothing that could be linked")
        return node

    def _directory(self, path: Sequence[str], *, make: bool) -> Directory | None:
        """The directory at a path, links followed inside the root; None if it is something else, or not there."""
        stack = [self.root]
        todo = list(reversed(path))
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                stack = stack[:-1] or stack
                continue
            node = stack[-1].get(part)
            if isinstance(node, Link):
                links += 1
                if links > MOST_LINKS:
                    return None
                stack = [self.root] if node.target.startswith("/") else stack
                todo.extend(reversed(node.target.split("/")))
                continue
            if node is None and make:
                node = stack[-1][part] = Directory()
                self._count()
            if not isinstance(node, Directory):
                return None
            stack.append(node)
        return stack[-1]

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > NODES:
            raise ImageRefused(f"the image has more than {NODES} files")


def lay_out(tree: Directory, root: Path) -> None:
    """Write a tree below the empty directory `root`; contents are shared with the layers, not copied."""
    for path, node in _walk(tree, str(root)):
        if isinstance(node, Directory):
            os.mkdir(path)
            os.chmod(path, 0o755)
        elif isinstance(node, Link):
            os.symlink(node.target, path)
        elif node.source:
            _link(node.source, path)
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
            os.chmod(path, 0o644)


def _walk(tree: Directory, base: str) -> Iterator[tuple[str, Node]]:
    """Every path and node, parents first."""
    todo = [(base, tree)]
    while todo:
        where, directory = todo.pop()
        for name, node in directory.items():
            path = f"{where}/{name}"
            yield path, node
            if isinstance(node, Directory):
                todo.append((path, node))


def _link(source: str, path: str) -> None:
    """A hard link, or a copy where the file system has no more of them (or none at all)."""
    try:
        os.link(source, path)
    except OSError as error:
        if error.errno not in (errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV):
            raise
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        shutil.copy2(source, path)
