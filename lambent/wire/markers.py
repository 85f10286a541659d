"""Pagination tokens: opaque to clients, checked when they come back."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from lambent.errors import AwsError, InvalidParameterValue

# Not a secret: a marker says only where a list goes on. The digest catches accidents and tokens of another list, and
# stays the same over restarts so that a client may go on.
_KEY = b"lambent pagination"
_DIGEST = 8  # bytes

T = TypeVar("T")


def seal(scope: str, position: list[str]) -> str:
    """A token for a position in the list that `scope` names, such as "lambda:ListFunctions:<account>:<region>"."""
    raw = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_digest(scope, raw) + raw).decode("ascii")


def unseal(scope: str, token: str, *, refuse: AwsError | None = None) -> list[str]:
    """The position in a token. Raises `refuse`, or InvalidParameterValueException, for one that `seal` did not make
    for this scope."""
    try:
        sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        digest, raw = sealed[:_DIGEST], sealed[_DIGEST:]
        if hmac.compare_digest(digest, _digest(scope, raw)):
            return msgspec.json.decode(raw, type=list[str])
    except (ValueError, msgspec.DecodeError):
        pass
    raise refuse or InvalidParameterValue("Invalid pagination token provided.")


def after(scope: str, asked: Mapping[str, Any]) -> str:
    """The name after which a list in order of names goes on, as its Marker says; "": it begins. Raises as `unseal`."""
    return unseal(scope, asked["Marker"])[0] if asked.get("Marker") else ""


def more(scope: str, found: Sequence[T], limit: int, name: Callable[[T], str]) -> dict[str, str]:
    """The NextMarker of a page, for `after`, if more than `limit` was found; `name` tells that of each."""
    return {"NextMarker": seal(scope, [name(found[limit - 1])])} if len(found) > limit else {}


def _digest(scope: str, raw: bytes) -> bytes:
    return hashlib.blake2s(scope.encode() + b"\0" + raw, key=_KEY, digest_size=_DIGEST).digest()
