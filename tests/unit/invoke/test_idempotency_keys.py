"""What an idempotency key may be, how long it lives, and what is the same request."""

import pytest
from invoke_samples import ACCOUNT, FUNCTION_ARN, REGION, invocation, version

from lambent.errors import IdempotentParameterMismatch, InvalidParameterValue
from lambent.invoke.keys import Term, asked_by, asked_of, checked, compare, term_in
from lambent.model import Event

TERM = Term(60.0, 5.0)


@pytest.mark.parametrize(
    ("tag", "seconds"), [("1s", 1), ("90s", 90), ("30m", 1_800), ("24h", 86_400), ("30d", 2_592_000)]
)
def test_the_tag_says_how_long_keys_live(tag, seconds):
    assert term_in(tag) == seconds


@pytest.mark.parametrize("tag", ["", "1", "h", "0s", "-1h", "1.5h", "1 h", "1h30m", "1w", "31d", "9999999d", "١h"])
def test_another_value_is_refused_with_what_it_should_be(tag):
    with pytest.raises(InvalidParameterValue, match=r"from 1s to 30d, like 90s, 30m, 1h or 7d; found"):
        term_in(tag)


@pytest.mark.parametrize("key", ["k", "x" * 256, "order:42/ü".replace("ü", "~"), '"quoted"'])
def test_a_key_is_visible_ascii(key):
    assert checked(key) == key


@pytest.mark.parametrize("key", ["", "x" * 257, "a b", "ü", "a\tb", "\x7f"])
def test_another_key_is_refused(key):
    with pytest.raises(InvalidParameterValue, match="1 to 256 visible ASCII characters"):
        checked(key)


def test_a_key_belongs_to_a_function_and_to_how_it_was_named():
    bare = asked_of("k", invocation(), TERM).scope
    assert bare == (ACCOUNT, REGION, "hello", "", "k", 5.0)
    assert asked_of("k", invocation(invoked_arn=f"{FUNCTION_ARN}:$LATEST"), TERM).scope == bare
    assert asked_of("k", invocation(invoked_arn=f"{FUNCTION_ARN}:prod"), TERM).scope == bare._replace(qualifier="prod")
    other = invocation(version(name="other"), invoked_arn=FUNCTION_ARN.replace("hello", "other"))
    assert asked_of("k", other, TERM).scope == bare._replace(name="other")


def event(payload: bytes) -> Event:
    return Event(
        id=0, request_id="e", account=ACCOUNT, region=REGION, name="hello", payload=payload, received=1.0, due=1.0
    )  # fmt: skip


def test_all_that_a_function_sees_of_a_request_makes_it_another():
    digests = {
        asked_of("k", invocation(payload=b"1"), TERM).digest,
        asked_of("k", invocation(payload=b"2"), TERM).digest,
        asked_of("k", invocation(payload=b"1", client_context='{"a":1}'), TERM).digest,
        asked_of("k", invocation(payload=b'{"a":1}1'), TERM).digest,
        asked_by("k", event(b"1"), TERM).digest,
    }
    assert len(digests) == 5


def test_who_asks_and_how_it_is_answered_does_not():
    first = asked_of("k", invocation(), TERM)
    again = asked_of("k", invocation(request_id="other", trace="Root=2", want_log_tail=True, received=9.0), TERM)
    compare(first.digest, again)
    with pytest.raises(IdempotentParameterMismatch):
        compare(first.digest, asked_of("k", invocation(payload=b"other"), TERM))
