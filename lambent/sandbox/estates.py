"""Estates: the /tmp of ended sandboxes, kept until a sandbox inherits it or the front end says to forget it."""

from pathlib import Path

from lambent.sandbox.shelf import Shelf

MOST_ESTATES = 256


class Estates:
    """By the name of the ended husk, oldest first."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._disks: dict[str, Path] = {}

    def __contains__(self, husk: str) -> bool:
        return husk in self._disks

    def keep(self, husk: str, disk: Path) -> None:
        self._disks[husk] = disk
        while len(self._disks) > MOST_ESTATES:  # nobody said what is to become of them
            self.drop(next(iter(self._disks)))

    def inherit(self, husk: str) -> Path | None:
        """The /tmp, which is the caller's from now on."""
        return self._disks.pop(husk, None)

    def drop(self, husk: str) -> None:
        """Nobody will inherit it, if there is one."""
        self._shelf.drop(self._disks.pop(husk, None))
