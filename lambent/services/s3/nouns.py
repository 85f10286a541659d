"""What S3 keeps, as frozen data."""

from typing import Any, NamedTuple

import msgspec

NULL = "null"  # the version of what was put while a bucket had no versioning
INLINE = 65_536  # bytes: a smaller object is in its row, and one commit has all of it


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was put of a bucket, as the API shows it; empty where nothing was."""

    versioning: str = ""  # "", Enabled, Suspended
    tags: list[dict[str, str]] = []
    policy: str = ""
    notifications: dict[str, Any] = {}
    public_access: dict[str, bool] | None = None  # None: deleted
    lifecycle: list[dict[str, Any]] = []
    cors: list[dict[str, Any]] = []


class Bucket:
    """A bucket as it is in memory. `settings` is replaced as a whole; `writing` counts what is about to be put into it,
    and `gone` is set once it may take no more.
    """

    def __init__(self, name: str, account: str, region: str, created: float, settings: Settings) -> None:
        self.name = name
        self.account = account
        self.region = region
        self.created = created
        self.settings = settings
        self.writing = 0
        self.gone = False

    def __repr__(self) -> str:
        return f"<Bucket {self.name} of {self.account}{' gone' if self.gone else ''}>"

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"

    @property
    def versioned(self) -> bool:
        """It was given versioning at some time, and shows versions since."""
        return bool(self.settings.versioning)


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of an object that was uploaded in parts, or all of one that was not."""

    size: int
    file: str = ""
    number: int = 1
    etag: str = ""
    checksums: dict[str, str] = {}


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of an object beside its size, ETag and date."""

    headers: dict[str, str] = {}  # by members: ContentType, CacheControl, …
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    checksums: dict[str, str] = {}  # base64, by algorithm; with "-N" behind it for the composite of N parts
    checksum_type: str = "FULL_OBJECT"
    storage_class: str = "STANDARD"
    parts: list[Part] = []  # its files; none for what is in the row
    uploaded_in_parts: bool = False


class Stored(NamedTuple):
    """A version of an object, or a delete marker."""

    id: int
    bucket: str
    key: str
    version: str
    latest: bool
    marker: bool
    size: int
    etag: str
    modified: float
    about: About


class Content(NamedTuple):
    """What is about to become an object: in memory, or in files that nothing knows yet."""

    size: int
    etag: str
    inline: bytes | None
    parts: list[Part]
    checksums: dict[str, str]
    checksum_type: str = "FULL_OBJECT"


_decode = msgspec.json.Decoder(About).decode


def stored(row: Any, bucket: str) -> Stored:
    """From a row of s3_objects; lists leave out what follows from their question."""
    names = row.keys()
    return Stored(
        row["id"], bucket, row["key"], row["version"] if "version" in names else NULL,
        bool(row["latest"]) if "latest" in names else True, bool(row["marker"]) if "marker" in names else False,
        row["size"], row["etag"], row["modified"], _decode(row["about"]),
    )  # fmt: skip
