"""Versions, invocations and outcomes to change one thing of."""

from typing import Any

from lambent.model import Invocation, Outcome, Version

ACCOUNT, REGION = "111111111111", "eu-west-1"
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"


def version(**changes: Any) -> Version:
    given: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "name": "hello",
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
        "invoked_arn": FUNCTION_ARN,
        "payload": b'{"name": "Ada"}',
        "received": 1_700_000_000.0,
    }
    return Invocation(**(given | changes))


def outcome(**changes: Any) -> Outcome:
    given: dict[str, Any] = {
        "payload": b'"hello"',
        "duration_ms": 1.5,
        "billed_ms": 2,
        "memory_peak_mb": 31,
        "sandbox": "s1",
    }
    return Outcome(**(given | changes))
