"""Open files and shared memory that a clone has in common with its template, made its own.

After a fork both refer to the same open file: a position, a socket or an event queue of one would be that of all.
Connections do not survive, as on AWS: whoever uses one finds it closed and connects again.
Left as they are: terminals and devices, and what few functions have: timers, inotify, signal descriptors.
"""

import fcntl
import os
import select
import socket
import stat
import tempfile

_KEEP = ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC)
_PROT = {"r": 1, "w": 2, "x": 4}
_MAP_SHARED, _MAP_FIXED, _MAP_ANONYMOUS = 0x01, 0x10, 0x20


def descriptors(ours):
    """Renew every open descriptor but `ours`. Event queues come last, since they watch the others."""
    found = {int(name): None for name in os.listdir("/proc/self/fd")}
    kinds = {}
    for fd in found:
        try:
            kinds[fd] = os.fstat(fd)
        except OSError:
            continue  # the one that read the list
    theirs = {fd: about for fd, about in kinds.items() if fd not in ours}
    queues = {fd: _watched(fd) for fd in theirs if _link(fd) == "anon_inode:[eventpoll]"}
    _renew_pipes({fd: about for fd, about in theirs.items() if stat.S_ISFIFO(about.st_mode)})
    _renew_sockets({fd: about for fd, about in theirs.items() if stat.S_ISSOCK(about.st_mode)})
    for fd, about in theirs.items():
        if stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode):
            _renew_file(fd)
        elif _link(fd) == "anon_inode:[eventfd]":
            _replace(fd, os.eventfd(0, fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK))
    for fd, watched in queues.items():
        _renew_queue(fd, watched)


def _link(fd):
    return os.readlink("/proc/self/fd/{}".format(fd))


def _replace(fd, new):
    """Put `new` where `fd` was, which keeps its flags."""
    flags, mode = fcntl.fcntl(fd, fcntl.F_GETFD), fcntl.fcntl(fd, fcntl.F_GETFL)
    os.dup2(new, fd, inheritable=False)
    os.close(new)
    fcntl.fcntl(fd, fcntl.F_SETFD, flags)
    fcntl.fcntl(fd, fcntl.F_SETFL, mode)


def _renew_file(fd):
    """The same file, at the same position; for one in /tmp the copy that this clone has, deleted ones included."""
    path, flags = _link(fd), fcntl.fcntl(fd, fcntl.F_GETFL) & _KEEP
    at = None if flags & os.O_DIRECTORY or stat.S_ISDIR(os.fstat(fd).st_mode) else os.lseek(fd, 0, os.SEEK_CUR)
    try:
        if path.endswith(" (deleted)"):
            new = _copied(fd, flags)
        elif path.startswith("/tmp/"):
            new = os.open(path, flags)
        else:
            new = os.open("/proc/self/fd/{}".format(fd), flags)
    except OSError:
        return  # not to be opened again, by this user: what cannot be renewed stays
    if at is not None:
        os.lseek(new, at, os.SEEK_SET)
    _replace(fd, new)


def _copied(fd, flags):
    """A file without a name with the contents of this one."""
    with tempfile.TemporaryFile(dir="/tmp") as file:
        size, at = os.fstat(fd).st_size, 0
        while at < size:
            at += os.sendfile(file.fileno(), fd, at, size - at) or size
        return os.open("/proc/self/fd/{}".format(file.fileno()), flags & ~os.O_DIRECTORY)


def _renew_pipes(pipes):
    """A pipe with both ends in this process is a pipe again, but empty; of others the far end is gone."""
    ends = {}
    for fd, about in pipes.items():
        ends.setdefault(about.st_ino, []).append(fd)
    for fds in ends.values():
        reader, writer = os.pipe()
        modes = {fd: fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE for fd in fds}
        for fd in fds:
            _replace(fd, os.dup(reader if modes[fd] == os.O_RDONLY else writer))
        os.close(reader)
        os.close(writer)


def _renew_sockets(sockets):
    same = {}
    for fd, about in sockets.items():
        same.setdefault(about.st_ino, []).append(fd)
    pairs = {}
    for number, fds in same.items():
        with socket.socket(fileno=os.dup(fds[0])) as old:
            pairs[number] = old.family == socket.AF_UNIX and _is_nameless_pair(old)
            new = None if pairs[number] else _fresh(old)
        if new is not None:
            for fd in fds:
                _replace(fd, os.dup(new.fileno()))
            new.close()
    _renew_pairs({number: same[number] for number, pair in pairs.items() if pair})


def _is_nameless_pair(sock):
    try:
        return not sock.getsockname() and not sock.getpeername()
    except OSError:
        return False


def _fresh(old):
    """A socket like it in this clone's network; one that only names where its packets go names it again."""
    new = socket.socket(old.family, old.type, old.proto)
    if old.type == socket.SOCK_DGRAM:
        try:
            new.connect(old.getpeername())
        except OSError:
            pass  # it was not connected, or there is no way there from here
    return new


def _renew_pairs(pairs):
    """The two ends of a pair are made one after the other, hence have neighbouring numbers. A lone end is hung up."""
    left = dict(pairs)
    for number in sorted(pairs):
        if number not in left:
            continue
        mine, other = left.pop(number), left.pop(number + 1, [])
        with socket.socket(fileno=os.dup(mine[0])) as old:
            near, far = socket.socketpair(socket.AF_UNIX, old.type)
        for fds, end in ((mine, near), (other, far)):
            for fd in fds:
                _replace(fd, os.dup(end.fileno()))
            end.close()


def _watched(fd):
    """What an event queue watches: (descriptor, events). Source: proc_pid_fdinfo(5)."""
    with open("/proc/self/fdinfo/{}".format(fd)) as file:
        lines = [line.split() for line in file if line.startswith("tfd:")]
    return [(int(words[1]), int(words[3], 16)) for words in lines]


def _renew_queue(fd, watched):
    queue = select.epoll()
    for each, events in watched:
        try:
            queue.register(each, events)
        except OSError:
            pass  # closed meanwhile
    _replace(fd, os.dup(queue.fileno()))
    queue.close()


def shared_memory():
    """Writable memory that is shared across forks (mmap, multiprocessing), given contents of its own."""
    with open("/proc/self/maps") as file:
        places = [line.split()[:2] for line in file if line.split()[1][1] == "w" and line.split()[1][3] == "s"]
    if not places:
        return
    import ctypes

    mmap = ctypes.CDLL(None, use_errno=True).mmap
    mmap.restype = ctypes.c_void_p
    mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    for place, rights in places:
        start, end = (int(text, 16) for text in place.split("-"))
        _copy_in_place(ctypes, mmap, start, end - start, sum(_PROT.get(right, 0) for right in rights[:3]))


def _copy_in_place(ctypes, mmap, start, size, protection):
    contents = ctypes.string_at(start, size)
    flags = _MAP_SHARED | _MAP_FIXED | _MAP_ANONYMOUS
    if mmap(start, size, protection, flags, -1, 0) == start:
        ctypes.memmove(start, contents, size)
