"""SnapStart: what happens in a template between init and its clones, and in a clone before its first invocation.

Source: "Lambda SnapStart runtime hooks for Python", AWS Lambda Developer Guide: exit codes 64 and 65.
"""

import gc
import os
import random
import sys
import threading
import time

from . import renewal
from .errors import Fault, describe

HOOKS = "snapshot_restore_py"  # AWS's package; a copy of the function's own is as good
PATIENCE_S = 2.0  # for threads and processes that init has started to come to their end
REFUSED = "Lambent.SnapshotRefused"


def take(environment, park):
    """Run the hooks before, wait for clones to be made, and in each of them renew what must not be shared.

    Returns in clones only, when the hooks after have run.
    """
    try:
        for function, args, kwargs in reversed(hooks("get_before_snapshot")):
            function(*args, **kwargs)
    except Exception as error:
        raise environment.refusal(describe(error), "Runtime.BeforeSnapshotError", 64)
    try:
        be_alone()
    except Fault as fault:
        raise environment.refusal(describe(fault))
    gc.collect()
    gc.freeze()  # or the first collection in each clone would copy every page
    environment.ready()
    environment.wake(park())
    renew(environment)
    environment.rehearse()
    environment.rename()
    restored(environment)


def restored(environment):
    try:
        for function, args, kwargs in list(hooks("get_after_restore")):
            function(*args, **kwargs)
    except Exception as error:
        raise environment.refusal(describe(error), "Runtime.AfterRestoreError", 65)


def hooks(getter):
    """What the function has registered, if it has imported the package at all."""
    registered = getattr(sys.modules.get(HOOKS), getter, None)
    return registered() if registered else []


def renew(environment):
    """Clones are copies: nothing that is drawn, opened or shared in memory may be the same in two of them."""
    renewal.descriptors(environment.descriptors())
    renewal.shared_memory()
    random.seed()
    ssl, numpy, uuid = (sys.modules.get(name) for name in ("ssl", "numpy", "uuid"))
    if ssl is not None:
        ssl.RAND_add(os.urandom(64), 64.0)
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed()
    if uuid is not None:
        uuid._last_timestamp = None


def be_alone():
    """A copy has one thread and one process: raise Fault, which names them, if others stay for long."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        threads, processes = other_threads(), other_processes()
        if not threads and not processes:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    raise Fault(
        REFUSED,
        "SnapStart of Lambent copies a process of one thread, but init has left running: {}. End them before the "
        "snapshot (register_before_snapshot) and start them again after it (register_after_restore).".format(
            ", ".join(["thread " + name for name in threads] + ["process " + name for name in processes])
        ),
    )


def other_threads():
    known = {thread.native_id: thread.name for thread in threading.enumerate()}
    others = [int(task) for task in os.listdir("/proc/self/task") if int(task) != os.getpid()]
    return sorted(known.get(task) or _comm(task) for task in others)


def other_processes():
    """Of this pid namespace, but for pid 1 and those that have ended."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return sorted(_comm(pid) for pid in pids if pid not in (1, os.getpid()) and _state(pid) not in ("Z", "X", ""))


def _comm(pid):
    try:
        with open("/proc/{}/comm".format(pid)) as file:
            return file.read().strip()
    except OSError:
        return str(pid)


def _state(pid):
    try:
        with open("/proc/{}/stat".format(pid)) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""
