"""The code store: what a zip becomes on disk, what is refused, and what a crash leaves."""

import asyncio
import base64
import hashlib
import io
import os
import random
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from store_zips import DIRECTORY, FILE, entry, link, make_zip

from lambent.errors import InvalidParameterValue, StoreError
from lambent.store import durable, layout, unzip
from lambent.store.code import CodeStore, CodeUsage, Limits

GOOD = make_zip(("app.py", "print('hello')"), ("lib/data.bin", b"\0" * 1000))


@pytest.fixture
def code(tmp_path: Path) -> CodeStore:
    return CodeStore(tmp_path / "code")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def written(root: Path, name: str) -> list[Path]:
    return list(root.rglob(name))


async def test_a_package_is_kept_unpacked_and_as_it_was(code: CodeStore) -> None:
    stored = await code.add(GOOD)

    sha256 = hashlib.sha256(GOOD)
    assert stored.digest == sha256.hexdigest()
    assert stored.sha256_b64 == base64.b64encode(sha256.digest()).decode()
    assert (stored.size, stored.unpacked_size) == (len(GOOD), 1014)
    assert (code.path(stored.digest) / "app.py").read_text() == "print('hello')"
    assert code.zip(stored.digest).read_bytes() == GOOD
    assert code.get(stored.digest) == stored


async def test_the_same_package_is_stored_once_even_when_added_many_times_at_once(code: CodeStore) -> None:
    first, *others = await asyncio.gather(*(code.add(GOOD) for _ in range(8)))

    assert all(other == first for other in others)
    assert [path.name for path in code.root.iterdir()] == [first.digest]


async def test_everybody_may_read_and_nothing_keeps_special_bits(code: CodeStore) -> None:
    before = os.umask(0o077)
    try:
        stored = await code.add(
            make_zip(
                (entry("app.py", FILE | 0o400), ""),
                (entry("bootstrap", FILE | 0o6711), ""),
                (entry("dir/", DIRECTORY | 0o1700), ""),
            )
        )
    finally:
        os.umask(before)

    tree = code.path(stored.digest)
    assert [mode(tree / name) for name in ("app.py", "bootstrap", "dir")] == [0o644, 0o755, 0o755]
    assert [mode(path) for path in (code.root, tree.parent, tree, code.zip(stored.digest))] == [0o755] * 3 + [0o644]


async def test_links_and_times_are_kept(code: CodeStore) -> None:
    stored = await code.add(make_zip(("bin/tool", "x"), link("bin/alias", "tool"), link("tool", "bin/alias")))

    tree = code.path(stored.digest)
    assert os.readlink(tree / "bin" / "alias") == "tool"
    assert (tree / "tool").read_text() == "x"
    assert (tree / "bin" / "tool").stat().st_mtime == 1706933106  # 2024-02-03 04:05:06 as UTC


def test_the_extended_timestamp_goes_before_the_dos_date() -> None:
    info = entry("a")
    info.extra = struct.pack("<HH4s", 1, 4, b"....") + struct.pack("<HHBi", 0x5455, 5, 1, 1_700_000_001)

    assert unzip.modified_at(info) == 1_700_000_001


def test_a_date_that_is_none_becomes_1980() -> None:
    info = entry("a")
    info.date_time = (1980, 0, 0, 0, 0, 0)

    assert unzip.modified_at(info) == 315_532_800


async def test_of_two_entries_with_one_name_the_later_is_written(code: CodeStore) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = make_zip(("a.py", "first"), ("a.py", "second"))

    stored = await code.add(data)

    assert (code.path(stored.digest) / "a.py").read_text() == "second"
    assert stored.unpacked_size == 6


async def test_a_zip_with_names_beyond_ascii_and_zip64_is_unpacked(code: CodeStore) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, archive.open("größe/☃.txt", "w", force_zip64=True) as file:
        file.write(b"snow")

    stored = await code.add(b"#!/bin/sh\n" + target.getvalue())

    assert (code.path(stored.digest) / "größe" / "☃.txt").read_bytes() == b"snow"


@pytest.mark.parametrize(
    "data",
    [b"", b"not a zip", b"PK\x05\x06", GOOD[:-30], GOOD[:40] + GOOD[60:], GOOD.replace(b"app.py", b"abb.py", 1)],
    ids=["empty", "text", "signature", "cut", "hole", "names that differ"],
)
async def test_what_is_no_whole_zip_is_refused_in_awss_words_and_leaves_nothing(code: CodeStore, data: bytes) -> None:
    with pytest.raises(InvalidParameterValue) as caught:
        await code.add(data)

    assert caught.value.message == ("Could not unzip uploaded file. Please check your file, then try to upload again.")
    assert list(code.root.iterdir()) == []


async def test_a_zip_without_entries_is_refused(code: CodeStore) -> None:
    with pytest.raises(InvalidParameterValue, match="Uploaded file must be a non-empty zip"):
        await code.add(make_zip())


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/../../evil.py"])
async def test_a_zip_that_escapes_its_root_is_refused(code: CodeStore, name: str) -> None:
    with pytest.raises(InvalidParameterValue, match=r"Could not unzip uploaded file.*evil"):
        await code.add(make_zip((entry(name), "x")))

    assert not written(code.root.parent, "evil.py")
    assert list(code.root.iterdir()) == []


async def test_a_file_behind_a_link_is_never_written(code: CodeStore, tmp_path: Path) -> None:
    for target in (str(tmp_path), "..", "inside"):
        with pytest.raises(InvalidParameterValue):
            await code.add(make_zip(link("out", target), ("out/evil.py", "x")))

    assert not written(tmp_path, "evil.py")


async def test_a_package_may_be_exactly_as_big_as_the_limit(code: CodeStore) -> None:
    stored = await code.add(make_zip(("a", b"x" * 600), ("b", b"x" * 400)), Limits(unzipped=1000))

    assert stored.unpacked_size == 1000


async def test_one_byte_more_than_the_limit_is_refused(code: CodeStore) -> None:
    data = make_zip(("a", b"x" * 600), ("b", b"x" * 401))

    with pytest.raises(InvalidParameterValue, match=r"^Unzipped size must be smaller than 1000 bytes$"):
        await code.add(data, Limits(unzipped=1000))
    await code.add(data, Limits(unzipped=1001))
    with pytest.raises(InvalidParameterValue, match="Unzipped size"):  # also when it is there already
        await code.add(data, Limits(unzipped=1000))


async def test_a_bomb_that_lies_about_its_size_is_stopped_while_inflating(
    code: CodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unzip, "_check_promised", lambda nodes, limits: None)
    data = make_zip(("bomb", b"\0" * 30_000_000))

    with pytest.raises(InvalidParameterValue, match="Unzipped size must be smaller than 1000000 bytes"):
        await code.add(data, Limits(unzipped=1_000_000))

    assert list(code.root.iterdir()) == []


async def test_a_size_that_is_too_small_is_found_by_the_checksum(code: CodeStore) -> None:
    data = make_zip(("bomb", b"\0" * 3_000_000)).replace(struct.pack("<I", 3_000_000), struct.pack("<I", 3))

    with pytest.raises(InvalidParameterValue, match=r"^Could not unzip"):
        await code.add(data, Limits(unzipped=1_000_000))


async def test_an_encrypted_entry_is_refused(code: CodeStore) -> None:
    data = bytearray(make_zip(("secret", "x")))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(InvalidParameterValue, match="'secret' is encrypted"):
        await code.add(bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
async def test_other_compression_than_deflate_is_refused(code: CodeStore, method: int) -> None:
    with pytest.raises(InvalidParameterValue, match="another method"):
        await code.add(make_zip((entry("a", method=method), "x")))


async def test_too_many_entries_are_refused_before_they_are_read(
    code: CodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "NODES", 100)

    with pytest.raises(InvalidParameterValue, match="more than 100 entries"):
        await code.add(make_zip(*((f"f{number}", "") for number in range(101))))


async def test_a_damaged_zip_is_either_whole_or_refused_never_a_crash(code: CodeStore) -> None:
    source = random.Random(4)
    good = make_zip(("app.py", "x = 1\n" * 50), link("alias", "app.py"), ("a/b/c.txt", b"y" * 300))
    for _ in range(400):
        data = bytearray(good)
        for _ in range(source.randint(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        target = code.root / "fuzz"
        target.mkdir()
        try:
            unzip.unzip(bytes(data), str(target), Limits(unzipped=10_000))
        except InvalidParameterValue:
            pass
        finally:
            shutil.rmtree(target)


async def test_a_crash_leaves_only_what_repair_removes(code: CodeStore) -> None:
    stored = await code.add(GOOD)
    for name in (".new-abc", ".old-def"):
        (code.root / name / "tree").mkdir(parents=True)
        (code.root / name / "tree" / "half").write_text("")

    assert CodeStore(code.root).repair() == 2

    assert code.digests() == [stored.digest]
    assert code.repair() == 0


async def test_a_removed_package_is_gone_and_can_be_added_again(code: CodeStore) -> None:
    stored = await code.add(GOOD)
    code.remove(stored.digest)
    code.remove(stored.digest)

    assert code.get(stored.digest) is None
    assert list(code.root.iterdir()) == []
    assert await code.add(GOOD) == stored


async def test_usage_counts_every_package_once(code: CodeStore) -> None:
    assert code.usage() == CodeUsage(0, 0, 0)
    await code.add(GOOD)
    await code.add(GOOD)

    assert code.usage() == CodeUsage(1, len(GOOD), 1014)


async def test_a_disk_that_refuses_is_told_as_such(code: CodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(root: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lambent.store.code.sync_tree", full)

    with pytest.raises(StoreError, match="No space left on device"):
        await code.add(GOOD)
    assert list(code.root.iterdir()) == []


async def test_a_system_without_syncfs_syncs_each_file(code: CodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "_syncfs", None)
    synced: list[str] = []
    monkeypatch.setattr(durable, "_sync_file", synced.append)

    await code.add(make_zip(("a/b.py", ""), link("l", "a/b.py")))

    assert sorted(os.path.basename(path) for path in synced) == ["b.py", "package.json", "package.zip"]


def test_a_root_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="cannot keep code in"):
        CodeStore(tmp_path / "file" / "code")
