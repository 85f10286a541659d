"""How much is written at once: so many changes, and so many bytes. All other writers wait for it meanwhile."""

from collections.abc import Iterable

MOST_AT_ONCE = 100
MOST_BYTES = 8 * 1024 * 1024


def first_group(sizes: Iterable[int], most: int = MOST_AT_ONCE) -> int:
    """How many of the first make one group: at most `most`, and MOST_BYTES unless one alone has more."""
    number, room = 0, MOST_BYTES
    for size in sizes:
        room -= size
        if number >= most or (room < 0 and number):
            break
        number += 1
    return number
