"""The seccomp filter of every sandbox: a BPF program that refuses what no function needs and escapes are made of.

A deny list, since functions bring arbitrary binaries: what could change namespaces, mounts, the kernel, or other
processes answers EPERM, clone3 answers ENOSYS so that libc falls back to clone, whose flags can be looked at.
Source: seccomp(2); the kernel's syscall tables; the idea of which calls, from Docker's documented default profile.
"""

import errno
import platform
import struct

_LD_W, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NR, _ARCH, _ARG0 = 0, 4, 16  # offsets in struct seccomp_data
_NEW_NAMESPACES = 0x7E020080  # CLONE_NEW{USER,PID,NET,UTS,IPC,CGROUP,NS,TIME}
_X32 = 0x40000000

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
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "set_mempolicy": (238, 237),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
_CLONE = (56, 220)
_CLONE3 = 435


def _statement(code: int, value: int) -> bytes:
    return struct.pack("HBBI", code, 0, 0, value)


def _jump(code: int, value: int, yes: int, no: int) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def program(machine: str = "") -> bytes:
    """The filter as an array of struct sock_filter, for `machine` (default: this one); empty if it is unknown."""
    machine = machine or platform.machine()
    if machine not in _AUDIT_ARCH:
        return b""
    column = list(_AUDIT_ARCH).index(machine)
    refuse = _statement(_RET, _ERRNO | errno.EPERM)
    head = [
        _statement(_LD_W, _ARCH),
        _jump(_JEQ, _AUDIT_ARCH[machine], 1, 0),
        _statement(_RET, _KILL),
        _statement(_LD_W, _NR),
    ]
    if machine == "x86_64":  # the x32 table would be a way around every number below
        head += [_jump(_JGE, _X32, 0, 1), _statement(_RET, _ERRNO | errno.ENOSYS)]
    head += [_jump(_JEQ, _CLONE3, 0, 1), _statement(_RET, _ERRNO | errno.ENOSYS)]
    body: list[bytes] = []
    for numbers in DENIED.values():
        if numbers[column] >= 0:
            body += [_jump(_JEQ, numbers[column], 0, 1), refuse]
    tail = [
        _jump(_JEQ, _CLONE[column], 0, 3),
        _statement(_LD_W, _ARG0),
        _jump(_JSET, _NEW_NAMESPACES, 0, 1),
        refuse,
        _statement(_RET, _ALLOW),
    ]
    return b"".join(head + body + tail)
