"""When something has come to the end that a bucket's rules set."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.errors import AwsError
from lambent.services.s3 import lifecycle
from lambent.services.s3.lifecycle import DAY_S
from lambent.services.s3.nouns import About, Stored

NOON = 1_700_000_000.0 // DAY_S * DAY_S + DAY_S / 2
MIDNIGHT = NOON + DAY_S / 2
FOUND = Stored(1, "b", "logs/a", "null", True, False, 100, "e", NOON, About(tags={"keep": "no"}))


def rule(**members: Any) -> dict[str, Any]:
    return {"ID": "r", "Status": "Enabled", "Expiration": {"Days": 1}, **members}


def test_a_day_is_over_at_the_midnight_behind_it() -> None:
    assert not lifecycle.expires([rule()], FOUND, MIDNIGHT + DAY_S - 1)
    assert lifecycle.expires([rule()], FOUND, MIDNIGHT + DAY_S)


@pytest.mark.parametrize(
    ("members", "fits"),
    [
        ({}, True),
        ({"Status": "Disabled"}, False),
        ({"Prefix": "logs/"}, True),
        ({"Prefix": "other/"}, False),
        ({"Filter": {"Prefix": "logs/"}}, True),
        ({"Filter": {}}, True),
        ({"Filter": {"Tag": {"Key": "keep", "Value": "no"}}}, True),
        ({"Filter": {"Tag": {"Key": "keep", "Value": "yes"}}}, False),
        ({"Filter": {"ObjectSizeGreaterThan": 99}}, True),
        ({"Filter": {"ObjectSizeGreaterThan": 100}}, False),
        ({"Filter": {"ObjectSizeLessThan": 100}}, False),
        ({"Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "keep", "Value": "no"}]}}}, True),
        ({"Filter": {"And": {"Prefix": "x", "Tags": [{"Key": "keep", "Value": "no"}]}}}, False),
        ({"Expiration": {"Date": NOON}}, True),
        ({"Expiration": {"Date": NOON + 9 * DAY_S}}, False),
        ({"Expiration": {"ExpiredObjectDeleteMarker": True}}, False),
    ],
)
def test_a_rule_is_for_what_its_filter_says(members: dict[str, Any], fits: bool) -> None:
    assert lifecycle.expires([rule(**members)], FOUND, NOON + 3 * DAY_S) is fits


def test_a_version_outlives_so_many_younger_ones_and_days() -> None:
    rules = [rule(NoncurrentVersionExpiration={"NoncurrentDays": 2, "NewerNoncurrentVersions": 1})]
    assert not lifecycle.is_outlived(rules, FOUND, (NOON, 0), NOON + 9 * DAY_S)
    assert not lifecycle.is_outlived(rules, FOUND, (NOON, 1), NOON + 2 * DAY_S)
    assert lifecycle.is_outlived(rules, FOUND, (NOON, 1), MIDNIGHT + 2 * DAY_S)


def test_an_abandoned_upload_is_aborted_unless_the_rule_asks_for_tags() -> None:
    ends = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    assert lifecycle.is_abandoned([rule(**ends)], "k", NOON, MIDNIGHT + DAY_S)
    tagged = rule(**ends, Filter={"Tag": {"Key": "a", "Value": "b"}})
    assert not lifecycle.is_abandoned([tagged], "k", NOON, MIDNIGHT + DAY_S)


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([], "MalformedXML"),
        ([{"Status": "Enabled"}], "MalformedXML"),
        ([rule(Status="On")], "MalformedXML"),
        ([rule(Filter={}, Prefix="")], "MalformedXML"),
        ([rule(Expiration={"Days": 1, "Date": datetime.now(UTC)})], "MalformedXML"),
        ([rule(Expiration={"Days": 0})], "InvalidArgument"),
        ([rule(), rule()], "InvalidArgument"),
        ([rule(Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])], "NotImplementedException"),
    ],
)
def test_rules_that_nobody_could_carry_out_are_refused(rules: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(AwsError) as refused:
        lifecycle.checked(rules)
    assert refused.value.code == code
