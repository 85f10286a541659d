"""How the commands print: plain when read by a program, coloured on a terminal unless NO_COLOR is set."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def coloured(stream: TextIO) -> bool:
    """Whether this stream shows colours (https://no-color.org: any value but the empty one turns them off)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """`text` in `style` where the stream shows colours, unchanged elsewhere."""
    if not coloured(stream or sys.stdout):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Columns as wide as their widest cell, two blanks apart; no trailing blanks."""
    everything = [list(heads), *map(list, rows)] if heads else [list(row) for row in rows]
    if not everything:
        return ""
    widths = [max(len(row[column]) for row in everything) for column in range(len(everything[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in everything
    ]
    if heads:
        lines[0] = paint(lines[0], "bold")
    return "\n".join(lines)


def span(seconds: float) -> str:
    """A length of time as a person says it: 42 s, 5 min, 3 h 20 min, 2 d 4 h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 60:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{days} d {hours % 24} h"
