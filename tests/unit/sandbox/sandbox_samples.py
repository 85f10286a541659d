"""Versions and invocations for tests of sandboxes, and a stand-in for a sandbox that only has a state."""

from typing import Any

from lambent.model import Invocation, Isolation, Version
from lambent.sandbox.outcomes import WARM
from lambent.sandbox.protocol import Hello

ACCOUNT, REGION = "111111111111", "eu-west-1"
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


def version(name: str = "hello", **changes: Any) -> Version:
    given: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "name": name,
        "version": "$LATEST",
        "revision": "r1",
        "runtime": "python3.13",
        "handler": "app.handler",
        "code_digest": "c0de",
    }
    return Version(**(given | changes))


def invocation(of: Version | None = None, **changes: Any) -> Invocation:
    given: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "version": of or version(),
        "invoked_arn": (of or version()).function_arn,
        "payload": b'{"name": "Ada"}',
        "received": 1_700_000_000.0,
    }
    return Invocation(**(given | changes))


def hello() -> Hello:
    return Hello(Isolation(kind="full"), {}, 1, 0)


class FakeSandbox:
    """What the keeper knows of a sandbox."""

    def __init__(self, name: str = "s1", of: Version | None = None, idle_since: float = 0.0) -> None:
        self.name = name
        self.version = of or version()
        self.idle_since = self.rested_at = idle_since
        self.born = 0.0
        self.used_mb = 0
        self.grows_to_mb = 0  # what measuring it will show
        self.frozen = False
        self.gone = False  # it was told to end, or did
        self.over = False  # and the agent said so
        self.lost = False
        self.spoilt = False
        self.forgotten = False
        self.apis = None  # no extensions
        self.settling = None
        self.beginning = WARM
        self.ending = ""
        self.waited: tuple[float, str] | None = None
        self.farewell: object = None
        self.ends = 0

    def __repr__(self) -> str:
        return f"<FakeSandbox {self.name} of {self.version.pool_key}{' gone' if self.gone else ''}>"

    @property
    def reusable(self) -> bool:
        return not self.gone and not self.spoilt

    def end(self, reason: str = "spindown") -> None:
        if not self.gone:
            self.gone = True
            self.ends += 1

    def forget(self) -> None:
        self.forgotten = True

    def measure(self) -> int:
        self.used_mb = max(self.used_mb, self.grows_to_mb)
        return self.used_mb

    def freeze(self) -> None:
        assert not self.gone
        assert not self.frozen
        self.frozen = True

    def thaw(self) -> bool:
        self.frozen = False
        return not self.gone
