"""Runs every benchmark, one after the other, and prints all figures in one table with the machine that gave them.

    python -m benchmarks [NAME ...] [--show]        # names are files of this folder; --show prints their own output too

A benchmark is a program. A line of its output with n=, p50= and p99= is a row of the table; it ends in notes (rate,
target), which are kept. Exit status 1 when a benchmark failed, or printed a figure that is no such line.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
_UNIT = "µs|us|ms|s"
_ROW = re.compile(
    r"^\s*(?P<what>.*?)\s+n=\s*(?P<n>[\d,]+)\s.*?"
    rf"p50[= ]\s*(?P<p50>[\d,.]+)\s*(?P<unit50>{_UNIT})?\s+"
    rf"p99[= ]\s*(?P<p99>[\d,.]+)\s*(?P<unit99>{_UNIT})\b\s*(?P<notes>.*)$"
)
_FIGURE = re.compile(r"^\s*(?P<what>.*?)\s+n=\s*(?P<n>[\d,]+)\s+(?P<notes>.*)$")  # a figure that has no percentiles
_LIKE_A_ROW = re.compile(r"\b(p50|p99|target)\b|\d/s\b")


class Row(NamedTuple):
    """One figure, as text."""

    benchmark: str
    what: str
    n: str
    p50: str
    p99: str
    notes: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--show", action="store_true", help="print what the benchmarks print, as they print it")
    options = parser.parse_args()
    rows, failed = [], []
    for name in options.names or benchmarks():
        print(f"running benchmarks/{name}.py …", file=sys.stderr, flush=True)
        found, status = run(name, options.show)
        rows += found
        failed += [name] if status else []
    print(machine(), table(rows), sep="\n\n")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def benchmarks() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def run(name: str, show: bool) -> tuple[list[Row], int]:
    """The rows that one benchmark printed, and its exit status: not 0 either when a figure of its was not read."""
    command = [sys.executable, str(HERE / f"{name}.py")]
    environ = os.environ | {"PYTHONPATH": str(HERE.parent), "PYTHONUNBUFFERED": "1"}
    rows, lost = [], []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=HERE.parent) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if show:
                print(f"  {line}", end="", flush=True)
            row = parse(name, line)
            rows += [row] if row else []
            lost += [line] if row is None and _LIKE_A_ROW.search(line) else []
    for line in lost:
        print(f"no row of the table (it needs n=, before p50= and p99=): {line}", end="", file=sys.stderr)
    return rows, process.returncode or len(lost)


def parse(name: str, line: str) -> Row | None:
    """The row in a line of output, if there is one."""
    if match := _ROW.match(line):
        unit = match["unit99"]
        p50, p99 = f"{match['p50']} {match['unit50'] or unit}", f"{match['p99']} {unit}"
        return Row(name, match["what"], match["n"], p50, p99, match["notes"].strip())
    if match := _FIGURE.match(line):
        return Row(name, match["what"], match["n"], "", "", match["notes"].strip())
    return None


def table(rows: list[Row]) -> str:
    everything = [Row("benchmark", "what", "n", "p50", "p99", "notes"), *rows]
    widths = [max(len(row[column]) for row in everything) for column in range(len(Row._fields))]
    return "\n".join(_line(row, widths) for row in everything)


def _line(row: Row, widths: list[int]) -> str:
    """Figures to the right, words to the left."""
    pairs = enumerate(zip(row, widths, strict=True))
    cells = [text.rjust(width) if 2 <= at <= 4 else text.ljust(width) for at, (text, width) in pairs]
    return "  ".join(cells).rstrip()


def machine() -> str:
    """What the figures were measured on; without it they mean nothing."""
    words = [f"{platform.machine()}, {os.cpu_count()} cores", _cpu(), f"{_memory_gb():.0f} GB"]
    words += [f"Linux {platform.release()}", f"Python {platform.python_version()}"]
    return "machine: " + ", ".join(filter(None, words)) + f"; load before: {os.getloadavg()[0]:.2f}"


def _cpu() -> str:
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else ""


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


if __name__ == "__main__":
    sys.exit(main())
