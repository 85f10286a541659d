"""Keys, an authenticator over them, and requests that botocore has signed."""

from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.clock import FixedClock
from lambent.iam.authenticator import Authenticator
from lambent.iam.credentials import Mint
from lambent.iam.keys import Keyring
from lambent.principal import Principal
from lambent.settings import Settings
from lambent.store.access_keys import StoredKey
from lambent.wire import recognise
from lambent.wire.http import Request

ACCOUNT, ACCESS_KEY, SECRET = "111122223333", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "localhost:4566"
MASTER = b"a master key that is for tests only"


class MemoryKeys:
    """The store of access keys, without a disk."""

    def __init__(self) -> None:
        self.rows: dict[str, StoredKey] = {}

    def all(self) -> list[StoredKey]:
        return list(self.rows.values())

    async def add(self, key: StoredKey) -> bool:
        return self.rows.setdefault(key.access_key, key) is key

    async def remove(self, access_key: str) -> bool:
        return self.rows.pop(access_key, None) is not None


async def keyring(store: Any = None) -> Keyring:
    """One with the example's key, of user `ada`."""
    ring = Keyring(store or MemoryKeys(), MASTER)
    await ring.add(ACCOUNT, "ada", 0.0, access_key=ACCESS_KEY, secret=SECRET)
    return ring


def guard(keys: Keyring, clock: FixedClock, *, auth: bool = True, now: Any = None) -> Authenticator:
    return Authenticator(Settings(auth=auth), keys, Mint(MASTER), clock, now or clock.epoch)


def identify(authenticator: Authenticator, request: Request) -> Principal:
    return authenticator.identify(request, recognise.sender(request))


SIGNERS: dict[str, Any] = {
    "header": SigV4Auth, "query": SigV4QueryAuth, "s3 header": S3SigV4Auth, "s3 query": S3SigV4QueryAuth,
}  # fmt: skip


def signed(
    path: str = "/2015-03-31/functions", *, how: str = "header", method: str = "GET", body: bytes = b"",
    headers: dict[str, str] | None = None, service: str = "lambda", region: str = "eu-west-1",
    key: tuple[str, str, str | None] = (ACCESS_KEY, SECRET, None), **more: Any,
) -> Request:  # fmt: skip
    """What arrives here of a request that botocore has signed, at the present time."""
    asked = AWSRequest(method, f"http://{HOST}{path}", data=body, headers={"Host": HOST, **(headers or {})})
    asked.context["payload_signing_enabled"] = True
    SIGNERS[how](Credentials(*key), service, region, **more).add_auth(asked)
    parts = urlsplit(asked.url)
    lower = {name.lower(): value for name, value in asked.headers.items()}
    return Request(method, parts.path, parts.query, lower, body)
