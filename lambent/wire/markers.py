"""Pagination tokens: opaque to clients, checked when they come back."""

import base64
import hashlib
import hmac

import msgspec

from lambent.errors import AwsError, InvalidParameterValue

# Not a secret: a marker says only where a list goes on. The digest catches accidents and tokens of another list, and
# stays the same over restarts so that a client may go on.
_KEY = b"lambent pagination"
_DIGEST = 8  # bytes


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


def _digest(scope: str, raw: bytes) -> bytes:
    return hashlib.blake2s(scope.encode() + b"\0" + raw, key=_KEY, digest_size=_DIGEST).digest()
