"""The key of the environment variables, and the two things that can be done with it. Only the node agent has one.

AES-SIV (RFC 5297), which needs no nonce: the same variables of the same function give the same bytes, so that whether
they have changed can be told without opening them. What belongs to one function does not open as another's.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambent.errors import EnvironmentDenied, SandboxError

KEY_FILE = "environment.key"
_KEY_BYTES = 64  # AES-256 twice
_FORMAT = b"\x01"
_MARK_BYTES = 4  # of the key's digest, so that a wrong key can be told from damage


class Vault:
    """Reads its key when it is first needed, and makes it if there is none."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / KEY_FILE
        self._cipher: Any = None
        self._head = b""

    def seal(self, variables: Mapping[str, str], owner: str) -> bytes:
        """The variables of `owner` (an ARN), as they may be stored. Raises SandboxError if the key is of no use."""
        self._ready()
        plain = json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode()
        return self._head + bytes(self._cipher.encrypt(plain, [owner.encode()]))

    def open(self, sealed: bytes, owner: str) -> dict[str, str]:
        """The variables that were sealed for `owner`. Raises EnvironmentDenied, SandboxError."""
        self._ready()
        head, body = sealed[: len(self._head)], sealed[len(self._head) :]
        if head != self._head:
            raise _denied(f"they were encrypted with another key than the one in {self._path}")
        from cryptography.exceptions import InvalidTag

        try:
            opened: dict[str, str] = json.loads(self._cipher.decrypt(body, [owner.encode()]))
        except (InvalidTag, ValueError):
            raise _denied("they are damaged, or were another function's") from None
        return opened

    def _ready(self) -> None:
        if self._cipher is None:
            # Now, since it takes 50 ms and 3 MB, and most functions have no variables.
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV

            key = read_key(self._path)
            self._head = _FORMAT + hashlib.sha256(key).digest()[:_MARK_BYTES]
            self._cipher = AESSIV(key)


def read_key(path: Path) -> bytes:
    """The key in a file, which is made, for its owner only, if it is not there. Raises SandboxError."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        key = path.read_bytes() if path.exists() else _make_key(path)
    except OSError as error:
        raise SandboxError(f"the key of environment variables in {path} cannot be used: {error.strerror}") from error
    if len(key) != _KEY_BYTES:
        raise SandboxError(f"{path} should have {_KEY_BYTES} bytes and has {len(key)}: restore it from a backup")
    return key


def _make_key(path: Path) -> bytes:
    """Written aside and renamed, so that a crash leaves no half key."""
    key = secrets.token_bytes(_KEY_BYTES)
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)
    return key


def _denied(why: str) -> EnvironmentDenied:
    return EnvironmentDenied(
        "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the "
        f"function's KMS key settings. KMS Exception: AccessDeniedException KMS Message: {why}; restore the key from a "
        "backup, or set the variables again."
    )
