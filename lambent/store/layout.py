"""What an uploaded zip will become on disk: decided before anything is written, from names and modes alone.

The plan is a map from paths inside the package to nodes. Whatever a zip says, a plan holds these: no path is absolute
or contains "..", every parent of a node is a directory, no link leads outside, there are no special files.
"""

import stat
import zipfile
from collections.abc import Callable

import msgspec

from lambent.errors import InvalidParameterValue

NODES = 200_000  # files, links and directories that a package may have, implied directories included
PATH_BYTES = 3_072  # Linux takes 4,096, of which the store and the sandbox need some for themselves
NAME_BYTES = 255
DEPTH = 100  # directories within directories; without this bound a small zip could make a plan of gigabytes
TARGET_BYTES = 4_095

BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."

Path = tuple[str, ...]


class File(msgspec.Struct, frozen=True):
    """A regular file, whose bytes are those of the entry."""

    entry: zipfile.ZipInfo
    executable: bool


class Link(msgspec.Struct, frozen=True):
    """A symbolic link that stays inside the package."""

    target: str


class Directory(msgspec.Struct, frozen=True):
    """A directory, with an entry of its own or implied by what is in it."""


Plan = dict[Path, File | Link | Directory]


def refuse(why: str = "") -> InvalidParameterValue:
    """AWS's one sentence for any bad zip; in brackets what AWS does not say."""
    return InvalidParameterValue(f"{BAD_ZIP} ({why})" if why else BAD_ZIP)


def plan(entries: list[zipfile.ZipInfo], target_of: Callable[[zipfile.ZipInfo], str]) -> Plan:
    """The plan for these entries; of two with the same name the later wins. `target_of` reads where a link leads.

    Raises InvalidParameterValue, which names the entry that cannot be accepted.
    """
    nodes: Plan = {}
    for entry in entries:
        path = path_of(entry)
        if path:
            _check_entry(entry)
            _put(nodes, path, _node(entry, target_of))
        if len(nodes) > NODES:
            raise refuse(f"it has more than {NODES} files and directories")
    for path, node in nodes.items():
        if isinstance(node, Link):
            _check_link(nodes, path, node.target)
    return nodes


def path_of(entry: zipfile.ZipInfo) -> Path:
    """The parts of an entry's name; empty for the root itself ("./")."""
    name = entry.filename
    if "\0" in entry.orig_filename:
        raise refuse(f"the name {entry.orig_filename!r} contains a NUL")
    if name.startswith("/"):
        raise refuse(f"{name!r} is an absolute name")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise refuse(f"{name!r} leads out of the package")
    if len(parts) > DEPTH or _bytes(name) > PATH_BYTES or any(_bytes(part) > NAME_BYTES for part in parts):
        raise refuse(f"{name[:80]!r}… is too long or too deep a name")
    return parts


def _bytes(name: str) -> int:
    try:
        return len(name.encode())
    except UnicodeEncodeError:
        raise refuse(f"{name!r} is not a name that can be written as UTF-8") from None


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & 0x1:
        raise refuse(f"{entry.filename!r} is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refuse(f"{entry.filename!r} is compressed by another method than deflate")


def _node(entry: zipfile.ZipInfo, target_of: Callable[[zipfile.ZipInfo], str]) -> File | Link | Directory:
    """What kind of thing an entry is, by its Unix mode; without one (made on Windows) by its name."""
    mode = entry.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFDIR or (kind in (0, stat.S_IFREG) and entry.filename.endswith("/")):
        return Directory()
    if kind == stat.S_IFLNK:
        return Link(target_of(entry))
    if kind in (0, stat.S_IFREG):
        return File(entry, bool(mode & 0o111))
    raise refuse(f"{entry.filename!r} is neither a file nor a directory nor a link")


def _put(nodes: Plan, path: Path, node: File | Link | Directory) -> None:
    """Add a node and the directories that it implies."""
    for depth in range(len(path) - 1, 0, -1):
        parent = nodes.get(path[:depth])
        if isinstance(parent, Directory):
            break  # then what is above it is there, too
        if parent is not None:
            raise refuse(f"{'/'.join(path)!r} lies below something that is not a directory")
        nodes[path[:depth]] = Directory()
    former = nodes.get(path)
    if former is not None and isinstance(former, Directory) != isinstance(node, Directory):
        raise refuse(f"{'/'.join(path)!r} is a directory and something else at once")
    nodes[path] = node


def _check_link(nodes: Plan, path: Path, target: str) -> None:
    """Refuse a link that may leave the package.

    Going up is exact only from real directories: behind another link, ".." is the parent of where that one leads. So
    ".." after a link is refused; each link then stays inside if all others do.
    """
    where = f"the link {'/'.join(path)!r} to {target!r}"
    if not target or target.startswith("/") or "\0" in target:
        raise refuse(f"{where} is absolute or leads nowhere")
    at, behind_link = path[:-1], False
    for part in target.split("/"):
        if part == "..":
            if behind_link or not at:
                raise refuse(f"{where} leads out of the package")
            at = at[:-1]
        elif part not in ("", "."):
            at = (*at, part)
            behind_link = behind_link or isinstance(nodes.get(at), Link)
