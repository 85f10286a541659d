"""`kill -9` at any instant and a full disk: what was acknowledged is there, the rest is whole or not there at all.

Run as a program, this file is the victim: it stores packages and functions and says what is done.
"""

import asyncio
import io
import os
import random
import resource
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from lambent.errors import StoreError
from lambent.store.code import CodeStore
from lambent.store.database import Database
from lambent.store.functions import LATEST, Functions, StoredFunction, StoredVersion

ROOT = Path(__file__).parents[2]
ROUNDS = 8
CALLERS = 6
ACCOUNT, REGION = "000000000000", "us-east-1"


def contents(seed: int) -> dict[str, bytes]:
    """The files of a package, different for each seed."""
    source = random.Random(seed)
    return {f"d{number % 3}/f{number}.py": source.randbytes(400) for number in range(12)}


def package(seed: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in contents(seed).items():
            archive.writestr(name, content)
    return target.getvalue()


async def store_without_end(directory: Path, first: int) -> None:
    """The victim: each caller adds a package, then a function that refers to it, then says so."""
    db = Database(directory)
    functions, code = Functions(db), CodeStore(directory / "code")
    code.repair()

    async def caller(seed: int) -> None:
        while True:
            stored = await code.add(package(seed))
            created, version = function(f"f{seed}", stored.digest, seed=str(seed))
            await functions.create(created, version)
            published = await functions.publish(version, "r")
            os.write(1, f"{seed} {stored.digest} {published.version}\n".encode())
            seed += CALLERS

    await asyncio.gather(*(caller(first + number) for number in range(CALLERS)))


async def fill_the_disk(directory: Path) -> None:
    """The other victim: writes until its files may not grow, then gets room again and goes on."""
    db = Database(directory)
    functions, code = Functions(db), CodeStore(directory / "code")
    await functions.create(*function("f", "d"))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, most))
    done, refused = 0, 0
    while refused < 3:
        try:
            await functions.put_tags(ACCOUNT, REGION, "f", {f"k{done}": "x" * 5_000})
            done += 1
        except StoreError:
            refused += 1
    try:
        await code.add(b"#" * 700_000 + package(1))
    except StoreError:
        refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    await functions.put_tags(ACCOUNT, REGION, "f", {"last": "x"})
    print(done, refused, len(functions.tags(ACCOUNT, REGION, "f")), os.listdir(code.root))
    db.close()


def function(name: str, digest: str, **tags: str) -> tuple[StoredFunction, StoredVersion]:
    key = {"account": ACCOUNT, "region": REGION, "name": name}
    version = StoredVersion(
        **key, version=LATEST, revision="r", config={}, code_digest=digest, code_size=1, last_modified=""
    )
    return StoredFunction(**key, created_at=0.0, tags=tags), version


def victim(what: str, directory: Path, first: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, what, str(directory), str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})


def kill_at_some_instant(directory: Path, turn: int) -> list[list[str]]:
    """Run the victim, kill it after a while of its work; what it had acknowledged."""
    with victim("store", directory, turn * 1_000_000) as process:
        assert process.stdout is not None
        acknowledged = process.stdout.readline()
        time.sleep(random.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    return [line.split() for line in acknowledged.decode().splitlines(keepends=True) if line.endswith("\n")]


def check(directory: Path, acknowledged: list[list[str]]) -> None:
    db = Database(directory)
    functions, code = Functions(db), CodeStore(directory / "code")
    code.repair()
    for seed, digest, number in acknowledged:
        assert functions.get(ACCOUNT, REGION, f"f{seed}").tags == {"seed": seed}
        for version in (LATEST, number):
            assert functions.get_version(ACCOUNT, REGION, f"f{seed}", version).code_digest == digest
        tree = code.path(digest)
        found = {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*.py")}
        assert found == contents(int(seed))
    # A function never refers to code that is not there, and nothing half-written is left.
    assert functions.all_digests() <= set(code.digests())
    assert all(code.get(digest) is not None and code.zip(digest).exists() for digest in code.digests())
    assert [path.name for path in code.root.iterdir() if path.name.startswith(".")] == []
    db.close()


@pytest.mark.slow
def test_whatever_was_acknowledged_survives_kill_9_at_any_instant(tmp_path: Path) -> None:
    acknowledged: list[list[str]] = []
    for turn in range(ROUNDS):
        acknowledged += kill_at_some_instant(tmp_path / "data", turn)
        check(tmp_path / "data", acknowledged)

    assert len(acknowledged) >= ROUNDS


def test_a_full_disk_refuses_what_it_cannot_keep_and_the_store_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with victim("fill", tmp_path / "data") as process:
        said = process.communicate()[0].decode().split(maxsplit=3)

    assert process.returncode == 0
    done, refused, kept, code = int(said[0]), int(said[1]), int(said[2]), said[3].strip()
    assert done > 10
    assert (refused, kept, code) == (4, done + 1, "[]")  # every answered write is there, no refused one is


if __name__ == "__main__":
    if sys.argv[1] == "store":
        asyncio.run(store_without_end(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        asyncio.run(fill_the_disk(Path(sys.argv[2])))
