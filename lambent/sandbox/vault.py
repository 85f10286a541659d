"""The keys of the environment variables, and the two things that can be done with them. Only the node agent has them.

AES-SIV (RFC 5297), which needs no nonce: the same variables of the same function give the same bytes, so that whether
they have changed can be told without opening them. What belongs to one function does not open as another's.

    <directory>/environment.key     for functions that name none
    <directory>/kms/<ARN>.key       for each KMSKeyArn that functions have named, with _ for : and /
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambent.arns import KMS_KEY
from lambent.errors import EnvironmentDenied, SandboxError
from lambent.store.durable import made_once

KEY_FILE = "environment.key"
NAMED = "kms"
_KEY_BYTES = 64  # AES-256 twice
_OWN, _NAMED = b"\x01", b"\x02"  # formats: under our own key; under the one whose ARN follows, behind its length
_MARK_BYTES = 4  # of the key's digest, so that a wrong key can be told from damage


class Vault:
    """Reads its own key when it is first needed, and makes it if there is none. Those that have an ARN are read at each
    use, so that whoever takes one away has taken it away.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / KEY_FILE
        self._named = directory / NAMED
        self._cipher: Any = None
        self._head = b""

    def seal(self, variables: Mapping[str, str], owner: str, key: str = "") -> bytes:
        """The variables of `owner` (an ARN), as they may be stored, under the key with the ARN `key`, which is made if
        it is not there, or under our own. Raises SandboxError if the key is of no use.
        """
        plain = json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode()
        if not key:
            self._ready()
            return self._head + bytes(self._cipher.encrypt(plain, [owner.encode()]))
        cipher, mark = _cipher(read_key(self._file(key)))
        name = key.encode()
        head = _NAMED + len(name).to_bytes(2, "big") + name + mark
        return head + bytes(cipher.encrypt(plain, [owner.encode(), name]))

    def open(self, sealed: bytes, owner: str) -> dict[str, str]:
        """The variables that were sealed for `owner`. Raises EnvironmentDenied, SandboxError."""
        if sealed[:1] == _NAMED:
            return self._open_named(sealed, owner)
        self._ready()
        head, body = sealed[: len(self._head)], sealed[len(self._head) :]
        if head != self._head:
            raise _wrong_key(self._path)
        return _opened(self._cipher, body, [owner.encode()])

    def _open_named(self, sealed: bytes, owner: str) -> dict[str, str]:
        end = 3 + int.from_bytes(sealed[1:3], "big")
        name, mark, body = sealed[3:end], sealed[end : end + _MARK_BYTES], sealed[end + _MARK_BYTES :]
        path = self._file(name.decode("ascii", "replace"))
        if not path.exists():
            raise _denied(f"the key {path} is not there")
        cipher, found = _cipher(read_key(path))
        if mark != found:
            raise _wrong_key(path)
        return _opened(cipher, body, [owner.encode(), name])

    def _file(self, key: str) -> Path:
        """Where the key with that ARN is kept. Whoever asks reads what strangers send, so the ARN is looked at."""
        if not KMS_KEY.fullmatch(key):
            raise SandboxError("that is not the ARN of a key")
        return self._named / f"{key.replace(':', '_').replace('/', '_')}.key"

    def _ready(self) -> None:
        if self._cipher is None:
            self._cipher, mark = _cipher(read_key(self._path))
            self._head = _OWN + mark


def _cipher(key: bytes) -> tuple[Any, bytes]:
    """What encrypts with a key, and the key's mark."""
    # Now, since it takes 50 ms and 3 MB, and most functions have no variables.
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(key), hashlib.sha256(key).digest()[:_MARK_BYTES]


def _opened(cipher: Any, body: bytes, associated: list[bytes]) -> dict[str, str]:
    from cryptography.exceptions import InvalidTag

    try:
        opened: dict[str, str] = json.loads(cipher.decrypt(body, associated))
    except (InvalidTag, ValueError):
        raise _denied("they are damaged, or were another function's") from None
    return opened


def read_key(path: Path) -> bytes:
    """The key in a file, which is made, for its owner only, if it is not there. Raises SandboxError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = made_once(path, _KEY_BYTES)
    except OSError as error:
        raise SandboxError(f"the key of environment variables in {path} cannot be used: {error.strerror}") from error
    if len(key) != _KEY_BYTES:
        raise SandboxError(f"{path} should have {_KEY_BYTES} bytes and has {len(key)}: restore it from a backup")
    return key


def _wrong_key(path: Path) -> EnvironmentDenied:
    return _denied(f"they were encrypted with another key than the one in {path}")


def _denied(why: str) -> EnvironmentDenied:
    return EnvironmentDenied(
        "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the "
        f"function's KMS key settings. KMS Exception: AccessDeniedException KMS Message: {why}; restore the key from a "
        "backup, or set the variables again."
    )
