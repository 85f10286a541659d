"""What admission decides in a moment: a permit taken and given back, with 1,000 functions and 1,000 permits out.

    python benchmarks/admission.py

`counter` is the least that could be done: one number for each account, as it was before there was reserved and
provisioned concurrency. The target is that of issue C: 20 µs for a decision.
"""

import time
from collections.abc import Callable

from msgspec.structs import replace

from lambent.errors import TooManyRequests
from lambent.invoke.admission import Admission
from lambent.model import Invocation, Version

FUNCTIONS = PERMITS = 1_000
ROUNDS, EACH = 200, 200  # a round is measured as one: a single decision is too short
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


def measure(what: str, run: Callable[[], None], note: str = "") -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        took.append((time.perf_counter() - began) / EACH * 1e6)
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(f"{what:<52} n={ROUNDS * EACH:<6} p50={p50:7.2f} us  p99={p99:7.2f} us  {note}", flush=True)
    return p50


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
    before = measure("a bare counter", calls(counter, every))
    admission, plain = crowd(spare=10)
    target = f"target <= {TARGET_US} us"
    on_demand = measure("a permit on demand", calls(admission, plain[2::4][:EACH]), target)
    measure("a permit of reserved concurrency", calls(admission, plain[0::4][:EACH]), target)
    live = [invocation(number, "live") for number in range(1, FUNCTIONS, 4)][:EACH]
    measure("a permit of provisioned concurrency", calls(admission, live), target)
    admission, plain = crowd(spare=0)
    admission.limit = admission.claimed("000000000000", "us-east-1")
    measure("a refusal", calls(admission, plain[2::4][:EACH]), target)
    print(f"{'admission against a bare counter':<52} n=2      ratio {on_demand / before:.2f}")


if __name__ == "__main__":
    main()
