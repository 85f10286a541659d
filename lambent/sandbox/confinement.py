"""The sandboxes' seccomp filter for this process itself, which then can do no more with the kernel than a function."""

import ctypes
import os
import struct

from lambent.errors import SandboxError
from lambent.sandbox import seccomp

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


def confine() -> None:
    """Load the filter for good. Needs no_new_privs; call while there is one thread. Raises SandboxError."""
    program = seccomp.program()
    if not program:
        return  # a machine that the filter does not know, and that is announced to have no isolation
    buffer = ctypes.create_string_buffer(program, len(program))
    holder = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_ulong(ctypes.addressof(holder)), 0, 0):
        raise SandboxError(f"the front end cannot be confined: {os.strerror(ctypes.get_errno())}")
