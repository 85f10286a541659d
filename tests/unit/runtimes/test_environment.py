"""The environment variables against those that AWS was recorded to set."""

import json
from pathlib import Path

import pytest

from lambent.model import Version
from lambent.runtimes.environment import RESERVED, Credentials, environment
from lambent.runtimes.table import TABLE

RECORDED = json.loads((Path(__file__).parent / "recorded_environments.json").read_text())
KEYS = Credentials("AKIA", "secret", "token")
STREAM = "2026/01/12/[$LATEST]0123456789abcdef0123456789abcdef"


def version(**changes) -> Version:
    given = {
        "account": "111111111111",
        "region": "eu-west-1",
        "name": "hello",
        "version": "$LATEST",
        "revision": "r",
        "runtime": "python3.13",
        "handler": "handler.handler",
        "code_digest": "d",
        "memory_mb": 1024,
    }
    return Version(**(given | changes))


@pytest.mark.parametrize("runtime", list(RECORDED))
def test_the_environment_is_the_recorded_one(runtime):
    expected = RECORDED[runtime]
    made = environment(
        version(runtime=runtime, handler=expected["_HANDLER"], environment={"TEST_KEY": "TEST_VAL"}), STREAM, KEYS
    )
    assert made == expected


def test_the_users_variables_win():
    made = environment(version(environment={"PATH": "/opt/mine", "TZ": "Europe/Berlin"}), STREAM, KEYS)
    assert (made["PATH"], made["TZ"]) == ("/opt/mine", "Europe/Berlin")


def test_a_log_group_of_the_users_choice_is_told():
    assert environment(version(log_group="mine"), STREAM, KEYS)["AWS_LAMBDA_LOG_GROUP_NAME"] == "mine"


@pytest.mark.parametrize(("level", "told"), [(None, "INFO"), ("DEBUG", "DEBUG")])
def test_json_logs_are_told_to_the_runtime(level, told):
    made = environment(version(log_format="JSON", application_log_level=level), STREAM, KEYS)
    assert (made["AWS_LAMBDA_LOG_FORMAT"], made["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", told)


def test_provisioned_concurrency_shows_in_the_initialization_type():
    made = environment(version(), STREAM, KEYS, initialization_type="provisioned-concurrency")
    assert made["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"


@pytest.mark.parametrize("runtime", list(TABLE))
def test_every_runtime_has_an_environment(runtime):
    assert environment(version(runtime=runtime), STREAM, KEYS)["AWS_REGION"] == "eu-west-1"


def test_the_names_that_a_user_may_set_are_not_reserved():
    free = {"LANG", "PATH", "LD_LIBRARY_PATH", "NODE_PATH", "PYTHONPATH", "TZ", "AWS_XRAY_CONTEXT_MISSING"}
    assert not free & RESERVED
