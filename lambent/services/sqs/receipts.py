"""Receipt handles: which message of which queue was given out, in which of its flights. Nobody else can make one."""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from typing import NamedTuple

from lambent.services.sqs import errors

_FORM = struct.Struct("!QQ8s")
_MAC = 12  # bytes


class Receipt(NamedTuple):
    """What a handle says."""

    queue: int  # its number
    id: int  # of the message
    flight: bytes


def new_flight() -> bytes:
    return secrets.token_bytes(8)


def handle_of(receipt: Receipt, key: bytes) -> str:
    """About as long as AWS's are not, but as opaque."""
    data = _FORM.pack(*receipt)
    return base64.b64encode(data + _mac(data, key)).decode()


def read(handle: str, queue: int, key: bytes) -> Receipt:
    """Raises ReceiptHandleIsInvalid for one that was not given out by this queue."""
    try:
        data = base64.b64decode(handle, validate=True)
        body, mac = data[: _FORM.size], data[_FORM.size :]
        receipt = Receipt(*_FORM.unpack(body))
    except (binascii.Error, ValueError, struct.error):
        raise errors.bad_handle(handle) from None
    if receipt.queue != queue or not hmac.compare_digest(mac, _mac(body, key)):
        raise errors.bad_handle(handle)
    return receipt


def _mac(data: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"sqs receipt " + data, hashlib.sha256)[:_MAC]
