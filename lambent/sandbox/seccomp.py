"""The seccomp filter of every sandbox: a BPF program that refuses what no function needs and escapes are made of.

A deny list, since functions bring arbitrary binaries: what could change namespaces, mounts, the kernel, or other
processes answers EPERM, clone3 answers ENOSYS so that libc falls back to clone, whose flags can be looked at. Calls
that are newer than this file answer ENOSYS too: a deny list cannot know them, and every libc can do without. Sockets
have an allow list: most families are not kept apart by network namespaces, or are seldom used and often broken.
Source: seccomp(2); the kernel's syscall tables; the idea of which calls, from Docker's documented default profile.
"""

import errno
import platform
import struct

_LD_W, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NR, _ARCH, _ARG0, _ARG2 = 0, 4, 16, 32  # offsets in struct seccomp_data; the lower halves of the arguments
_NEW_NAMESPACES = 0x7E020080  # CLONE_NEW{USER,PID,NET,UTS,IPC,CGROUP,NS,TIME}
_NEWEST = 462  # mseal, Linux 6.10
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
_AF_NETLINK, _NETLINK_ROUTE = 16, 0  # what getifaddrs asks; the other protocols configure the kernel
# ADDR_NO_RANDOMIZE, MMAP_PAGE_ZERO, ADDR_COMPAT_LAYOUT, READ_IMPLIES_EXEC: each takes a hardening away.
_WEAKER, _ASK = 0x00740000, 0xFFFFFFFF

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); -1 where the architecture has no such call
DENIED: dict[str, tuple[int, int]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "lsm_set_self_attr": (460, 460),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, -1),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, -1),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
# What a template of SnapStart may do besides, to make clones (guest/zygote/clones.py): name, argument, its only value.
_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_NEW_CGROUP = 0x02000000
_CLONE_FLAGS = 0x7E020000 | 17  # all of its namespaces at once, and SIGCHLD
_TEMPLATE: dict[str, tuple[int, int] | None] = {
    "mount": (3, _NOSUID_NODEV_NOEXEC),
    "move_mount": None,
    "unshare": (0, _NEW_CGROUP),
}
_CLONE, _CLONE3, _PERSONALITY = (56, 220), 435, (135, 92)
_SOCKETS = ((41, 198), (53, 199))  # socket, socketpair


def _statement(code: int, value: int) -> bytes:
    return struct.pack("HBBI", code, 0, 0, value)


def _jump(code: int, value: int, yes: int, no: int) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def _answer(number: int) -> bytes:
    return _statement(_RET, _ERRNO | number)


def _only_with(number: int, rule: tuple[int, int] | None, *, otherwise_refused: bool = True) -> list[bytes]:
    """Let a call pass that has this value in this argument, or refuse it; without a rule it passes in any case."""
    if rule is None:
        return [_jump(_JEQ, number, 0, 1), _statement(_RET, _ALLOW)]
    argument, value = rule
    end = _answer(errno.EPERM) if otherwise_refused else _statement(_LD_W, _NR)
    return [
        _jump(_JEQ, number, 0, 4),
        _statement(_LD_W, _ARG0 + 8 * argument),
        _jump(_JEQ, value, 0, 1),
        _statement(_RET, _ALLOW),
        end,
    ]


def program(machine: str = "", *, template: bool = False) -> bytes:
    """The filter as an array of struct sock_filter, for `machine` (default: this one); empty if it is unknown.

    A `template` may do what making clones of itself needs besides; its clones get the whole filter on top.
    """
    machine = machine or platform.machine()
    if machine not in _AUDIT_ARCH:
        return b""
    column = list(_AUDIT_ARCH).index(machine)
    head = [
        _statement(_LD_W, _ARCH),
        _jump(_JEQ, _AUDIT_ARCH[machine], 1, 0),
        _statement(_RET, _KILL),
        _statement(_LD_W, _NR),
        # The x32 table of x86_64, a way around every number below, begins far behind the newest call.
        _jump(_JGE, _NEWEST + 1, 0, 1),
        _answer(errno.ENOSYS),
        _jump(_JEQ, _CLONE3, 0, 1),
        _answer(errno.ENOSYS),
    ]
    body = _for_template(column) if template else []
    for numbers in DENIED.values():
        if numbers[column] >= 0:
            body += [_jump(_JEQ, numbers[column], 0, 1), _answer(errno.EPERM)]
    for sockets in _SOCKETS:
        body += _when(sockets[column], _judge_socket())
    body += _when(_PERSONALITY[column], _judge_flags(_WEAKER, but=_ASK))
    body += _when(_CLONE[column], _judge_flags(_NEW_NAMESPACES))
    return b"".join([*head, *body, _statement(_RET, _ALLOW)])


def _for_template(column: int) -> list[bytes]:
    rules = [_only_with(DENIED[name][column], rule) for name, rule in _TEMPLATE.items()]
    rules.append(_only_with(_CLONE[column], (0, _CLONE_FLAGS), otherwise_refused=False))
    return [each for rule in rules for each in rule]


def _when(number: int, block: list[bytes]) -> list[bytes]:
    """`block` for this call only. It returns on every path, since it loads something else than the number."""
    return [_jump(_JEQ, number, 0, len(block)), *block]


def _judge_flags(refused: int, *, but: int | None = None) -> list[bytes]:
    """EPERM where the first argument has one of these bits, unless it is exactly `but`."""
    exception = [] if but is None else [_jump(_JEQ, but, 2, 0)]
    flags = [_jump(_JSET, refused, 0, 1), _answer(errno.EPERM), _statement(_RET, _ALLOW)]
    return [_statement(_LD_W, _ARG0), *exception, *flags]


def _judge_socket() -> list[bytes]:
    """The families of _FAMILIES, and of netlink what getifaddrs needs."""
    netlink = [
        _jump(_JEQ, _AF_NETLINK, 1, 0),
        _answer(errno.EAFNOSUPPORT),
        _statement(_LD_W, _ARG2),
        _jump(_JEQ, _NETLINK_ROUTE, 1, 0),
        _answer(errno.EPROTONOSUPPORT),
    ]
    families = [_jump(_JEQ, each, len(netlink) + left, 0) for left, each in zip((2, 1, 0), _FAMILIES, strict=True)]
    return [_statement(_LD_W, _ARG0), *families, *netlink, _statement(_RET, _ALLOW)]
