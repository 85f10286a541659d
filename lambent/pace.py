"""Work in a thread that lets others have their turn."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

WORK_S = 0.0005
REST_S = 0.0001

T = TypeVar("T")


def paced(items: Iterable[T]) -> Iterator[T]:
    """The same, with rests: a thread that only computes holds Python's lock, for which every call would wait then."""
    began = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - began > WORK_S:
            time.sleep(REST_S)
            began = time.perf_counter()
