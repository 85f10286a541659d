"""What a crash or a bad disk left damaged is named at the start."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from lambent.errors import StoreError
from lambent.store.code import CodeStore
from lambent.store.database import Database
from lambent.store.integrity import Shift, check_database, damaged_packages

PAGE = 4096


def package(text: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("app.py", text)
    return target.getvalue()


def test_a_stop_in_order_leaves_no_mark_and_any_other_does(tmp_path: Path) -> None:
    first = Shift(tmp_path)
    assert not first.unclean
    assert Shift(tmp_path).unclean
    first.over()
    assert not Shift(tmp_path).unclean


def test_a_whole_database_passes(tmp_path: Path) -> None:
    Database(tmp_path).close()
    check_database(tmp_path / "lambent.db", unclean=True)
    check_database(tmp_path / "nothing.db", unclean=True)


@pytest.mark.parametrize("page", [0, 1, 2, 5])
def test_a_torn_page_is_found_and_the_file_named(tmp_path: Path, page: int) -> None:
    Database(tmp_path).close()
    path = tmp_path / "lambent.db"
    with open(path, "r+b") as file:
        file.seek(page * PAGE)
        file.write(b"\xff" * 600)
    with pytest.raises(StoreError, match=r"lambent\.db is damaged"):
        check_database(path, unclean=False)


async def test_a_package_cut_short_is_found(tmp_path: Path) -> None:
    code = CodeStore(tmp_path / "code")
    whole, cut = await code.add(package("a = 1")), await code.add(package("b = 2"))
    os.truncate(code.zip(cut.digest), 10)
    assert damaged_packages(code, Shift(tmp_path)) == [cut.digest]
    assert whole.digest != cut.digest


async def test_after_a_crash_recent_packages_are_compared_with_their_digest(tmp_path: Path) -> None:
    code = CodeStore(tmp_path / "code")
    Shift(tmp_path)
    torn = await code.add(package("a = 1"))
    code.zip(torn.digest).write_bytes(b"\0\0" + code.zip(torn.digest).read_bytes()[2:])
    crashed = Shift(tmp_path)
    assert damaged_packages(code, crashed) == [torn.digest]
    os.utime(code.zip(torn.digest), (1, 1))
    assert damaged_packages(code, crashed) == []


async def test_a_package_without_its_parts_is_found(tmp_path: Path) -> None:
    code = CodeStore(tmp_path / "code")
    stored = await code.add(package("a = 1"))
    (code.root / stored.digest / "package.json").unlink()
    assert damaged_packages(code, Shift(tmp_path)) == [stored.digest]
