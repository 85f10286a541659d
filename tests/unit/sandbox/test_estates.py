"""What ended sandboxes leave behind."""

from pathlib import Path
from typing import Any

import pytest

from lambent.sandbox.estates import MOST_ESTATES, Estates


class Shelf:
    """Remembers which disks it was to drop."""

    def __init__(self) -> None:
        self.dropped: list[Path | None] = []

    def drop(self, disk: Path | None) -> None:
        self.dropped.append(disk)


@pytest.fixture
def shelf() -> Any:
    return Shelf()


def test_an_estate_is_inherited_once(shelf: Any) -> None:
    estates = Estates(shelf)
    estates.keep("a", Path("/disk/a"))
    assert "a" in estates
    assert estates.inherit("a") == Path("/disk/a")
    assert estates.inherit("a") is None
    assert "a" not in estates
    assert shelf.dropped == []


def test_a_forgotten_estate_is_dropped(shelf: Any) -> None:
    estates = Estates(shelf)
    estates.keep("a", Path("/disk/a"))
    estates.drop("a")
    assert shelf.dropped == [Path("/disk/a")]
    assert estates.inherit("a") is None


def test_of_too_many_the_oldest_goes(shelf: Any) -> None:
    estates = Estates(shelf)
    for number in range(MOST_ESTATES + 2):
        estates.keep(str(number), Path(f"/disk/{number}"))
    assert shelf.dropped == [Path("/disk/0"), Path("/disk/1")]
    assert estates.inherit("2") == Path("/disk/2")
