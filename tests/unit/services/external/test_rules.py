"""The file that says what lies elsewhere."""

from pathlib import Path

import pytest

from lambent.errors import SettingError
from lambent.services.external.rules import Rules, load

QUEUE = "arn:aws:sqs:eu-west-1:111111111111:orders"


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Rules:
        file = tmp_path / "external.toml"
        file.write_text(text)
        return load(str(file))

    return write


def test_without_a_file_everything_is_here():
    assert load("").of(QUEUE) is None


def test_the_first_rule_that_fits_is_obeyed(written):
    rules = written(
        '[[external]]\narn = "arn:aws:sqs:*:111111111111:ord*"\nprofile = "a"\n'
        '[[external]]\narn = "arn:aws:sqs:*:*:*"\nprofile = "b"\n'
    )
    assert rules.of(QUEUE).profile == "a"
    assert rules.of(QUEUE.replace("orders", "bills")).profile == "b"
    assert rules.of("arn:aws:sns:eu-west-1:111111111111:orders") is None


def test_keys_are_never_shown(written):
    rules = written(f'[[external]]\narn = "{QUEUE}"\naccess_key_id = "AKID"\nsecret_access_key = "hidden"\n')
    (rule,) = rules
    assert "hidden" not in f"{rule} {rule!r} {rules!r}"
    assert str(rule) == f"{QUEUE} at AWS with its own keys"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("external = 1", r"Expected `array`, got `int`"),
        ('[[external]]\narn = "x"', "'x' is no ARN of one of these services"),
        ('[[external]]\narn = "arn:aws:dynamodb:eu-west-1:1:t"', "is no ARN of one of these services"),
        ("[[external]]", "missing required field `arn`"),
        (f'[[external]]\narn = "{QUEUE}"\nsecret = "x"', "unknown field `secret`"),
        (f'[[external]]\narn = "{QUEUE}"\nendpoint = "host:1"', "has an endpoint that is no URL"),
        (f'[[external]]\narn = "{QUEUE}"\naccess_key_id = "x"', "needs access_key_id and secret_access_key together"),
        (
            f'[[external]]\narn = "{QUEUE}"\nprofile = "p"\naccess_key_id = "x"\nsecret_access_key = "y"',
            "has a profile and keys",
        ),
        ("[[external", "external"),
    ],
)
def test_a_file_that_cannot_be_obeyed_is_refused_in_a_sentence(written, text, told):
    with pytest.raises(SettingError, match=r"external: .*external\.toml: ") as refused:
        written(text)
    assert told in refused.value.message


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingError, match=r"cannot read .*gone\.toml: No such file"):
        load(str(tmp_path / "gone.toml"))
