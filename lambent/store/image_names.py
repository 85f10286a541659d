"""What images are called: the only home of these rows. The images themselves are files (images.py)."""

import msgspec

from lambent.store.database import Database


class ImageName(msgspec.Struct, frozen=True):
    """One name."""

    name: str  # repository:tag
    digest: str  # hex SHA-256 of the manifest
    added_at: float  # epoch seconds


class ImageNames:
    """Names of images. Reads are sync; what a write changed is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, name: ImageName) -> None:
        """Give an image this name, which is taken from whichever had it."""
        await self._db.write("image_put", **msgspec.structs.asdict(name))

    def get(self, name: str) -> ImageName | None:
        row = self._db.first("image_get", name=name)
        return ImageName(row["name"], row["digest"], row["added_at"]) if row else None

    def all(self) -> list[ImageName]:
        """Every name, in order."""
        return [ImageName(row["name"], row["digest"], row["added_at"]) for row in self._db.read("images_all")]

    async def remove(self, name: str) -> bool:
        """Forget a name; False if there is none."""
        return await self._db.write("image_remove", name=name) == 1
