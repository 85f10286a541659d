"""Runs every attempt inside one function and says what came of each. Deployed with the attempts; imports no platform.

An attempt is refused when it raises OSError, is killed by the kernel, or finds nothing; what it returns is its booty.
"""

import ctypes
import errno
import json
import os
import platform
import select
import signal
import sys

PATIENCE_S = 20
TABLE = {}  # sentence: Attempt, in the order of definition
_libc = ctypes.CDLL(None, use_errno=True)

# Calls that came before the architectures' numbers were unified: (x86_64, aarch64); the others have one number.
_NUMBERS = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "capset": (126, 91),
    "chroot": (161, 51), "clock_settime": (227, 112), "clone": (56, 220), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "finit_module": (313, 273), "init_module": (175, 105), "kcmp": (312, 272),
    "kexec_load": (246, 104), "keyctl": (250, 219), "mount": (165, 40), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "perf_event_open": (298, 241), "personality": (135, 92), "pivot_root": (155, 41),
    "prctl": (157, 167), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "quotactl": (179, 60), "reboot": (169, 142), "request_key": (249, 218), "sched_setscheduler": (144, 119),
    "seccomp": (317, 277), "setdomainname": (171, 162), "sethostname": (170, 161), "setns": (308, 268),
    "settimeofday": (164, 170), "shmget": (29, 194), "swapon": (167, 224), "swapoff": (168, 225), "syslog": (103, 116),
    "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282), "vhangup": (153, 58), "clone3": (435, 435),
    "io_uring_setup": (425, 425), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsmount": (432, 432), "fspick": (433, 433), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442), "open_tree_attr": (467, 467),
}  # fmt: skip
_COLUMN = 1 if platform.machine() == "aarch64" else 0


class Attempt:
    """One way out. `refusals` are the answers that stop it; `beyond` names the isolation that does not."""

    def __init__(self, sentence, run, refusals, beyond):
        self.sentence = sentence
        self.run = run
        self.refusals = frozenset(refusals)
        self.beyond = beyond


def attempt(sentence, *refusals, beyond=()):
    """Enter a function of the host's facts into the table."""

    def enter(run):
        assert sentence not in TABLE, sentence
        TABLE[sentence] = Attempt(sentence, run, refusals or ("nothing",), beyond)
        return run

    return enter


def system(name, *arguments):
    """A system call by name: integers and bytes as they are. Raises OSError."""
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = _libc.syscall(ctypes.c_long(_NUMBERS[name][_COLUMN]), *given)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def handler(event, context):
    """The function: {sentence: [outcome, detail]}, where outcome is "done" or the name of the refusal."""
    return {name: alone(each.run, event) for name, each in TABLE.items() if name not in event["skip"]}


def alone(run, host):
    """Run one attempt in a child process, which may be killed, hang, or ruin itself."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            os.write(write, json.dumps(outcome(run, host)).encode()[:4000])
        finally:
            os._exit(0)
    os.close(write)
    said = os.read(read, 4096) if select.select([read], [], [], PATIENCE_S)[0] else b'["hung", ""]'
    os.close(read)
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass  # it became somebody else: the attempt has told
    status = os.waitpid(pid, 0)[1]
    return json.loads(said) if said else [signal.Signals(os.WTERMSIG(status)).name, ""]


def outcome(run, host):
    try:
        booty = run(host)
    except OSError as error:
        return [errno.errorcode.get(error.errno, "OSError"), str(error)[:300]]
    except BaseException as error:
        return ["mistake", f"{type(error).__name__}: {error}, line {sys.exc_info()[2].tb_next.tb_lineno}"]
    return ["nothing", ""] if booty in (None, False, [], {}, b"", "") else ["done", repr(booty)[:300]]
