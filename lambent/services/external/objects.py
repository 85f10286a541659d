"""Code of functions and layers (`Code.S3Bucket`) in buckets elsewhere."""

from typing import Any, Protocol

from lambent.errors import Elsewhere, ObjectRefused, Undeliverable
from lambent.services.external.calls import Calls, in_thread


class Wanted(Protocol):
    """As control.objects.Wanted, of which only the names matter here."""

    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def version(self) -> str | None: ...


class Objects(Protocol):
    """As control.objects.Objects, for whatever is wanted."""

    async def fetch(self, wanted: Any, most: int) -> bytes: ...


class ExternalObjects:
    """control.objects.Objects: buckets elsewhere, and `here` those that are not."""

    def __init__(self, calls: Calls, here: Objects) -> None:
        self._calls = calls
        self._here = here

    async def fetch(self, wanted: Wanted, most: int) -> bytes:
        """The object, or its first `most` + 1 bytes. Raises ObjectRefused."""
        arn = f"arn:aws:s3:::{wanted.bucket}"
        if not self._calls.has(arn):
            return await self._here.fetch(wanted, most)
        version = {"VersionId": wanted.version} if wanted.version else {}
        try:
            answer = await self._calls.ask(arn, "get_object", Bucket=wanted.bucket, Key=wanted.key, **version)
            return await in_thread(lambda: _read(answer["Body"], most))
        except (Elsewhere, Undeliverable) as error:
            told = getattr(error.__cause__, "response", {}).get("Error", {})
            raise ObjectRefused(
                told.get("Message") or error.message, code=told.get("Code") or "ServiceUnavailable"
            ) from error


def _read(body: Any, most: int) -> bytes:
    """Raises Elsewhere if it breaks off."""
    from botocore.exceptions import BotoCoreError

    try:
        return bytes(body.read(most + 1))
    except (BotoCoreError, OSError) as error:
        raise Elsewhere(f"it broke off: {error}") from error
    finally:
        body.close()
