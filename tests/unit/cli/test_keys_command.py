"""`lambent keys`, and where the commands find the keys that they sign with."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from lambent.cli import keys
from lambent.cli.endpoint import Endpoint
from lambent.cli.main import main
from lambent.cli.signature import credentials_of
from lambent.errors import SettingError

MADE = {
    "access_key": "AKIANEW", "account": "111122223333", "user": "ada", "arn": "arn:aws:iam::111122223333:user/ada",
    "created": "2026-11-21T12:00:00Z", "secret": "s3cret/of+ada",
}  # fmt: skip


class Answer:
    """What an Endpoint's send gives."""

    def __init__(self, document: dict[str, Any], status: int = 200) -> None:
        self.status = status
        self._body = json.dumps(document).encode()

    def read(self) -> bytes:
        return self._body

    def getheader(self, name: str) -> None:
        return None


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """What the command sends; it is answered with MADE, or with a list of it."""
    seen: list[tuple[str, str, Any]] = []

    def send(self: Endpoint, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        seen.append((method, path, json.loads(body) if body else None))
        return Answer({"keys": [MADE]} if method == "GET" else MADE)

    monkeypatch.setattr(Endpoint, "send", send)
    return seen


def test_keys_are_listed_for_people_and_for_programs(sent, capsys) -> None:
    assert main(["keys"]) == 0
    table = capsys.readouterr().out
    assert main(["keys", "--json"]) == 0

    assert "AKIANEW" in table
    assert "s3cret" not in table
    assert json.loads(capsys.readouterr().out)["keys"][0]["user"] == "ada"


def test_an_added_key_is_shown_with_its_secret(sent, capsys) -> None:
    assert main(["keys", "add", "--user", "ada", "--account", "111122223333"]) == 0
    assert "s3cret/of+ada  (shown only now)" in capsys.readouterr().out
    assert main(["keys", "add", "--export"]) == 0
    assert capsys.readouterr().out == "export AWS_ACCESS_KEY_ID=AKIANEW AWS_SECRET_ACCESS_KEY='s3cret/of+ada'\n"

    assert sent[0] == ("POST", "/_lambent/keys", {"account": "111122223333", "user": "ada"})


def test_the_secret_of_a_key_that_is_brought_is_read_and_never_an_argument(sent, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a secret that was brought\n"))

    assert main(["keys", "add", "--id", "AKIABROUGHT"]) == 0

    assert sent[0][2] == {
        "account": "", "user": "", "access_key": "AKIABROUGHT", "secret": "a secret that was brought",
    }  # fmt: skip


def test_keys_are_removed_by_their_ids(sent, capsys) -> None:
    assert main(["keys", "remove", "AKIAONE", "a/b"]) == 0

    assert [each[:2] for each in sent] == [("DELETE", "/_lambent/keys/AKIAONE"), ("DELETE", "/_lambent/keys/a%2Fb")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["remove"], "needs the id of a key"),
        (["add", "AKIA"], "takes no ID"),
        (["list", "AKIA"], "takes no ID"),
        (["remove", "AKIA", "--user", "ada"], "are for `lambent keys add`"),
    ],
)
def test_what_makes_no_sense_is_told_so(sent, capsys, words: list[str], says: str) -> None:
    assert main(["keys", *words]) == 1

    assert says in capsys.readouterr().err
    assert sent == []


def test_without_keys_the_list_says_how_to_get_one() -> None:
    assert "`lambent keys add` makes one" in keys.describe([])


# -- where commands find their keys


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.write_text(
        "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = a%b\n"
        "[work]\naws_access_key_id=ASIAWORK\naws_secret_access_key=c\naws_session_token=t\n"
    )
    return path


def test_the_environment_comes_before_the_file(file) -> None:
    named = {"AWS_SHARED_CREDENTIALS_FILE": str(file)}

    assert credentials_of(named, None) == ("AKIAFILE", "a%b", "", "us-east-1")
    assert credentials_of(named | {"AWS_PROFILE": "work"}, "eu-west-1") == ("ASIAWORK", "c", "t", "eu-west-1")
    both = credentials_of(named | {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "e"}, None)
    assert both is not None
    assert both.access_key == "AKIAENV"


def test_credentials_that_nobody_named_are_left_alone(monkeypatch, tmp_path, file) -> None:
    (tmp_path / ".aws").mkdir()
    file.rename(tmp_path / ".aws" / "credentials")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert credentials_of({}, None) is None
    found = credentials_of({"AWS_PROFILE": "default"}, None)
    assert found is not None
    assert found.access_key == "AKIAFILE"


@pytest.mark.parametrize(
    "environ", [{"AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials"}, {"AWS_PROFILE": "missing"}]
)
def test_credentials_that_are_named_must_be_there(environ, file) -> None:
    with pytest.raises(SettingError, match="credentials"):
        credentials_of({"AWS_SHARED_CREDENTIALS_FILE": str(file)} | environ, None)
