"""What the control plane asks of whoever keeps S3 objects: the code of functions and layers may lie there."""

from typing import Protocol

import msgspec


class Wanted(msgspec.Struct, frozen=True):
    """An object, and for whom it is read."""

    bucket: str
    key: str
    version: str | None  # None: the newest
    account: str
    region: str


class Objects(Protocol):
    """The objects that there are."""

    async def fetch(self, wanted: Wanted, most: int) -> bytes:
        """The whole object, or its first `most` + 1 bytes. Raises ObjectRefused with the code and words of S3."""
        ...
