"""Copies what init has left in /tmp: each clone of a template begins with files of its own. Standard library only."""

import os
import stat


def copy(source, target):
    """Everything below the open directory `source` into `target`: files, directories, links, with modes and times."""
    for name in os.listdir(source):
        found = os.lstat(name, dir_fd=source)
        path = os.path.join(target, name)
        if stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), path)
        elif stat.S_ISDIR(found.st_mode):
            os.mkdir(path, 0o700)
            copy_directory(source, name, path)
            adorn(path, found)
        elif stat.S_ISREG(found.st_mode):
            copy_file(source, name, path)
            adorn(path, found)
        # Sockets, pipes and devices mean nothing without the processes that made them.


def copy_directory(source, name, path):
    inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=source)
    try:
        copy(inside, path)
    finally:
        os.close(inside)


def copy_file(source, name, path):
    """The data of a file, but not its holes."""
    reader = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source)
    writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.ftruncate(writer, os.fstat(reader).st_size)
        at = 0
        while True:
            try:
                start = os.lseek(reader, at, os.SEEK_DATA)
            except OSError:
                break  # no data beyond
            at = os.lseek(reader, start, os.SEEK_HOLE)
            os.lseek(writer, start, os.SEEK_SET)
            while start < at:
                start += os.sendfile(writer, reader, start, at - start)
    finally:
        os.close(reader)
        os.close(writer)


def adorn(path, found):
    os.chmod(path, stat.S_IMODE(found.st_mode))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
