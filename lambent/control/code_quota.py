"""Code storage of an account in a region: all versions of all functions, and all versions of all layers."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from lambent.errors import AwsError


class Stored(Protocol):
    """Who knows what is stored already."""

    def __call__(self, account: str, region: str) -> int: ...


class CodeQuota:
    """Mutable: `_claimed`, bytes that are on their way into the store. They count as soon as they are claimed, so that
    two requests at once cannot both have the last free bytes.
    """

    def __init__(self, stored: Stored, limit_bytes: int) -> None:
        self._stored = stored
        self.limit_bytes = limit_bytes
        self._claimed: Counter[tuple[str, str]] = Counter()

    @contextlib.contextmanager
    def claiming(self, account: str, region: str, new_bytes: int) -> Iterator[None]:
        """Room for so many bytes more until the block ends, by when they are stored or given up. Raises AwsError."""
        key, wanted = (account, region), max(0, new_bytes)
        if wanted and self._stored(account, region) + self._claimed[key] + wanted > self.limit_bytes:
            raise AwsError("Code storage limit exceeded.", code="CodeStorageExceededException", status=400)
        self._claimed[key] += wanted
        try:
            yield
        finally:
            self._claimed[key] -= wanted
            if not self._claimed[key]:
                del self._claimed[key]
