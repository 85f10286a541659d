"""What checking a signature costs, in microseconds of CPU: by a known key, by temporary credentials, and believing one.

Run it as `python benchmarks/signatures.py`. Limits: 60 µs to check one, 2 µs to believe one.
"""

import asyncio
import platform
from collections.abc import Callable

from _measure import row_of_cpu
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.clock import RealClock
from lambent.iam.authenticator import Authenticator
from lambent.iam.credentials import Mint, assumed_role
from lambent.iam.keys import Keyring
from lambent.settings import Settings
from lambent.store.access_keys import StoredKey
from lambent.wire import recognise
from lambent.wire.http import Request

ACCOUNT, ACCESS_KEY, SECRET = "111122223333", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
PATH, BODY = "/2015-03-31/functions/my-function/invocations", b'{"a": 123}'
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
BATCHES = 30


class NoStore:
    """A store of keys that keeps nothing."""

    def all(self) -> list[StoredKey]:
        return []

    async def add(self, key: StoredKey) -> bool:
        return True


def signed(*key: str) -> Request:
    asked = AWSRequest("POST", f"http://127.0.0.1:4566{PATH}", data=BODY, headers={"Host": "127.0.0.1:4566"})
    SigV4Auth(Credentials(*key), "lambda", "us-east-1").add_auth(asked)
    return Request("POST", PATH, "", {name.lower(): value for name, value in asked.headers.items()}, BODY)


def main() -> None:
    clock, mint = RealClock(), Mint(b"for the benchmark")
    keys = Keyring(NoStore(), b"for the benchmark")  # type: ignore[arg-type]
    asyncio.run(keys.add(ACCOUNT, "", 0.0, access_key=ACCESS_KEY, secret=SECRET))
    guard = Authenticator(Settings(), keys, mint, clock, clock.epoch)
    made = mint.mint(assumed_role(ROLE, "f", ACCOUNT), clock.epoch() + 3600)
    requests = {
        "known key": signed(ACCESS_KEY, SECRET),
        "temporary credentials": signed(made.access_key, made.secret_key, made.token),
        "believed": signed("test", "test"),
    }
    print(f"machine: {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    rows: dict[str, Callable[[], object]] = {
        name: (lambda request=request: guard.identify(request, recognise.sender(request)))  # type: ignore[misc]
        for name, request in requests.items()
    }
    rows["making credentials"] = lambda: mint.mint(assumed_role(ROLE, "f", ACCOUNT), 0.0)
    for name, work in rows.items():
        row_of_cpu(name, work, BATCHES)


if __name__ == "__main__":
    main()
