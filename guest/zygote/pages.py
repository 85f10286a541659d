"""Which memory a zygote's runtimes write to until they have answered once: learned from one, and given to each.

After a fork a page is copied when it is first written. A runtime that has its pages copied all at once, while it is
parked, pays less for each of them, and nothing in its cold start. Source: proc_pid_pagemap(5), madvise(2).
"""

import ctypes
import mmap
import os
import struct

PAGE = os.sysconf("SC_PAGE_SIZE")
PRESENT, OF_FILE, EXCLUSIVE = 1 << 63, 1 << 61, 1 << 56
MADV_POPULATE_WRITE = 23  # Linux 5.14


def possible():
    """Has this kernel the call?"""
    sample = mmap.mmap(-1, PAGE)  # given back at the end of the process that asks
    return _libc.madvise(ctypes.addressof(ctypes.c_char.from_buffer(sample)), PAGE, MADV_POPULATE_WRITE) == 0


def provide(runs):
    """Have the pages of these (address, bytes). What the kernel refuses comes when it is written, as ever."""
    madvise = _libc.madvise
    for address, size in runs:
        madvise(address, size, MADV_POPULATE_WRITE)


def own(pid, places):
    """Runs of pages, as (address, bytes), that process `pid` shares with nobody, in `places` (of `mapped`)."""
    runs = []
    with open("/proc/{}/pagemap".format(pid), "rb", 0) as file:
        for start, end in places:
            file.seek(start // PAGE * 8)
            data = file.read((end - start) // PAGE * 8)
            for number, (entry,) in enumerate(struct.iter_unpack("Q", data)):
                if entry & PRESENT and entry & EXCLUSIVE and not entry & OF_FILE:
                    add(runs, start + number * PAGE)
    return runs


def add(runs, address):
    """Put a page behind those that there are."""
    if runs and sum(runs[-1]) == address:
        runs[-1] = runs[-1][0], runs[-1][1] + PAGE
    else:
        runs.append((address, PAGE))


def mapped():
    """(start, end) of this process's private memory that can be written."""
    places = []
    with open("/proc/self/maps") as file:
        for line in file:
            place, rights = line.split()[:2]
            if rights[:2] == "rw" and rights[3] == "p":
                start, _, end = place.partition("-")
                places.append((int(start, 16), int(end, 16)))
    return places


_libc = ctypes.CDLL(None)
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
