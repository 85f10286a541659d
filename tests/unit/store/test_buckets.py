"""The directory that stands in for S3 as a place of code."""

import os

import pytest

from lambent.control.objects import Wanted
from lambent.errors import ObjectRefused
from lambent.store.buckets import Buckets

MOST = 1_000


def wanted(key: str, *, bucket: str = "code", version: str | None = None) -> Wanted:
    return Wanted(bucket, key, version, "111111111111", "eu-west-1")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "s3" / "code" / "a" / "b").mkdir(parents=True)
    (tmp_path / "s3" / "code" / "a" / "b" / "app.zip").write_bytes(b"zip")
    (tmp_path / "s3" / "shared").symlink_to(tmp_path / "s3" / "code")
    (tmp_path / "secret.zip").write_bytes(b"secret")
    (tmp_path / "s3" / "code" / "way-out.zip").symlink_to(tmp_path / "secret.zip")
    (tmp_path / "s3" / "code" / "inside.zip").symlink_to(tmp_path / "s3" / "code" / "a" / "b" / "app.zip")
    (tmp_path / "s3" / "code" / "circle.zip").symlink_to("circle.zip")
    os.mkfifo(tmp_path / "s3" / "code" / "pipe.zip")
    return tmp_path / "s3"


@pytest.mark.parametrize("key", ["a/b/app.zip", "inside.zip"])
async def test_an_object_is_the_file_of_its_key(root, key):
    assert await Buckets(str(root)).fetch(wanted(key), MOST) == b"zip"


async def test_a_bucket_may_be_a_link_to_another(root):
    assert await Buckets(str(root)).fetch(wanted("a/b/app.zip", bucket="shared"), MOST) == b"zip"


async def test_not_more_is_read_than_is_asked_for(root):
    (root / "code" / "big.zip").write_bytes(b"x" * 50)
    assert len(await Buckets(str(root)).fetch(wanted("big.zip"), 10)) == 11


@pytest.mark.parametrize(
    "key",
    ["none.zip", "a", "a/b", "../code/a/b/app.zip", "a/../a/b/app.zip", "a//b/app.zip", "/etc/passwd", "way-out.zip",
     "pipe.zip", "circle.zip", "a/b/app.zip/", "a/b/app.zip/x", "x" * 1024, "nul\0l"],
)  # fmt: skip
async def test_what_is_no_file_below_the_directory_is_no_key(root, key):
    with pytest.raises(ObjectRefused, match="The specified key does not exist") as caught:
        await Buckets(str(root)).fetch(wanted(key), MOST)
    assert caught.value.code == "NoSuchKey"


@pytest.mark.parametrize("bucket", ["none", "..", "."])
async def test_what_is_no_directory_is_no_bucket(root, bucket):
    with pytest.raises(ObjectRefused) as caught:
        await Buckets(str(root)).fetch(wanted("a/b/app.zip", bucket=bucket), MOST)
    assert caught.value.code == "NoSuchBucket"


async def test_without_a_directory_there_is_no_bucket():
    with pytest.raises(ObjectRefused, match="The specified bucket does not exist"):
        await Buckets("").fetch(wanted("a/b/app.zip"), MOST)


async def test_objects_have_no_versions_but_the_one_that_s3_calls_null(root):
    assert await Buckets(str(root)).fetch(wanted("a/b/app.zip", version="null"), MOST) == b"zip"
    with pytest.raises(ObjectRefused) as caught:
        await Buckets(str(root)).fetch(wanted("a/b/app.zip", version="1"), MOST)
    assert caught.value.code == "NoSuchVersion"
