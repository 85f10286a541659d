"""Whatever somebody puts as a policy is refused in a sentence or can be asked, and what was taken can be added to."""

import json
from typing import Any

from control_client import REGION, function_arn
from hypothesis import given
from hypothesis import strategies as st

from lambent.control import policy_documents as documents
from lambent.errors import AwsError
from lambent.iam.policy import Asked, Verdict, evaluate, statements_of
from lambent.iam.policy_conditions import OPERATORS
from lambent.principal import NOBODY, Principal

ARN = function_arn()
CALLERS = [
    NOBODY,
    Principal(service="sns.amazonaws.com"),
    Principal(account="222222222222", arn="arn:aws:iam::222222222222:root", user_id="222222222222"),
]
odd = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=6),
    st.lists(st.text(), max_size=2),
)  # fmt: skip
texts = st.one_of(
    st.sampled_from([
        "*", ARN, "lambda:*", "${aws:userid}", "${", "${*}", "", "true", "10.0.0.0/8", "2026-01-01", "1e999", "-1",
        "9999-12-31T23:59-23:59", "0001-01-01", "\0*", "a" * 300,
    ]),
    st.text(max_size=8),
)  # fmt: skip
values = st.one_of(texts, st.lists(texts, max_size=3), odd)
prefixes, suffixes = (
    st.sampled_from(["", "ForAllValues:", "ForAnyValue:", "x:"]),
    st.sampled_from(["", "IfExists", "!"]),
)
operators = st.builds("{}{}{}".format, prefixes, st.sampled_from([*OPERATORS, "Null"]), suffixes)
keys = st.sampled_from(["aws:SourceArn", "AWS:SourceAccount", "aws:SourceIp", "aws:CurrentTime", "aws:userid", "x"])
principals = st.one_of(
    st.just("*"), odd,
    st.dictionaries(
        st.sampled_from(["AWS", "Service", "Federated", "x"]),
        st.one_of(st.sampled_from(["*", "222222222222", "sns.amazonaws.com"]), values), max_size=2,
    ),
)  # fmt: skip
statements = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={
        "Sid": odd, "Principal": principals, "NotPrincipal": principals, "Action": values, "NotAction": values,
        "Resource": values, "NotResource": values,
        "Condition": st.one_of(
            odd, st.dictionaries(operators, st.one_of(odd, st.dictionaries(keys, values)), max_size=2)
        ),
    },
)  # fmt: skip
sound = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]), "Principal": st.just("*"), "Action": st.just("lambda:*"),
        "Resource": st.just("*"),
        "Condition": st.dictionaries(
            st.builds("{}{}".format, st.sampled_from(list(OPERATORS)), st.sampled_from(["", "IfExists"])),
            st.dictionaries(keys, texts, min_size=1), max_size=3,
        ),
    }
)  # fmt: skip
policies = st.one_of(
    odd,
    st.fixed_dictionaries(
        {"Version": st.one_of(st.just("2012-10-17"), odd)},
        optional={"Statement": st.one_of(odd, statements, st.lists(statements, max_size=3)), "Id": odd},
    ),
    st.fixed_dictionaries({"Version": st.just("2012-10-17"), "Statement": st.lists(sound, min_size=1, max_size=3)}),
)


@given(policies, st.dictionaries(keys.map(str.lower), texts))
def test_a_policy_is_refused_in_a_sentence_or_can_be_asked(policy: Any, known: dict[str, str]) -> None:
    try:
        document = documents.checked(json.dumps(policy), ARN)
    except AwsError as refused:
        error = refused
    else:
        _ask(document, known)
        return
    assert error.status == 400
    assert error.message


def _ask(document: str, known: dict[str, str]) -> None:
    assert documents.checked(document, ARN) == document
    for caller in CALLERS:
        found = evaluate(statements_of(json.loads(document)), Asked(caller, "lambda:GetFunction", ARN, known))
        assert isinstance(found, Verdict)
    assert documents.denies(document) == ('"Effect":"Deny"' in document)
    assert documents.public(document) in (True, False)
    new = documents.statement({"StatementId": "mine", "Principal": "*", "Action": "lambda:*"}, ARN)
    longer = documents.added(document, new)
    assert json.loads(documents.removed(longer, "mine") or "{}") == _as_list(json.loads(document))
    assert REGION in longer


def _as_list(policy: dict[str, Any]) -> dict[str, Any]:
    given = policy["Statement"]
    return policy | {"Statement": given if isinstance(given, list) else [given]}
