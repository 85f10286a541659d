"""Makes husks by lambent/sandbox/birth.c, where that was compiled and this interpreter's C library can run it."""

import ctypes
import json
import os

import husk

LIBRARY = "/.lambent/birth.so"


class Run(ctypes.Structure):
    """Of pages, as in birth.c."""

    _fields_ = [("address", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Born(ctypes.Structure):
    """What a runtime is given, as in birth.c."""

    _fields_ = [
        ("count", ctypes.c_int), ("fds", ctypes.c_int * 4), ("size", ctypes.c_int), ("text", ctypes.c_void_p),
    ]  # fmt: skip


def load(inside):
    """The library; None where husks are made without it. `inside`: sandboxes have namespaces."""
    if not inside or not os.path.exists(LIBRARY) or not os.path.exists(husk.INIT):
        return None
    try:
        library = ctypes.PyDLL(LIBRARY)  # keeps hold of the GIL, as a fork must
    except OSError:
        return None  # of another C library than this interpreter's
    return library if library.possible() else None


def serve(library, control):
    """Obey the agent until it goes. Returns in the runtimes only, which have what they need: (order, descriptors)."""
    born, runs = Born(), (Run * len(husk.NEEDED))(*husk.NEEDED)
    library.serve(control, runs, len(runs), ctypes.byref(born))
    return json.loads(ctypes.string_at(born.text, born.size).decode()), born.fds[: born.count]
