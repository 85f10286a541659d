"""Objects as the code of functions and layers (`Code.S3Bucket`)."""

import asyncio
from typing import Protocol

from lambent.errors import AwsError, ObjectRefused
from lambent.iam.policy import Asked
from lambent.principal import root_of
from lambent.services.s3 import access, reading
from lambent.services.s3.engine import S3
from lambent.services.s3.ranges import Span
from lambent.services.s3.read_operations import found_object
from lambent.store.buckets import Buckets


class Wanted(Protocol):
    """As control.objects.Wanted."""

    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def version(self) -> str | None: ...
    @property
    def account(self) -> str: ...


class CodeObjects:
    """control.objects.Objects: our buckets, and those of the operator's directory beside them."""

    def __init__(self, s3: S3, elsewhere: Buckets) -> None:
        self._s3 = s3
        self._elsewhere = elsewhere

    async def fetch(self, wanted: Wanted, most: int) -> bytes:
        """The object, or its first `most` + 1 bytes. Raises ObjectRefused."""
        if wanted.bucket not in self._s3.buckets:
            return await self._elsewhere.fetch(wanted, most)
        try:
            return await self._read(wanted, most)
        except AwsError as error:
            raise ObjectRefused(error.message, code=error.code) from error

    async def _read(self, wanted: Wanted, most: int) -> bytes:
        bucket = self._s3.bucket(wanted.bucket)
        caller = root_of(wanted.account)
        action = "s3:GetObjectVersion" if wanted.version else "s3:GetObject"
        access.require(wanted.account, bucket, Asked(caller, action, f"{bucket.arn}/{wanted.key}"))
        found = found_object(self._s3, bucket, wanted.key, wanted.version)
        body = await reading.opened(self._s3, found, Span(0, min(found.size, most + 1)))
        if isinstance(body, bytes):
            return body
        blocks = [block async for block in body]
        return await asyncio.to_thread(b"".join, blocks)
