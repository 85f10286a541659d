"""The table of runtimes against botocore's enumeration, and AWS's dates."""

import datetime
import json

import pytest
from botocore.loaders import Loader

from lambent.errors import InvalidParameterValue
from lambent.runtimes.table import CONTAINER_ONLY, TABLE, check_create, check_update

DAY = datetime.timedelta(days=1)


def test_the_table_has_exactly_the_runtimes_of_the_service_model():
    model = Loader().load_service_model("lambda", "service-2")
    assert set(TABLE) == set(model["shapes"]["Runtime"]["enum"])


def test_container_only_images_are_no_identifiers():
    assert not set(CONTAINER_ONLY) & set(TABLE)


@pytest.mark.parametrize(
    ("name", "kind", "family"),
    [
        ("python3.13", "python", "python"),
        ("nodejs22.x", "node", "nodejs"),
        ("nodejs4.3-edge", "node", "nodejs"),
        ("provided.al2023", "provided", "provided"),
        ("provided", "provided", "provided"),
        ("java8.al2", "java", "java"),
        ("dotnetcore3.1", "dotnet", "dotnet"),
        ("dotnet8", "dotnet", "dotnet"),
        ("ruby3.4", "ruby", "ruby"),
        ("go1.x", "go", "go"),
        ("custom", "custom", "custom"),
    ],
)
def test_an_identifier_says_its_kind_and_family(name, kind, family):
    assert (TABLE[name].kind, TABLE[name].family) == (kind, family)


@pytest.mark.parametrize("name", [row.name for row in TABLE.values() if row.block_create])
def test_creating_is_refused_from_the_day_of_the_block_on(name):
    check_create(name, TABLE[name].block_create - DAY)
    with pytest.raises(InvalidParameterValue):
        check_create(name, TABLE[name].block_create)


@pytest.mark.parametrize("name", [row.name for row in TABLE.values() if row.block_update])
def test_updating_is_refused_from_the_day_of_the_block_on(name):
    check_update(name, TABLE[name].block_update - DAY)
    with pytest.raises(InvalidParameterValue):
        check_update(name, TABLE[name].block_update)


def test_a_runtime_without_dates_is_never_refused():
    check_create("java17.al2023", datetime.date(2099, 1, 1))
    check_update("java17.al2023", datetime.date(2099, 1, 1))


# The wording: ../shared/oracles/errors.tsv, recorded for these six.
@pytest.mark.parametrize("name", ["java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "nodejs12.x"])
def test_a_blocked_runtime_is_refused_in_the_words_that_were_recorded(name):
    with pytest.raises(InvalidParameterValue) as caught:
        check_create(name, datetime.date(2026, 11, 21))
    assert caught.value.message == (
        f"The runtime parameter of {name} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    )


def test_a_runtime_that_never_was_is_refused_with_the_list_of_those_that_are():
    with pytest.raises(InvalidParameterValue) as caught:
        check_create("python9.9", datetime.date(2026, 1, 1))
    assert caught.value.message.startswith("Value python9.9 at 'runtime' failed to satisfy constraint: ")
    assert caught.value.message.endswith(" or be a valid ARN")
    assert json.dumps("python3.13")[1:-1] in caught.value.message


def test_deprecation_is_told_by_the_day():
    row = TABLE["python3.9"]
    assert not row.is_deprecated(datetime.date(2025, 12, 14))
    assert row.is_deprecated(datetime.date(2025, 12, 15))
    assert not TABLE["python3.15"].is_deprecated(datetime.date(2099, 1, 1))
