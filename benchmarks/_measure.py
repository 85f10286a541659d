"""What several benchmarks measure with: rows of the table, a load generator, lines of a log, microseconds of CPU."""

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from invoke import Server

BATCH = 1000  # calls between two looks at the clock
LOG_LIMIT_S = 30.0  # for lines to come into a log
NO_COMPILER = "skipped, there is no C compiler for the load generator"


# -- rows, as `python -m benchmarks` reads them


def told(name: str, n: int, measured: str, target: str) -> None:
    print(f"{name:<44} n={n:<6} {measured}  target {target}", flush=True)


def row(name: str, values_ms: list[float], target: str, rate: float | None = None) -> None:
    per_second = f"{rate:9.0f}/s" if rate is not None else " " * 11
    p50, p99 = percentile(values_ms, 0.5), percentile(values_ms, 0.99)
    told(name, len(values_ms), f"p50={p50:8.3f} ms  p99={p99:8.3f} ms {per_second}", target)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


# -- load


class Load(NamedTuple):
    """What the load generator found, and what it cost the front end."""

    calls: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # for each call

    def tell(self, name: str, target: str) -> None:
        measured = f"p50={self.p50_ms:8.3f} ms  p99={self.p99_ms:8.3f} ms {self.rate:9.0f}/s"
        told(name, self.calls, measured, target)
        tell_cpu(self.cpu_us, self.calls)


def tell_cpu(each_us: float, calls: int) -> None:
    told(
        "  CPU of the front end for each",
        calls,
        f"{each_us:.0f} us, which one core does {1e6 / each_us:.0f} times/s",
        "-",
    )


def load_generator(place: str) -> str | None:
    """The path of benchmarks/load.c, compiled; None without a compiler."""
    program, source = os.path.join(place, "load"), os.path.join(os.path.dirname(__file__), "load.c")
    compiler = shutil.which("cc")
    if compiler is None or subprocess.run([compiler, "-O2", "-o", program, source], check=False).returncode:
        return None
    return program


def load(server: "Server", request: bytes, connections: int, seconds: float) -> Load | None:
    """The request over so many connections, as often as goes through; None without a compiler. All have to succeed."""
    program, path = load_generator(server.data), os.path.join(server.data, "request")
    if program is None:
        return None
    with open(path, "wb") as file:
        file.write(request)
    command, before = [program, str(server.port), str(connections), str(seconds), path], server.cpu_s()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    calls, errors, took, p50, p99, _ = map(float, done.stdout.split())
    if errors or not calls:
        raise RuntimeError(f"{errors:.0f} of {calls:.0f} requests failed")
    return Load(int(calls), calls / took, p50 / 1000, p99 / 1000, (server.cpu_s() - before) * 1e6 / calls)


# -- lines that functions log


def logged(server: "Server", function: str, start: str, count: int) -> list[str]:
    """The lines of a function's log that begin so, as soon as there are so many. Raises TimeoutError."""
    deadline = time.monotonic() + LOG_LIMIT_S
    while True:
        found = [line for line in server.log_lines(function) if line.startswith(start)]
        if len(found) >= count:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{len(found)} of {count} lines with {start!r} in the log of {function}: {LOG_LIMIT_S} s"
            )
        time.sleep(0.01)


def row_of_log(name: str, server: "Server", function: str, count: int, target: str) -> None:
    """The milliseconds that the function told behind WAITED; the first few, of a cold start, do not count."""
    lines = logged(server, function, "WAITED ", count)
    row(name, [float(part) for line in lines for part in line.split()[1:]][5:], target)


# -- CPU


def microseconds(work: Callable[[], object], batches: int) -> list[float]:
    """Microseconds of CPU a call, one figure for each batch, after a warm-up."""
    figures = []
    for _ in range(batches):
        began = time.thread_time()
        for _ in range(BATCH):
            work()
        figures.append((time.thread_time() - began) / BATCH * 1e6)
    return figures[5:]


def row_of_cpu(name: str, work: Callable[[], object], batches: int) -> None:
    figures = sorted(microseconds(work, batches))
    p50, p99 = statistics.median(figures), figures[int(len(figures) * 0.99)]
    print(
        f"{name:<22} n={len(figures) * BATCH}  best {figures[0]:6.2f}  p50 {p50:6.2f}  p99 {p99:6.2f} µs (of batches)"
    )
