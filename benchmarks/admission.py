"""What admission decides in a moment: a permit taken and given back, with 1,000 functions and 1,000 permits out.

    python benchmarks/admission.py

`counter` is the least that could be done: one number for each account, as it was before there was reserved and
provisioned concurrency. The target is that of SPECIFICATION.md: 20 µs for a decision.
"""

import time
from collections.abc import Callable

from msgspec.structs import replace

from lambent.errors import TooManyRequests
from lambent.invoke.admission import Admission
from lambent.model import Invocation, Version

FUNCTIONS = PERMITS = 1_000
ROUNDS, EACH = 300, 200  # a round is measured as one: a single decision is too short
APIECE = 100  # reserved or provisioned: enough for the request-rate rule to let all calls in
TARGET_US = 20


class Counter:
    """The permits of an account as one number."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running: dict[tuple[str, str], int] = {}

    def hold(self, invocation: Invocation, now: float) -> "Counted":
        version = invocation.version
        key = (version.account, version.region)
        running = self.running.get(key, 0)
        if running >= self.limit:
            raise TooManyRequests("Rate Exceeded.", Reason="ConcurrentInvocationLimitExceeded", Type="User")
        self.running[key] = running + 1
        return Counted(self, key, version)


class Counted:
    __slots__ = ("_counter", "key", "version")

    def __init__(self, counter: Counter, key: tuple[str, str], version: Version) -> None:
        self._counter = counter
        self.key = key
        self.version = version

    def __enter__(self) -> Version:
        return self.version

    def __exit__(self, *_: object) -> None:
        self._counter.running[self.key] -= 1


def invocation(number: int, alias: str = "") -> Invocation:
    version = Version(
        account="000000000000", region="us-east-1", name=f"f{number}", version="1", revision="r", runtime="python3.13",
        handler="app.handler", code_digest="c0de",
    )  # fmt: skip
    arn = f"{version.function_arn}:{alias}" if alias else version.function_arn
    return Invocation(request_id="r", version=version, invoked_arn=arn, payload=b"{}", received=0.0)


def calls(admission: Admission | Counter, of: list[Invocation]) -> Callable[[], None]:
    """EACH permits, each given back at once; refusals count as decisions."""
    clock = time.monotonic

    def run() -> None:
        for each in of:
            try:
                with admission.hold(each, clock()):
                    pass
            except TooManyRequests:
                pass

    return run


def measure(runs: dict[str, Callable[[], None]]) -> dict[str, float]:
    """The medians, in µs for one decision; in turns, since the speed of a shared machine changes all the time."""
    took: dict[str, list[float]] = {what: [] for what in runs}
    for _ in range(ROUNDS):
        for what, run in runs.items():
            began = time.perf_counter()
            run()
            took[what].append((time.perf_counter() - began) / EACH * 1e6)
    for what, values in took.items():
        values.sort()
        p50, p99 = values[len(values) // 2], values[int(len(values) * 0.99)]
        print(f"{what:<44} n={ROUNDS * EACH:<6} p50={p50:7.2f} us  p99={p99:7.2f} us  target <= {TARGET_US} us")
    return {what: values[len(values) // 2] for what, values in took.items()}


def crowd(spare: int) -> tuple[Admission, list[Invocation]]:
    """Functions of every kind with permits out, and room for `spare` calls more of those that have no reserved."""
    admission = Admission(FUNCTIONS * APIECE + spare)
    plain = [invocation(number) for number in range(FUNCTIONS)]
    for number in range(0, FUNCTIONS, 4):
        admission.set_reserved("000000000000", "us-east-1", f"f{number}", APIECE)
    for number in range(1, FUNCTIONS, 4):
        twin = replace(plain[number].version, provisioned="live")
        admission.provide(("000000000000", "us-east-1", f"f{number}", "live"), [(twin, APIECE)])
    for each in plain:
        admission.hold(each, 0.0)
    return admission, plain


def main() -> None:
    counter = Counter(PERMITS + 1)
    every = [invocation(number) for number in range(EACH)]
    for _ in range(PERMITS):
        counter.hold(every[0], 0.0)
    admission, plain = crowd(spare=10)
    full, _ = crowd(spare=0)
    full.limit = full.claimed("000000000000", "us-east-1")
    live = [invocation(number, "live") for number in range(1, FUNCTIONS, 4)][:EACH]
    on_demand = plain[2::4][:EACH]
    found = measure(
        {
            "a bare counter": calls(counter, every),
            "a permit on demand": calls(admission, on_demand),
            "a permit of reserved concurrency": calls(admission, plain[0::4][:EACH]),
            "a permit of provisioned concurrency": calls(admission, live),
            "a refusal": calls(full, on_demand),
        }
    )
    ratio = found["a permit on demand"] / found["a bare counter"]
    print(f"{'admission against a bare counter':<44} n=2      ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
