"""Which pages a bucket's CORS rules let in, which rules it takes, and what browsers are told."""

from typing import Any

import pytest

from lambent.errors import AwsError
from lambent.services.s3 import cors
from lambent.services.s3.nouns import Bucket, Settings

ORIGIN = "https://shop.example.com"


def rule(**members: Any) -> dict[str, Any]:
    return {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": [ORIGIN], **members}


def bucket(*rules: dict[str, Any]) -> Bucket:
    return Bucket("b", "000000000000", "us-east-1", 0.0, Settings(cors=list(rules)))


def refusal(*rules: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        cors.checked(list(rules))
    return caught.value.code, caught.value.message


def test_rules_are_kept_as_they_were_put() -> None:
    rules = [rule(ID="one", AllowedHeaders=["x-amz-*"], ExposeHeaders=["ETag"], MaxAgeSeconds=5), rule()]
    assert cors.checked(rules) == rules


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"AllowedMethods": ["PATCH"]}, "Unsupported method is PATCH"),
        ({"AllowedMethods": ["get"]}, "Unsupported method is get"),
        ({"AllowedOrigins": ["http://*.*"]}, 'AllowedOrigin "http://*.*" can not have more than one wildcard.'),
        ({"AllowedHeaders": ["*x*"]}, 'AllowedHeader "*x*" can not have more than one wildcard.'),
        ({"ExposeHeaders": ["x-*"]}, 'ExposeHeader "x-*" contains wildcard.'),
    ],
)
def test_a_rule_that_aws_does_not_take_is_refused(members: dict[str, Any], message: str) -> None:
    code, said = refusal(rule(**members))
    assert code == "InvalidRequest"
    assert message in said


def test_there_are_at_most_a_hundred_rules_and_at_least_one_that_is_whole() -> None:
    assert refusal(*[rule()] * 101) == (
        "InvalidRequest", "The number of CORS rules should not exceed allowed limit of 100 rules.",
    )  # fmt: skip
    assert len(cors.checked([rule()] * 100)) == 100
    for rules in ([], [rule(AllowedMethods=[])], [rule(AllowedOrigins=[])]):
        assert refusal(*rules)[0] == "MalformedXML"
    assert refusal(rule(ID="x" * 256))[0] == "InvalidArgument"
    assert refusal(rule(AllowedOrigins=["https://" + "x" * 70_000]))[0] == "MaxMessageLengthExceeded"


@pytest.mark.parametrize(
    ("pattern", "origin", "fits"),
    [
        ("*", "http://anything", True),
        (ORIGIN, ORIGIN, True),
        (ORIGIN, "https://SHOP.example.com", False),
        ("https://*.example.com", ORIGIN, True),
        ("https://*.example.com", "https://example.com", False),
        ("http://localhost:*", "http://localhost:3000", True),
        ("aa*aa", "aaa", False),
    ],
)
def test_an_origin_may_have_one_wildcard(pattern: str, origin: str, fits: bool) -> None:
    assert (cors.rule_for([rule(AllowedOrigins=[pattern])], origin, "GET") is not None) == fits


def test_the_first_rule_that_allows_all_of_it_counts() -> None:
    rules = [rule(ID="1", AllowedMethods=["PUT"]), rule(ID="2"), rule(ID="3", AllowedHeaders=["X-Amz-*"])]
    for method, headers, found in (("PUT", (), "1"), ("GET", (), "2"), ("GET", ("x-amz-date",), "3")):
        assert (cors.rule_for(rules, ORIGIN, method, headers) or {})["ID"] == found
    assert cors.rule_for(rules, ORIGIN, "GET", ("x-amz-date", "range")) is None
    assert cors.rule_for(rules, ORIGIN, "DELETE") is None


def test_a_preflight_is_told_what_the_page_may() -> None:
    asked = {
        "origin": ORIGIN, "access-control-request-method": "PUT",
        "access-control-request-headers": "Content-Type, x-amz-date",
    }  # fmt: skip
    allowed = rule(AllowedHeaders=["*"], ExposeHeaders=["ETag", "x-amz-request-id"], MaxAgeSeconds=600)
    assert cors.preflight(bucket(allowed), "OBJECT", asked) == [
        ("Access-Control-Allow-Origin", ORIGIN),
        ("Access-Control-Allow-Methods", "GET, PUT"),
        ("Access-Control-Allow-Headers", "content-type, x-amz-date"),
        ("Access-Control-Expose-Headers", "ETag, x-amz-request-id"),
        ("Access-Control-Max-Age", "600"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
    ]


def test_everybody_is_told_a_star_and_no_credentials() -> None:
    told = dict(cors.of_answer(bucket(rule(AllowedOrigins=["*"])), ORIGIN, "GET"))
    assert told["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in told


def test_an_answer_that_a_page_may_not_see_still_varies() -> None:
    assert cors.of_answer(bucket(rule()), "http://other", "GET") == [cors.VARY]
    assert cors.of_answer(bucket(), ORIGIN, "GET") == []


@pytest.mark.parametrize(
    ("there", "headers", "code", "message"),
    [
        (bucket(), {}, "BadRequest", "Insufficient information. Origin request header needed."),
        (bucket(), {"origin": "o"}, "BadRequest", "Invalid Access-Control-Request-Method: null"),
        (bucket(), {"access-control-request-method": "PATCH"}, "BadRequest", "Invalid Access-Control-Request-Method: "),
        (None, {"access-control-request-method": "GET"}, "AccessForbidden", "CORSResponse: Bucket not found"),
        (bucket(), {"access-control-request-method": "GET"}, "AccessForbidden", "CORS is not enabled for this bucket."),
        (bucket(rule()), {"access-control-request-method": "GET"}, "AccessForbidden", "This CORS request is not all"),
    ],
)
def test_a_preflight_that_is_refused_says_why(
    there: Bucket | None, headers: dict[str, str], code: str, message: str
) -> None:
    with pytest.raises(AwsError) as caught:
        cors.preflight(
            there, "BUCKET", ({"origin": "http://other"} if len(headers) and "origin" not in headers else {}) | headers
        )
    assert caught.value.code == code
    assert message in caught.value.message
