"""Whom, what and which resource a statement means, and what statements say together."""

import pytest

from lambent.iam.policy import ALLOW, DENY, SILENT, Asked, evaluate, statements_of
from lambent.iam.policy_principals import rendered
from lambent.principal import NOBODY, Principal

ARN = "arn:aws:lambda:eu-west-1:111111111111:function:hello"
INVOKE = "lambda:InvokeFunction"
ROOT = Principal(account="222222222222", arn="arn:aws:iam::222222222222:root", user_id="222222222222")
ROLE = Principal(
    account="222222222222",
    arn="arn:aws:sts::222222222222:assumed-role/reader/session",
    role="arn:aws:iam::222222222222:role/reader",
    user_id="AROAEXAMPLE:session",
)
SNS = Principal(service="sns.amazonaws.com")
LOGS = Principal(service="logs.amazonaws.com")


def statement(**changes):
    given = {"Effect": "Allow", "Principal": "*", "Action": INVOKE, "Resource": ARN} | changes
    return {name: value for name, value in given.items() if value is not None}


def ask(statements, principal=ROOT, action=INVOKE, resource=ARN, keys=()):
    return evaluate(statements_of({"Statement": statements}), Asked(principal, action, resource, dict(keys)))


@pytest.mark.parametrize(
    ("principal", "who", "verdict"),
    [
        ("*", ROOT, ALLOW),
        ("*", NOBODY, ALLOW),
        ("*", SNS, ALLOW),
        ({"AWS": "*"}, NOBODY, ALLOW),
        ({"AWS": "222222222222"}, ROOT, ALLOW),
        ({"AWS": "222222222222"}, ROLE, ALLOW),
        ({"AWS": "arn:aws:iam::222222222222:root"}, ROLE, ALLOW),
        ({"AWS": ["333333333333", "222222222222"]}, ROOT, ALLOW),
        ({"AWS": "333333333333"}, ROOT, SILENT),
        ({"AWS": "222222222222"}, NOBODY, SILENT),
        ({"AWS": "222222222222"}, SNS, SILENT),
        ({"AWS": "arn:aws:iam::222222222222:role/reader"}, ROLE, ALLOW),
        ({"AWS": "arn:aws:sts::222222222222:assumed-role/reader/session"}, ROLE, ALLOW),
        ({"AWS": "AROAEXAMPLE"}, ROLE, ALLOW),
        ({"AWS": "arn:aws:iam::222222222222:role/writer"}, ROLE, SILENT),
        ({"AWS": "arn:aws:iam::222222222222:role/reader"}, ROOT, SILENT),
        ({"Service": "sns.amazonaws.com"}, SNS, ALLOW),
        ({"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}, SNS, ALLOW),
        ({"Service": "s3.amazonaws.com"}, SNS, SILENT),
        ({"Service": "sns.amazonaws.com"}, ROOT, SILENT),
        ({"Service": "logs.eu-west-1.amazonaws.com"}, LOGS, ALLOW),
        ({"Service": "logs.us-east-1.amazonaws.com"}, LOGS, SILENT),
        ({"AWS": "333333333333", "Service": "sns.amazonaws.com"}, SNS, ALLOW),
        ({"Federated": "cognito-identity.amazonaws.com"}, ROOT, SILENT),
    ],
)
def test_a_principal_is_an_account_an_identity_a_service_or_everybody(principal, who, verdict):
    assert ask([statement(Principal=principal)], who) is verdict


def test_a_not_principal_denies_everybody_else():
    denial = statement(Effect="Deny", Principal=None, NotPrincipal={"AWS": "222222222222"})
    assert ask([statement(), denial], ROOT) is ALLOW
    assert ask([statement(), denial], NOBODY) is DENY


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        ("lambda:InvokeFunction", ALLOW),
        ("lambda:invokefunction", ALLOW),
        ("lambda:*", ALLOW),
        ("*", ALLOW),
        ("lambda:Invoke*", ALLOW),
        ("lambda:InvokeFunctio?", ALLOW),
        (["lambda:GetFunction", "lambda:InvokeFunction"], ALLOW),
        ("lambda:Invoke", SILENT),
        ("lambda:InvokeFunctionUrl", SILENT),
    ],
)
def test_actions_have_wildcards_and_no_case(action, verdict):
    assert ask([statement(Action=action)]) is verdict


def test_not_action_means_all_others():
    assert ask([statement(Action=None, NotAction="lambda:GetFunction")]) is ALLOW
    assert ask([statement(Action=None, NotAction="lambda:Invoke*")]) is SILENT


@pytest.mark.parametrize(
    ("resource", "verdict"),
    [(ARN, ALLOW), ("*", ALLOW), (ARN[:-1] + "?", ALLOW), (ARN + ":prod", SILENT), (ARN + ":*", SILENT)],
)
def test_a_resource_is_exactly_what_it_says(resource, verdict):
    assert ask([statement(Resource=resource)]) is verdict


def test_a_wildcard_reaches_the_qualifiers_of_a_function():
    assert ask([statement(Resource=ARN + ":*")], resource=ARN + ":prod") is ALLOW
    assert ask([statement(Resource=ARN)], resource=ARN + ":prod") is SILENT


def test_a_resource_may_hold_a_variable_which_never_becomes_a_wildcard():
    tied = statement(Resource="arn:aws:lambda:eu-west-1:111111111111:function:${aws:PrincipalAccount}")
    theirs = "arn:aws:lambda:eu-west-1:111111111111:function:222222222222"
    assert ask([tied], resource=theirs, keys={"aws:principalaccount": "222222222222"}) is ALLOW
    assert ask([tied], resource=theirs, keys={"aws:principalaccount": "*"}) is SILENT
    assert ask([tied], resource=theirs) is SILENT


def test_a_deny_wins_wherever_it_stands():
    denial = statement(Effect="Deny", Principal={"AWS": "222222222222"})
    for statements in ([statement(), denial], [denial, statement()]):
        assert ask(statements) is DENY
        assert ask(statements, NOBODY) is ALLOW


def test_a_deny_whose_condition_does_not_hold_denies_nothing():
    denial = statement(Effect="Deny", Condition={"Bool": {"lambda:InvokedViaFunctionUrl": "true"}})
    assert ask([statement(), denial]) is ALLOW
    assert ask([statement(), denial], keys={"lambda:invokedviafunctionurl": "true"}) is DENY


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"Effect": "allow"}, "Effect"),
        ({"Principal": None}, "Principal"),
        ({"Principal": "222222222222"}, "Invalid principal"),
        ({"Principal": {"AWS": "someone"}}, "someone"),
        ({"Principal": {"Service": "sns.example.com"}}, "sns.example.com"),
        ({"Principal": {"Group": "x"}}, "Group"),
        ({"NotPrincipal": "*"}, "not both"),
        ({"Principal": None, "NotPrincipal": {"AWS": "222222222222"}}, "NotPrincipal with Allow"),
        ({"Action": None}, "Action"),
        ({"NotAction": "x"}, "not both"),
        ({"Resource": []}, "Resource"),
        ({"Resource": [1]}, "Resource"),
        ({"Condition": "x"}, "Condition"),
        ({"Condition": {"StringSeems": {"aws:SourceArn": "x"}}}, "StringSeems"),
        ({"Condition": {"StringEquals": "x"}}, "StringEquals"),
        ({"Condition": {"NullIfExists": {"aws:SourceArn": "true"}}}, "NullIfExists"),
        ({"Condition": {"SomeValues:StringEquals": {"aws:SourceArn": "x"}}}, "SomeValues"),
        ({"Condition": {"StringEquals": {"aws:SourceArn": {"a": 1}}}}, "StringEquals"),
    ],
)
def test_what_is_no_statement_is_refused_in_a_sentence_that_names_it(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        statements_of({"Statement": [statement(**wrong)]})


@pytest.mark.parametrize("document", [{}, {"Statement": []}, {"Statement": ["x"]}, {"Statement": None}])
def test_a_policy_needs_statements(document):
    with pytest.raises(ValueError, match="Statement"):
        statements_of(document)


def test_one_statement_may_stand_without_a_list():
    assert evaluate(statements_of({"Statement": statement()}), Asked(ROOT, INVOKE, ARN)) is ALLOW


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        ("*", "*"),
        ("222222222222", {"AWS": "arn:aws:iam::222222222222:root"}),
        ("arn:aws:iam::222222222222:user/me", {"AWS": "arn:aws:iam::222222222222:user/me"}),
        ("sns.amazonaws.com", {"Service": "sns.amazonaws.com"}),
        ("lambda.alarms.cloudwatch.amazonaws.com", {"Service": "lambda.alarms.cloudwatch.amazonaws.com"}),
        ("alexa-appkit.amazon.com", {"Service": "alexa-appkit.amazon.com"}),
    ],
)
def test_a_principal_is_shown_as_aws_shows_it(principal, shown):
    assert rendered(principal) == shown


@pytest.mark.parametrize("principal", ["invalid.nonaws.com", "12345", "nobody", "arn:aws:s3:::bucket"])
def test_what_is_no_principal_is_refused(principal):
    with pytest.raises(ValueError, match=principal):
        rendered(principal)
