"""The setting that says which directories stand for access points."""

import os
from pathlib import Path

import pytest

from lambent.errors import SettingError
from lambent.settings import Settings, load

POINT = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
OF_S3 = f"arn:aws:s3files:us-east-1:000000000000:file-system/fs-{'0' * 17}/access-point/fsap-{'1' * 17}"


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if somebody else than root ran the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def settings(tmp_path: Path, text: str) -> Settings:
    return load({"file_systems": text, "data": str(tmp_path / "data")}, {})


@pytest.mark.usefixtures("owned")
def test_each_pair_is_an_access_point_and_its_directory(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    found = settings(tmp_path, f"{POINT}={tmp_path / 'one'}, {OF_S3}={tmp_path / 'two'}")
    assert found.access_points == {POINT: str(tmp_path / "one"), OF_S3: str(tmp_path / "two")}
    assert settings(tmp_path, "").access_points == {}


@pytest.mark.usefixtures("owned")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{POINT}", "must be access points like"),
        (f"{POINT}=relative", "must be access points like"),
        ("arn:aws:s3:::x=/tmp", "must be access points like"),
        (f"{POINT}=/no/such/directory", "is no directory"),
        (f"{POINT}=@/link", "nor may it be a link"),
        (f"{POINT}=@", "must lie apart"),
        (f"{POINT}=@/data", "is the data directory"),
        (f"{POINT}=@/one, {OF_S3}=@/one/two", "must lie apart"),
        (f"{POINT}=@/data/../one/two, {OF_S3}=@/one", "must lie apart"),
        (f"{POINT}=@/data/inside", "must lie apart"),
    ],
)
def test_what_could_not_be_mounted_is_refused_at_the_start(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "data" / "inside").mkdir(parents=True)
    (tmp_path / "one" / "two").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(SettingError, match=sentence):
        settings(tmp_path, text.replace("@", str(tmp_path)))


def test_root_s_own_directories_are_refused_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: _of_root(real(path, **more)))
    with pytest.raises(SettingError, match="belongs to root"):
        settings(tmp_path, f"{POINT}={tmp_path / 'one'}")


def _of_root(found: os.stat_result) -> os.stat_result:
    fields = list(found)
    fields[4] = 0
    return os.stat_result(fields)
