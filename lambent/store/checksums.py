"""The checksums of S3, fed piece by piece. CRCs and XXHash come from awscrt, which every AWS SDK uses for them."""

import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import Protocol

Data = bytes | memoryview


class Digest(Protocol):
    """A checksum in the making."""

    def update(self, data: Data, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc:
    """A CRC of that many bytes, by a function that goes on from the CRC so far."""

    def __init__(self, step: Callable[[Data, int], int], size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, data: Data, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class XxHash:
    """One of the three."""

    def __init__(self, kind: str) -> None:
        from awscrt import checksums

        self._state = getattr(checksums.XXHash, f"new_{kind}")()

    def update(self, data: Data, /) -> None:
        self._state.update(bytes(data))

    def digest(self) -> bytes:
        return bytes(self._state.finalize())


def _crc32c() -> Crc:
    from awscrt import checksums

    return Crc(checksums.crc32c, 4)


def _crc64nvme() -> Crc:
    from awscrt import checksums

    return Crc(checksums.crc64nvme, 8)


# By the names of ChecksumAlgorithm.
ALGORITHMS: dict[str, Callable[[], Digest]] = {
    "CRC32": lambda: Crc(zlib.crc32, 4),
    "CRC32C": _crc32c,
    "CRC64NVME": _crc64nvme,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": lambda: hashlib.md5(usedforsecurity=False),
    "XXHASH64": lambda: XxHash("xxhash64"),
    "XXHASH3": lambda: XxHash("xxhash3_64"),
    "XXHASH128": lambda: XxHash("xxhash3_128"),
}
DEFAULT = "CRC64NVME"  # what S3 computes when nobody asks for another


def of(algorithm: str, data: Data) -> bytes:
    digest = ALGORITHMS[algorithm]()
    digest.update(data)
    return digest.digest()


def shown(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def combined(algorithm: str, digests: list[bytes], sizes: list[int]) -> bytes:
    """The CRC of pieces one behind the other, from their own CRCs and sizes in bytes."""
    from awscrt import checksums

    join = getattr(checksums, f"combine_{algorithm.lower()}")
    value = int.from_bytes(digests[0], "big")
    for digest, size in zip(digests[1:], sizes[1:], strict=True):
        value = join(value, int.from_bytes(digest, "big"), size)
    return int(value).to_bytes(len(digests[0]), "big")
