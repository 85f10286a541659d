from pathlib import Path
from typing import Any

import msgspec
import pytest

from lambent.errors import SettingError
from lambent.settings import TABLE, Settings, load


def test_the_table_and_the_settings_have_the_same_rows_in_the_same_order() -> None:
    fields = msgspec.structs.fields(Settings)
    assert [(field.name, field.default) for field in fields] == [(row.name, row.default) for row in TABLE]
    assert [field.type for field in fields] == [type(row.default) for row in TABLE]


def test_every_setting_says_what_it_is_for_in_plain_words() -> None:
    assert [row.name for row in TABLE if len(row.help) < 15 or row.help.endswith(".")] == []


def test_nothing_given_means_the_defaults() -> None:
    assert load({}, {}) == Settings()


def test_the_file_then_the_environment_then_the_flag_win(tmp_path: Path) -> None:
    # Given a file that sets three things
    file = tmp_path / "lambent.toml"
    file.write_text('port = 1\nhusks = 2\nregion = "eu-west-1"\n')
    # When the environment repeats two of them and a flag one
    settings = load({"port": "3"}, {"LAMBENT_PORT": "2", "LAMBENT_HUSKS": "7"}, str(file))
    # Then each is as the strongest says
    assert (settings.port, settings.husks, settings.region) == (3, 7, "eu-west-1")


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert load({"port": None}, {"LAMBENT_PORT": "9"}).port == 9


@pytest.mark.parametrize(("text", "value"), [("1", True), ("yes", True), ("On", True), ("0", False), ("", False)])
def test_truth_in_the_environment_is_said_in_several_ways(text: str, value: bool) -> None:
    assert load({}, {"LAMBENT_QUIET": text}).quiet is value


@pytest.mark.parametrize(
    ("flags", "environ", "words"),
    [
        ({"port": "many"}, {}, ["port", "whole number", "--port", "'many'"]),
        ({}, {"LAMBENT_QUIET": "perhaps"}, ["quiet", "true or false", "LAMBENT_QUIET"]),
        ({"port": 70000}, {}, ["port", "65535", "70000"]),
        ({"account": "12"}, {}, ["account", "12 digits"]),
        ({"isolation": "some"}, {}, ["isolation", "userns"]),
        ({"husks": -1}, {}, ["husks", "negative"]),
        ({"clock": "sundial"}, {}, ["clock", "real or virtual", "'sundial'"]),
        ({"sandboxes": 0}, {}, ["sandboxes", "at least 1"]),
        ({"colour": "red"}, {}, ["colour", "the command line", "region"]),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_its_source(
    flags: dict[str, Any], environ: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(SettingError) as caught:
        load(flags, environ)
    assert [word for word in words if word not in caught.value.message] == []


def test_a_true_is_not_a_number() -> None:
    with pytest.raises(SettingError):
        load({"port": True}, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.test", "127.0.0.1.example.test"])
def test_listening_beyond_loopback_without_authentication_is_refused(host: str) -> None:
    with pytest.raises(SettingError, match="authentication"):
        load({"host": host}, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.test"])
def test_who_checks_signatures_may_listen_anywhere(host: str) -> None:
    assert load({"host": host, "auth": True}, {}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.9.9.9", "::1"])
def test_loopback_is_allowed_in_every_spelling(host: str) -> None:
    assert load({"host": host}, {}).host == host


def test_a_settings_file_that_is_not_there_is_said_so() -> None:
    with pytest.raises(SettingError, match="cannot read"):
        load({}, {}, "/nonexistent/lambent.toml")


def test_a_settings_file_that_is_not_toml_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "lambent.toml"
    file.write_text("port: 1")
    with pytest.raises(SettingError, match="not TOML"):
        load({}, {}, str(file))


def test_an_unknown_name_in_the_file_is_refused_with_the_names_that_exist(tmp_path: Path) -> None:
    file = tmp_path / "lambent.toml"
    file.write_text("prot = 1")
    with pytest.raises(SettingError, match=r"'prot'.*port"):
        load({}, {}, str(file))


def test_the_data_directory_is_what_was_asked_for(tmp_path: Path) -> None:
    assert load({"data": str(tmp_path)}, {}).data_dir == tmp_path


def test_the_data_directory_of_a_user_lies_where_the_user_keeps_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ada/data")
    assert Settings().data_dir == Path("/home/ada/data/lambent")
