"""Compiling the Java client: once for each state of its sources, by whichever javac there is; here it is made up."""

import zipfile

import pytest

from lambent.errors import RuntimeMissing
from lambent.runtimes import places
from lambent.sandbox import java_client

JAVAC = """#!/bin/sh
echo "$@" >>{log}
while [ $# -gt 0 ]; do [ "$1" = -d ] && target=$2; shift; done
mkdir -p $target/lambent && echo class >$target/lambent/Main.class
"""


@pytest.fixture
def sources(tmp_path):
    for folder in java_client.JARS.values():
        (tmp_path / "java" / folder).mkdir(parents=True)
        (tmp_path / "java" / folder / "Main.java").write_text("class Main {}")
    return tmp_path / "java"


@pytest.fixture
def javac(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "path", lambda _: [tmp_path / "bin"])
    monkeypatch.setattr(places, "javas", lambda _: [])
    program = tmp_path / "bin" / "javac"
    program.parent.mkdir()
    program.write_text(JAVAC.format(log=tmp_path / "log"))
    program.chmod(0o755)
    return program


def compilations(tmp_path):
    return (tmp_path / "log").read_text().splitlines() if (tmp_path / "log").exists() else []


def test_the_client_becomes_jars_that_every_java_from_8_on_can_load(sources, javac, tmp_path):
    place = java_client.find(sources, (tmp_path / "home",))
    assert {path.name for path in place.iterdir()} == set(java_client.JARS)
    with zipfile.ZipFile(place / "client.jar") as jar:
        assert b"Main-Class: lambent.Main" in jar.read("META-INF/MANIFEST.MF")
        assert jar.read("lambent/Main.class") == b"class\n"
    assert all(line.startswith("--release 8 ") for line in compilations(tmp_path))
    assert [path.name for path in (tmp_path / "home").iterdir()] == [place.name]


def test_it_is_compiled_again_only_when_its_sources_change(sources, javac, tmp_path):
    first = java_client.find(sources, (tmp_path / "home",))
    assert java_client.find(sources, (tmp_path / "other", tmp_path / "home")) == first
    assert len(compilations(tmp_path)) == 2
    (sources / "lambent" / "Main.java").write_text("class Main { int changed; }")
    assert java_client.find(sources, (tmp_path / "home",)) != first


def test_the_compiler_beside_the_java_that_will_run_is_taken_first(sources, javac, tmp_path):
    beside = tmp_path / "jdk" / "bin" / "javac"
    beside.parent.mkdir(parents=True)
    beside.write_text(JAVAC.format(log=tmp_path / "beside"))
    beside.chmod(0o755)
    java_client.find(sources, (tmp_path / "home",), str(beside.with_name("java")))
    assert compilations(tmp_path) == []
    assert (tmp_path / "beside").exists()


def test_without_a_compiler_it_is_said_what_to_install(sources, javac, tmp_path):
    javac.unlink()
    with pytest.raises(RuntimeMissing, match="apt-get install default-jdk-headless"):
        java_client.find(sources, (tmp_path / "home",))


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(sources, javac, tmp_path):
    javac.write_text("#!/bin/sh\necho 'Main.java:1: error' >&2\nexit 1\n")
    with pytest.raises(RuntimeMissing, match=r"Main\.java:1: error"):
        java_client.find(sources, (tmp_path / "home",))
    assert not list((tmp_path / "home").iterdir())
