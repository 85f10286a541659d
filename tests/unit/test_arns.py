import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.arns import FunctionRef, function_arn, parse_function
from lambent.errors import InvalidParameterValue, ResourceNotFound

ACCOUNT, REGION = "000000000000", "us-east-1"


def parse(text: str, qualifier: str | None = None) -> FunctionRef:
    return parse_function(text, qualifier, account=ACCOUNT, region=REGION)


@pytest.mark.parametrize(
    "text",
    [
        "resize",
        "function:resize",
        "000000000000:resize",
        "000000000000:function:resize",
        "us-east-1:000000000000:function:resize",
        "arn:aws:lambda:us-east-1:000000000000:function:resize",
    ],
)
def test_every_form_of_a_name_means_the_same_function(text: str) -> None:
    assert parse(text) == FunctionRef(ACCOUNT, REGION, "resize", None)
    assert parse(text + ":7") == FunctionRef(ACCOUNT, REGION, "resize", "7")
    assert parse(text + ":$LATEST").qualifier == "$LATEST"


def test_another_account_is_kept() -> None:
    assert parse("111122223333:function:resize").account == "111122223333"
    assert parse("arn:aws:lambda:us-east-1:111122223333:function:resize").account == "111122223333"


def test_the_requests_own_qualifier_counts_when_the_name_has_none() -> None:
    assert parse("resize", "live").qualifier == "live"


def test_the_same_qualifier_twice_is_no_contradiction() -> None:
    assert parse("resize:live", "live").qualifier == "live"


def test_two_different_qualifiers_are_refused_in_awss_words() -> None:
    with pytest.raises(InvalidParameterValue, match="derived qualifier from the function name does not match"):
        parse("resize:live", "7")


def test_a_function_of_another_region_is_not_reachable() -> None:
    with pytest.raises(ResourceNotFound, match=r"'eu-west-1'.*not reachable"):
        parse("arn:aws:lambda:eu-west-1:000000000000:function:resize")


@pytest.mark.parametrize("text", ["", "a b", "resize:", "a/b", "arn:aws:s3:::bucket", "resize:live:more", "x\n"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterValue):
        parse(text)


@given(st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True), st.sampled_from([None, "$LATEST", "1", "live"]))
def test_an_arn_that_we_print_is_read_back(name: str, qualifier: str | None) -> None:
    ref = FunctionRef("123456789012", REGION, name, qualifier)
    assert parse(ref.arn) == ref
    assert ref.arn.startswith(function_arn("123456789012", REGION, name))
