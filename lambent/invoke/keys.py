"""Idempotency keys, as data: what one belongs to, what was asked under it, how long it lives. No I/O, no clock."""

import hashlib
import re
from typing import Any, NamedTuple

from lambent.errors import IdempotentParameterMismatch, InvalidParameterValue
from lambent.model import Event, Invocation, InvocationKind
from lambent.store.answers import Scope, StoredAnswer
from lambent.store.functions import LATEST
from lambent.store.queue import FunctionKey

HEADER = "idempotency-key"
TAG = "lambent:idempotency"
LONGEST_KEY = 256  # characters
LONGEST_TERM_S = 30 * 86_400
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_KEY = re.compile(r"[!-~]{1,256}")


class Term(NamedTuple):
    """How long the keys of a function live, and when (epoch seconds) the function was created."""

    seconds: float
    born: float


class Asked(NamedTuple):
    """A call with a key: what it belongs to, what was asked, by which call."""

    scope: Scope
    digest: str
    request_id: str
    trace: str
    term: Term


class Keyed(dict[str, Any]):
    """The result of an operation that an idempotency key holds for."""


class Replay(Keyed):
    """The result of an operation that is that of an earlier call, with the request id of that."""

    def __init__(self, result: dict[str, Any], request_id: str) -> None:
        super().__init__(result)
        self.request_id = request_id


class Given(NamedTuple):
    """The answer, and whether it is that of an earlier call."""

    answer: StoredAnswer
    replayed: bool

    def told(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result of the operation, which says where it comes from."""
        return Replay(result, self.answer.request_id) if self.replayed else Keyed(result)


def term_in(tag: str) -> float:
    """The seconds in a tag's value, like 90s, 30m, 1h or 7d. Raises InvalidParameterValue."""
    match = _SPAN.fullmatch(tag)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST_TERM_S:
        raise InvalidParameterValue(
            f"The value of the tag {TAG} says how long idempotency keys live, from 1s to 30d, like 90s, 30m, 1h or 7d; "
            f"found {tag!r}."
        )
    return float(seconds)


def checked(key: str) -> str:
    """The key in a header. Raises InvalidParameterValue."""
    if _KEY.fullmatch(key) is None:
        raise InvalidParameterValue(
            f"Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters; found {len(key)} characters"
            + ("." if len(key) > LONGEST_KEY else f": {key!r}.")
        )
    return key


def asked_of(key: str, invocation: Invocation, term: Term) -> Asked:
    """What an invocation asks under a key. All that its function sees of it counts; how it is answered does not."""
    version = invocation.version
    qualifier = invocation.invoked_arn[len(version.function_arn) + 1 :]
    scope = _scope((version.account, version.region, version.name), qualifier, key, term, version.tenant)
    digest = _digest(invocation.kind, invocation.client_context or "", invocation.payload)
    return Asked(scope, digest, invocation.request_id, invocation.trace, term)


def asked_by(key: str, event: Event, term: Term) -> Asked:
    """The same of an event."""
    scope = _scope(event.function, event.qualifier, key, term, event.tenant)
    return Asked(scope, _digest(InvocationKind.EVENT, "", event.payload), event.request_id, event.trace, term)


def _scope(function: FunctionKey, qualifier: str, key: str, term: Term, tenant: str) -> Scope:
    """Tenants have keys of their own: no key holds a blank, so that two can never be taken for one."""
    own = f"{tenant} {checked(key)}" if tenant else checked(key)
    return Scope(*function, "" if qualifier == LATEST else qualifier, own, term.born)


def _digest(kind: str, context: str, payload: bytes) -> str:
    digest = hashlib.sha256(f"{kind} {len(context)} {context}".encode())
    digest.update(payload)
    return digest.hexdigest()


def compare(digest: str, asked: Asked) -> None:
    """Raises IdempotentParameterMismatch if something else was asked under the key before."""
    if digest != asked.digest:
        raise IdempotentParameterMismatch()
