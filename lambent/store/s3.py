"""The tables of S3, in the database of the durable queue: the only home of these rows."""

from lambent.store.connection import Row
from lambent.store.database import Database


class S3Store:
    """Rows as of the last commit. They are written through the ledger."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def buckets(self) -> list[Row]:
        return self._db.read("s3_buckets_all")

    def last_id(self) -> int:
        row = self._db.first("s3_last_id")
        return int(row["id"]) if row else 0

    def current(self, bucket: str, key: str) -> Row | None:
        """The newest version of a key, or delete marker."""
        return self._db.first("s3_object_current", bucket=bucket, key=key)

    def version(self, bucket: str, key: str, version: str) -> Row | None:
        return self._db.first("s3_object_version", bucket=bucket, key=key, version=version)

    def content(self, number: int) -> bytes | None:
        """What a small object holds; None once it is gone."""
        row = self._db.first("s3_object_content", id=number)
        return None if row is None or row["content"] is None else bytes(row["content"])

    def objects(self, bucket: str, begin: str, limit: int) -> list[Row]:
        """Current objects, from a key on."""
        return self._db.read("s3_objects_from", bucket=bucket, begin=begin, limit=limit)

    def versions(self, bucket: str, begin: str, below: int, limit: int) -> list[Row]:
        """Versions from a key on; of that key only those with ids below `below`."""
        return self._db.read("s3_versions_from", bucket=bucket, begin=begin, below=below, limit=limit)

    def is_used(self, bucket: str) -> bool:
        return self._db.first("s3_bucket_used", bucket=bucket) is not None

    def upload(self, upload_id: str) -> Row | None:
        return self._db.first("s3_upload_get", id=upload_id)

    def uploads(self, bucket: str, key: str, upload_id: str, limit: int) -> list[Row]:
        """Multipart uploads behind that one."""
        return self._db.read("s3_uploads_from", bucket=bucket, key=key, id=upload_id, limit=limit)

    def parts(self, upload_id: str, after: int, limit: int) -> list[Row]:
        return self._db.read("s3_parts_after", upload=upload_id, after=after, limit=limit)

    def knows_file(self, name: str) -> bool:
        return self._db.first("s3_file_known", name=name) is not None
