"""Links to code: who may follow them, and for how long."""

import stat
from urllib.parse import urlsplit

import pytest

from lambent.control import download
from lambent.errors import AwsError

DIGEST, KEY, NOW = "ab" * 32, b"key", 1_000_000.5


@pytest.fixture
def link():
    return urlsplit(download.make_url("localhost:4566", DIGEST, KEY, NOW))


def test_a_link_is_good_for_ten_minutes(link):
    assert download.check(link.path, link.query, KEY, NOW + 599) == DIGEST
    with pytest.raises(AwsError, match="expired") as caught:
        download.check(link.path, link.query, KEY, NOW + 601)
    assert caught.value.status == 403


def test_a_link_fits_no_other_code_key_or_time(link):
    other = link.path.replace("ab", "cd")
    later = link.query.replace("expires=1000600", "expires=2000600")
    for path, query, key in ((other, link.query, KEY), (link.path, later, KEY), (link.path, link.query, b"x")):
        with pytest.raises(AwsError, match="signature") as caught:
            download.check(path, query, key, NOW)
        assert caught.value.status == 403


@pytest.mark.parametrize(
    "query",
    ["", "expires=1", "signature=x", "expires=x&signature=x", "expires=-1&signature=x", "expires=²&signature=x"],
)
def test_half_a_link_is_refused(query):
    with pytest.raises(AwsError):
        download.check(f"{download.PREFIX}{DIGEST}", query, KEY, NOW)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, DIGEST + "/x"])
def test_only_digests_are_code(name):
    with pytest.raises(AwsError, match="no such code") as caught:
        download.check(download.PREFIX + name, "", KEY, NOW)
    assert caught.value.status == 404


def test_the_key_is_made_once_and_kept_private(tmp_path):
    key = download.secret(tmp_path)
    assert len(key) == 32
    assert download.secret(tmp_path) == key
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
