"""The access keys that this server knows: whose they are, and the secrets that go with them.

Secrets are stored under AES-SIV (RFC 5297) with a key that follows from the data directory's identity key; the id of an
access key is the associated data, so that no secret can be moved to another.
"""

import base64
import hmac
import logging
import re
import secrets
from typing import Any

import msgspec

from lambent.errors import InvalidParameterValue, ResourceConflict, ResourceNotFound
from lambent.iam.credentials import user_id
from lambent.principal import Principal
from lambent.store.access_keys import AccessKeys, StoredKey

log = logging.getLogger("lambent")

_ID = re.compile(r"[A-Za-z0-9_]{4,128}")  # as IAM's AccessKeyId, but from 4 characters on
_USER = re.compile(r"[\w+=,.@-]{0,64}", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_LOST = (
    "is refused: its secret was sealed under another identity.key than the one in the data directory. "
    "Restore that file from a backup, or forget the key with `lambent keys remove`"
)
SHORTEST_SECRET = 16  # characters of a secret that somebody brings


class Key(msgspec.Struct, frozen=True):
    """A key that signatures are checked with."""

    principal: Principal
    secret: str
    created_at: float  # epoch seconds
    user: str = ""  # "": root
    lost: bool = False  # its secret cannot be opened: nobody knows the one that is here, so that nothing matches it


class Keyring:
    """All keys in memory, by id; the store behind it. State: `_keys`, which changes with the store and after it."""

    def __init__(self, store: AccessKeys, master: bytes) -> None:
        self._store = store
        self._sealing_key = b"".join(hmac.digest(master, b"stored secrets %d" % half, "sha256") for half in (1, 2))
        self._cipher: Any = None
        self._keys = {row.access_key: self._opened(row) for row in store.all()}

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, access_key: str) -> Key | None:
        return self._keys.get(access_key)

    def everyone(self) -> list[Key]:
        """All keys, by account, user and age."""
        return sorted(self._keys.values(), key=lambda key: (key.principal.account, key.user, key.created_at))

    async def add(self, account: str, user: str, now: float, *, access_key: str = "", secret: str = "") -> Key:
        """A new key, on disk on return; with an id and a secret of its own if none are brought.

        Raises InvalidParameterValue for what cannot be one, ResourceConflict for an id that is taken.
        """
        key = make(account, user, now, access_key=access_key, secret=secret)
        await self.keep(key)
        return key

    async def keep(self, key: Key) -> None:
        """Know this key from now on. Raises ResourceConflict."""
        access_key = key.principal.access_key
        row = StoredKey(
            access_key=access_key, account=key.principal.account, user_name=key.user,
            secret=self._sealed(access_key, key.secret), created_at=key.created_at,
        )  # fmt: skip
        if not await self._store.add(row):
            raise ResourceConflict(f"There is an access key {access_key} already.")
        self._keys[access_key] = key

    async def remove(self, access_key: str) -> None:
        """Raises ResourceNotFound."""
        if not await self._store.remove(access_key):
            raise ResourceNotFound(f"There is no access key {access_key}.")
        self._keys.pop(access_key, None)

    def _opened(self, row: StoredKey) -> Key:
        from cryptography.exceptions import InvalidTag

        principal = _principal(row.account, row.user_name, row.access_key)
        try:
            secret = self._ready().decrypt(base64.b64decode(row.secret), [row.access_key.encode()])
        except (InvalidTag, ValueError):
            log.warning("the access key %s of %s %s", row.access_key, principal.arn, _LOST)
            return Key(principal, secrets.token_urlsafe(30), row.created_at, row.user_name, lost=True)
        return Key(principal, secret.decode(), row.created_at, row.user_name)

    def _sealed(self, access_key: str, secret: str) -> str:
        return base64.b64encode(self._ready().encrypt(secret.encode(), [access_key.encode()])).decode()

    def _ready(self) -> Any:
        """The cipher, when it is first needed: it takes 50 ms and 3 MB, and most servers have no keys."""
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV

            self._cipher = AESSIV(self._sealing_key)
        return self._cipher


def make(account: str, user: str, now: float, *, access_key: str = "", secret: str = "") -> Key:
    """A key that nobody keeps yet. Raises InvalidParameterValue for what cannot be one."""
    if not access_key and not secret:
        access_key = "AKIA" + base64.b32encode(secrets.token_bytes(10)).decode()
        secret = secrets.token_urlsafe(30)
    _check(account, user, access_key, secret)
    return Key(_principal(account, user, access_key), secret, now, user)


def _check(account: str, user: str, access_key: str, secret: str) -> None:
    if not _ACCOUNT.fullmatch(account):
        raise InvalidParameterValue(f"An account is 12 digits; found {account!r}.")
    if not _USER.fullmatch(user):
        raise InvalidParameterValue(f"A user has at most 64 letters, digits and +=,.@-_; found {user!r}.")
    if not _ID.fullmatch(access_key) or access_key.startswith("ASIA"):
        raise InvalidParameterValue(
            "The id of an access key has 4 to 128 letters, digits and underscores, and does not begin with ASIA, as "
            f"temporary ones do; found {access_key!r}."
        )
    if not (SHORTEST_SECRET <= len(secret) <= 128 and secret.isascii() and secret.isprintable()):
        raise InvalidParameterValue(f"A secret has {SHORTEST_SECRET} to 128 printable ASCII characters.")


def _principal(account: str, user: str, access_key: str) -> Principal:
    """The root of an account, or a user in it."""
    arn, identity = f"arn:aws:iam::{account}:root", account
    if user:
        arn, identity = f"arn:aws:iam::{account}:user/{user}", user_id(account, user)
    return Principal(account=account, arn=arn, user_id=identity, access_key=access_key, proven=True)
