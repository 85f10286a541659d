"""The first key of a server that requires keys: in a file, and good whatever happens on the way."""

import configparser
import time

import pytest

from lambent.clock import FixedClock
from lambent.errors import StoreError
from lambent.identity import Identity
from lambent.settings import Settings
from lambent.stores import Stores


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def stores(directory):
    stores = Stores(directory)
    yield stores
    stores.close()


def identity(stores, directory, *, auth: bool = True) -> Identity:
    return Identity(Settings(auth=auth, data=str(directory)), stores, FixedClock(time.time()), FixedClock(time.time()))


def key_in(directory) -> tuple[str, str]:
    file = configparser.RawConfigParser()
    file.read(directory / "credentials")
    return file["default"]["aws_access_key_id"], file["default"]["aws_secret_access_key"]


async def test_a_server_that_requires_keys_and_has_none_makes_one_once(stores, directory) -> None:
    first = identity(stores, directory)
    await first.ready()
    access_key, secret = key_in(directory)
    await first.ready()
    again = identity(stores, directory)
    await again.ready()

    assert key_in(directory) == (access_key, secret)
    assert [key.secret for key in again.keys.everyone()] == [secret]
    assert again.keys.everyone()[0].principal.arn == "arn:aws:iam::000000000000:root"
    assert (directory / "credentials").stat().st_mode & 0o777 == 0o600
    assert "1 key; the first one is in" in again.told()
    assert secret not in again.told()


async def test_a_server_that_requires_none_makes_none(stores, directory) -> None:
    trusting = identity(stores, directory, auth=False)
    await trusting.ready()

    assert len(trusting.keys) == 0
    assert not (directory / "credentials").exists()
    assert trusting.told() == ""


async def test_a_start_that_ends_before_the_key_is_kept_is_made_good_by_the_next(
    stores, directory, monkeypatch
) -> None:
    unlucky = identity(stores, directory)

    async def fail(key: object) -> None:
        raise StoreError("no space is left")

    monkeypatch.setattr(unlucky.keys, "keep", fail)
    with pytest.raises(StoreError):
        await unlucky.ready()
    lost = key_in(directory)

    lucky = identity(stores, directory)
    await lucky.ready()

    assert key_in(directory) != lost
    assert lucky.keys.get(key_in(directory)[0]) is not None


async def test_the_key_of_another_account_lets_no_operator_in(stores, directory) -> None:
    server = identity(stores, directory)
    await server.keys.add("444455556666", "bob", 0.0)

    await server.ready()

    assert server.keys.get(key_in(directory)[0]) is not None


async def test_keys_that_were_lost_with_the_identity_key_do_not_lock_the_operator_out(tmp_path, directory) -> None:
    before = Stores(directory)
    await identity(before, directory).ready()
    old = key_in(directory)
    before.close()
    (directory / "identity.key").unlink()

    after = Stores(directory)
    server = identity(after, directory)
    await server.ready()
    kept = {key.principal.access_key: key.lost for key in server.keys.everyone()}
    after.close()

    assert kept == {old[0]: True, key_in(directory)[0]: False}


def test_half_an_identity_key_is_none(stores, directory) -> None:
    (directory / "identity.key").write_bytes(b"half")

    with pytest.raises(StoreError, match="should have 32 bytes and has 4"):
        identity(stores, directory)
