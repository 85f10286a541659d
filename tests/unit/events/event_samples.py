"""Events, and what becomes of them, for the tests."""

from typing import Any

from lambent.model import Event, InvokeConfig, Outcome

NOW = 1_700_000_000.0
CONFIG = InvokeConfig()


def event(**changes: Any) -> Event:
    usual: dict[str, Any] = {
        "id": 1, "request_id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "account": "111111111111",
        "region": "eu-west-1", "name": "hello", "payload": b'{"a": 1}', "received": NOW, "due": NOW,
    }  # fmt: skip
    return Event(**(usual | changes))


def answered(**changes: Any) -> Outcome:
    return Outcome(**({"payload": b'"done"'} | changes))


def failed(**changes: Any) -> Outcome:
    usual = {"payload": b'{"errorMessage": "no"}', "function_error": "Unhandled", "error_type": "ValueError"}
    return Outcome(**(usual | {"status": "error"} | changes))
