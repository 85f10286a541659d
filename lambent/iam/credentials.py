"""Temporary credentials: real, expiring, and known again without looking anything up.

All that they stand for is in the session token, under a MAC whose key only this data directory has; the secret key
follows from the token by another. So minting some costs a few microseconds and leaves nothing behind.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Any

import msgspec

from lambent.errors import StoreError
from lambent.principal import Principal
from lambent.store.durable import made_once

KEY_FILE = "identity.key"
_KEY_BYTES, _MAC_BYTES = 32, 32
_FORMAT = b"\x01"
_ID_RANDOM, _ID_CHECK = 6, 4  # bytes of an access key id: what is drawn, and what says that it is ours
TEMPORARY = "ASIA"  # how the ids of temporary credentials begin, as on AWS


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """What a session token says. Stored nowhere: fields may be added at the end, and tokens expire."""

    account: str
    arn: str
    user_id: str
    access_key: str
    expires: float  # epoch seconds of the product's clock
    role: str = ""  # the ARN of the assumed role; "": a user's own session
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()  # keys of the tags that pass on to the next role
    source_identity: str = ""

    @property
    def principal(self) -> Principal:
        return Principal(
            account=self.account, arn=self.arn, user_id=self.user_id, access_key=self.access_key, role=self.role,
            proven=True,
        )  # fmt: skip


class Temporary(msgspec.Struct, frozen=True):
    """Credentials as they are handed out."""

    access_key: str
    secret_key: str
    token: str
    expires: float  # epoch seconds


class Voucher(msgspec.Struct, frozen=True, array_like=True):
    """What a function's sandboxes show to get credentials: which function's they are, and of what role."""

    account: str
    role: str  # ARN
    function: str  # its name


class Mint:
    """Makes temporary credentials, and opens their tokens. `master` is the identity key of a data directory."""

    def __init__(self, master: bytes) -> None:
        purposes = (b"access key id", b"session token", b"secret key", b"voucher")
        self._id_key, self._token_key, self._secret_key, self._voucher_key = (
            hmac.digest(master, purpose, "sha256") for purpose in purposes
        )

    def mint(self, principal: Principal, expires: float, **more: Any) -> Temporary:
        """Credentials of `principal` until `expires`; `more` are further fields of Session."""
        access_key = self._new_id()
        session = Session(
            account=principal.account, arn=principal.arn, user_id=principal.user_id, access_key=access_key,
            expires=expires, role=principal.role, **more,
        )  # fmt: skip
        token = _seal(self._token_key, msgspec.msgpack.encode(session))
        return Temporary(access_key, self.secret_of(token), token, expires)

    def open(self, token: str) -> Session | None:
        """What a token of ours says, expired or not; None for any other."""
        body = _unseal(self._token_key, token)
        return None if body is None else msgspec.msgpack.decode(body, type=Session)

    def voucher(self, what: Voucher) -> str:
        return _seal(self._voucher_key, msgspec.msgpack.encode(what))

    def redeem(self, voucher: str) -> Voucher | None:
        """What a voucher of ours says; None for any other."""
        body = _unseal(self._voucher_key, voucher)
        return None if body is None else msgspec.msgpack.decode(body, type=Voucher)

    def secret_of(self, token: str) -> str:
        """The secret access key that goes with a token: 40 characters, as AWS's."""
        return base64.b64encode(hmac.digest(self._secret_key, token.encode(), "sha256")[:30]).decode()

    def is_ours(self, access_key: str) -> bool:
        """Was this id made here? It tells temporary credentials of ours from those of AWS, which we cannot check."""
        if not access_key.startswith(TEMPORARY) or len(access_key) != 20:
            return False
        try:
            raw = base64.b32decode(access_key[4:])
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(raw[_ID_RANDOM:], self._check(raw[:_ID_RANDOM]))

    def _new_id(self) -> str:
        drawn = secrets.token_bytes(_ID_RANDOM)
        return TEMPORARY + base64.b32encode(drawn + self._check(drawn)).decode()

    def _check(self, drawn: bytes) -> bytes:
        return hmac.digest(self._id_key, drawn, "sha256")[:_ID_CHECK]


def _seal(key: bytes, text: bytes) -> str:
    """Readable, but nobody else can make one."""
    body = _FORMAT + text
    return base64.b64encode(hmac.digest(key, body, "sha256") + body).decode()


def _unseal(key: bytes, sealed: str) -> bytes | None:
    try:
        raw = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        return None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    right = hmac.compare_digest(mac, hmac.digest(key, body, "sha256")) and body[:1] == _FORMAT
    return body[1:] if right else None


def role_id(role_arn: str) -> str:
    """An id like AROA…: always the same for one role, since roles are known by nothing but their ARN."""
    return "AROA" + _letters(role_arn, 17)


def user_id(account: str, name: str) -> str:
    """An id like AIDA…, always the same for one user."""
    return "AIDA" + _letters(f"{account}:user/{name}", 17)


def _letters(text: str, count: int) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:count]


def assumed_role(role_arn: str, session: str, account: str) -> Principal:
    """Who acts in a session of a role. The role counts as `account`'s, whatever its ARN says: nobody gets into
    another account by writing down an ARN.
    """
    name = role_arn.rpartition("/")[2]
    return Principal(
        account=account, arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        user_id=f"{role_id(role_arn)}:{session}", role=role_arn, proven=True,
    )  # fmt: skip


def master_key(directory: Path) -> bytes:
    """The identity key of a data directory, made at the first call; 0600. Raises StoreError for what is none."""
    path = directory / KEY_FILE
    key = made_once(path, _KEY_BYTES)
    if len(key) != _KEY_BYTES:
        raise StoreError(f"{path} should have {_KEY_BYTES} bytes and has {len(key)}: restore it from a backup")
    return key
