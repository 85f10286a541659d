"""How long a person waits for `lambent --help`, against the interpreter alone. Run: python benchmarks/cli.py"""

import subprocess
import sys
import time
from pathlib import Path

LAMBENT = str(Path(sys.executable).with_name("lambent"))
RUNS = 40


def timed(command: list[str]) -> list[float]:
    """Milliseconds of each run, in order of size."""
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)


def row(name: str, taken: list[float], target: str = "") -> None:
    p50, p99 = taken[len(taken) // 2], taken[min(len(taken) - 1, len(taken) * 99 // 100)]
    print(f"{name:<44} n={len(taken):<6} p50={p50:8.3f} ms  p99={p99:8.3f} ms  {target}", flush=True)


if __name__ == "__main__":
    row("python -c pass", timed([sys.executable, "-c", "pass"]))
    row("lambent --help", timed([LAMBENT, "--help"]), "target <= 150 ms")
    row("lambent up --help", timed([LAMBENT, "up", "--help"]))
