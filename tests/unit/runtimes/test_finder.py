"""Finding interpreters in a made-up home, without running any but Node."""

import stat
from pathlib import Path

import pytest

from lambent.runtimes import places
from lambent.runtimes.finder import find, how_to_add
from lambent.runtimes.table import TABLE


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """An empty home; the machine's own interpreters are out of sight."""
    own = places.path
    monkeypatch.setattr(places, "path", lambda given: [p for p in own(given) if p.is_relative_to(tmp_path)])
    javas = places.javas
    monkeypatch.setattr(places, "javas", lambda given: [p for p in javas(given) if p.is_relative_to(tmp_path)])
    return {"HOME": str(tmp_path), "PATH": "", "AGENT_TOOLSDIRECTORY": str(tmp_path / "hosted")}


def test_a_machine_without_interpreters_still_runs_provided_runtimes(environ):
    found = find(environ)
    assert set(found) == {"provided.al2", "provided.al2023"}
    assert found["provided.al2"].executable == ""


def test_pyenv_uv_and_hosted_installations_are_told_by_their_folder(environ, tmp_path):
    program(tmp_path / ".pyenv/versions/3.13.0/bin/python3.13")
    program(tmp_path / ".local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu/bin/python3.12")
    program(tmp_path / "hosted/Python/3.10.2/x64/bin/python3.10")
    found = find(environ)
    assert found["python3.13"].version == "3.13.0"
    assert found["python3.13"].prefix == str(tmp_path / ".pyenv/versions/3.13.0")
    assert found["python3.12"].version == "3.12.4"
    assert found["python3.10"].executable.endswith("x64/bin/python3.10")


def test_the_highest_patch_version_wins(environ, tmp_path):
    for version in ("3.13.9", "3.13.10", "3.13.2"):
        program(tmp_path / f".pyenv/versions/{version}/bin/python3.13")
    assert find(environ)["python3.13"].version == "3.13.10"


@pytest.mark.parametrize("folder", ["3.13.0t", "3.14.0rc2", "pypy3.10-7.3.12", "miniconda3", "3.7.16", "2.7.18"])
def test_other_builds_and_pythons_too_old_for_the_guest_are_left_alone(environ, tmp_path, folder):
    for name in ("python3.13", "python3.14", "python3.10", "python3.7", "python2.7"):
        program(tmp_path / f".pyenv/versions/{folder}/bin/{name}")
    assert set(find(environ)) == {"provided.al2", "provided.al2023"}


def test_a_virtual_environment_on_the_path_leads_to_its_interpreter(environ, tmp_path):
    real = program(tmp_path / "opt/python-3.11/bin/python3.11")
    link = tmp_path / "venv/bin/python3.11"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    found = find(environ | {"PATH": str(link.parent)})
    assert found["python3.11"].executable == str(real)
    assert found["python3.11"].prefix == str(tmp_path / "opt/python-3.11")


def test_shims_are_no_interpreters(environ, tmp_path):
    program(tmp_path / ".pyenv/shims/python3.13")
    assert "python3.13" not in find(environ | {"PATH": str(tmp_path / ".pyenv/shims")})


def test_a_file_that_may_not_be_run_is_no_interpreter(environ, tmp_path):
    path = program(tmp_path / ".pyenv/versions/3.13.0/bin/python3.13")
    path.chmod(0o644)
    assert "python3.13" not in find(environ)


def test_nvm_installations_are_told_by_their_folder(environ, tmp_path):
    program(tmp_path / ".nvm/versions/node/v22.1.0/bin/node")
    found = find(environ)
    assert (found["nodejs22.x"].version, found["nodejs22.x"].kind) == ("22.1.0", "node")


def test_a_node_on_the_path_is_asked_once(environ, tmp_path):
    count = tmp_path / "count"
    program(tmp_path / "bin/node", f"#!/bin/sh\necho asked >> {count}\necho v20.20.2\n")
    for _ in range(3):
        assert find(environ | {"PATH": str(tmp_path / "bin")})["nodejs20.x"].version == "20.20.2"
    assert count.read_text() == "asked\n"


@pytest.mark.parametrize("answer", ["echo hello", "exit 1", "echo v4.3.2", "echo v21.0.0"])
def test_what_does_not_answer_like_a_lambda_node_is_left_alone(environ, tmp_path, answer):
    program(tmp_path / "bin/node", f"#!/bin/sh\n{answer}\n")
    assert set(find(environ | {"PATH": str(tmp_path / "bin")})) == {"provided.al2", "provided.al2023"}


def test_prefixes_under_usr_need_no_mount():
    assert places.prefix("/usr/bin/python3.11") == ""
    assert places.prefix("/usr/local/bin/python3.13") == ""
    assert places.prefix("/bin/node") == ""
    assert places.prefix("/home/me/.pyenv/versions/3.13.0/bin/python3.13") == "/home/me/.pyenv/versions/3.13.0"


def test_nothing_stands_in_unless_it_is_asked_for(environ, tmp_path):
    program(tmp_path / ".pyenv/versions/3.13.0/bin/python3.13")
    assert "python3.14" not in find(environ)


def test_the_nearest_interpreter_stands_in_and_says_so(environ, tmp_path):
    program(tmp_path / ".pyenv/versions/3.13.0/bin/python3.13")
    program(tmp_path / ".pyenv/versions/3.9.1/bin/python3.9")
    program(tmp_path / ".nvm/versions/node/v20.1.0/bin/node")
    found = find(environ, runtime_fallback=True)
    stands = {name: (info.name, info.stands_in_for) for name, info in found.items() if info.stands_in_for}
    assert stands["python3.14"] == ("python3.13", "python3.14")
    assert stands["python3.11"] == ("python3.13", "python3.11")  # a tie: the newer
    assert stands["python3.10"] == ("python3.9", "python3.10")
    assert stands["nodejs24.x"] == ("nodejs20.x", "nodejs24.x")
    assert found["python3.13"].stands_in_for == ""
    assert "python2.7" not in found


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ("python3.14", ["Python 3.14 is not installed", "`lambent runtimes add python3.14`", "--runtime-fallback"]),
        ("python3.15", ["Python 3.15 is not installed", "uv python install 3.15"]),
        ("nodejs22.x", ["Node.js 22 is not installed", "`lambent runtimes add nodejs22.x`", "--runtime-fallback"]),
        ("nodejs16.x", ["Node.js 16 is not installed", "nvm install 16"]),
        ("java21", ["Java 21 is not installed", "`lambent runtimes add java21`"]),
        ("java8.al2", ["Java 8 is not installed", "openjdk-8-jre-headless"]),
        ("ruby3.4", ["Ruby 3.4 is not installed", "rbenv install 3.4", "--runtime-fallback"]),
        ("dotnet8", ["does not run dotnet8", "provided.al2023"]),
        ("python3.7", ["does not run python3.7", "provided.al2023"]),
        ("nodejs", ["does not run nodejs", "provided.al2023"]),
    ],
)
def test_a_missing_runtime_comes_with_the_way_to_add_it(runtime, words):
    assert all(word in how_to_add(runtime) for word in words)


def test_there_is_advice_for_every_runtime():
    assert all(how_to_add(name).endswith(".") for name in TABLE)


def test_every_identifier_of_one_java_is_found_by_its_release_file(environ, tmp_path):
    program(tmp_path / ".jdks/whatever/bin/java")
    (tmp_path / ".jdks/whatever/release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="17.0.15"\n')
    program(tmp_path / ".jdks/eight/bin/java")
    (tmp_path / ".jdks/eight/release").write_text('JAVA_VERSION="1.8.0_402"\n')
    found = find(environ)
    assert {name for name, info in found.items() if info.version == "17.0.15"} == {"java17", "java17.al2023"}
    assert {name for name in found if name.startswith("java8")} == {"java8", "java8.al2", "java8.al2023"}


def test_a_java_without_a_release_file_is_left_alone(environ, tmp_path):
    program(tmp_path / ".jdks/odd/bin/java")
    assert not [name for name in find(environ) if name.startswith("java")]


def test_rubies_are_told_by_their_folder_or_asked(environ, tmp_path):
    program(tmp_path / ".rbenv/versions/3.4.1/bin/ruby")
    program(tmp_path / "bin/ruby", "#!/bin/sh\necho 'ruby 3.3.7 (2025-01-15 revision be31f993d7) [x86_64-linux]'\n")
    found = find(environ | {"PATH": str(tmp_path / "bin")})
    assert (found["ruby3.4"].version, found["ruby3.3"].version) == ("3.4.1", "3.3.7")


def test_an_interpreter_that_lambda_has_no_name_for_only_stands_in(environ, tmp_path):
    program(tmp_path / "bin/ruby", "#!/bin/sh\necho 'ruby 3.1.2p20 (2022-04-12 revision 4491bb740a)'\n")
    environ |= {"PATH": str(tmp_path / "bin")}
    assert "ruby3.1" not in find(environ)
    found = find(environ, runtime_fallback=True)
    assert (found["ruby3.2"].name, found["ruby3.2"].stands_in_for) == ("ruby3.1", "ruby3.2")
    assert found["ruby3.1"].version == "3.1.2"
