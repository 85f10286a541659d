"""Who may do what: policies enforced on every operation of the control plane, and asked through Permits."""

import json

import pytest
from control_client import ACCOUNT, MODEL, REGION, START, RefusedError, creation, function_arn

from lambent.arns import FunctionRef
from lambent.clock import FixedClock
from lambent.control.permits import Permits, denied
from lambent.control.registry import operations
from lambent.durable.finding import Finder
from lambent.errors import AwsError
from lambent.principal import NOBODY, Principal
from lambent.store.durable_executions import DurableExecutions
from lambent.store.queue import open_queue
from lambent.wire.http import Request
from lambent.wire.parse import Call

OTHER = "222222222222"
INVOKE = "lambda:InvokeFunction"
HELLO = FunctionRef(ACCOUNT, REGION, "hello", None)
OWNER = Principal(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root", user_id=ACCOUNT)
STRANGER = Principal(account=OTHER, arn=f"arn:aws:iam::{OTHER}:root", user_id=OTHER)
SNS = Principal(service="sns.amazonaws.com")
TOPIC = "arn:aws:sns:eu-west-1:111111111111:topic"


@pytest.fixture
async def hello(client):
    return await client.create()


@pytest.fixture
def permits(control):
    return control.permits


@pytest.fixture
def executions(tmp_path):
    queue = open_queue(tmp_path / "queue")
    yield DurableExecutions(queue)
    queue.close()


async def allow(client, name="hello", **changes):
    given = {"StatementId": "s", "Action": INVOKE, "Principal": OTHER} | changes
    await client("AddPermission", FunctionName=name, **given)


async def put(client, qualifier="", **changes):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "lambda:*", "Resource": function_arn() + "*"} | changes
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await client("PutResourcePolicy", ResourceArn=function_arn(qualifier=qualifier), Policy=policy)


async def refusal(call):
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value.status, caught.value.code, caught.value.message


def refused(action, arn, account=OTHER):
    return (
        403,
        "AccessDeniedException",
        f"User: arn:aws:iam::{account}:root is not authorized to perform: lambda:{action} on resource: {arn} because "
        f"no resource-based policy allows the lambda:{action} action",
    )


def of(qualifier):
    return FunctionRef(ACCOUNT, REGION, "hello", qualifier)


async def test_an_account_may_do_everything_with_its_own_and_nobody_else_anything(client, hello, permits):
    assert permits.may(OWNER, INVOKE, HELLO)
    for other in (STRANGER, SNS, NOBODY):
        assert not permits.may(other, INVOKE, HELLO)


async def test_a_permission_lets_in_whom_it_names_and_is_forgotten_when_it_is_removed(client, hello, permits):
    await allow(client)
    assert permits.may(STRANGER, INVOKE, HELLO)
    assert not permits.may(STRANGER, "lambda:GetFunction", HELLO)
    assert not permits.may(SNS, INVOKE, HELLO)
    await client("RemovePermission", FunctionName="hello", StatementId="s")
    assert not permits.may(STRANGER, INVOKE, HELLO)


async def test_a_permission_is_for_exactly_its_qualifier(client, hello, permits):
    await client("PublishVersion", FunctionName="hello")
    await client("CreateAlias", FunctionName="hello", Name="prod", FunctionVersion="1")
    await allow(client)
    assert [permits.may(STRANGER, INVOKE, of(each)) for each in (None, "$LATEST", "1", "prod")] == [
        True, False, False, False,
    ]  # fmt: skip
    await allow(client, Qualifier="prod")
    assert [permits.may(STRANGER, INVOKE, of(each)) for each in ("1", "prod")] == [False, True]
    await client("DeleteAlias", FunctionName="hello", Name="prod")
    await client("CreateAlias", FunctionName="hello", Name="prod", FunctionVersion="1")
    assert not permits.may(STRANGER, INVOKE, of("prod"))


async def test_a_service_is_let_in_for_its_source_and_account(client, hello, permits):
    await allow(client, Principal="sns.amazonaws.com", SourceArn=TOPIC, SourceAccount=ACCOUNT)
    known = {"aws:SourceArn": TOPIC, "aws:SourceAccount": ACCOUNT}
    assert permits.may(SNS, INVOKE, HELLO, known)
    assert not permits.may(SNS, INVOKE, HELLO)
    assert not permits.may(SNS, INVOKE, HELLO, known | {"aws:SourceAccount": OTHER})
    assert not permits.may(SNS, INVOKE, HELLO, known | {"aws:SourceArn": TOPIC + "2"})
    assert not permits.may(Principal(service="s3.amazonaws.com"), INVOKE, HELLO, known)


async def test_a_public_function_url_needs_both_statements(client, hello, permits):
    conditions = {"lambda:FunctionUrlAuthType": "NONE", "lambda:InvokedViaFunctionUrl": "true"}
    url = "lambda:InvokeFunctionUrl"

    def both():
        return permits.may(NOBODY, url, HELLO, conditions), permits.may(NOBODY, INVOKE, HELLO, conditions)

    assert both() == (False, False)
    await allow(client, StatementId="url", Action=url, Principal="*", FunctionUrlAuthType="NONE")
    assert both() == (True, False)
    await allow(client, StatementId="via", Principal="*", InvokedViaFunctionUrl=True)
    assert both() == (True, True)
    assert not permits.may(NOBODY, INVOKE, HELLO)  # not without the URL
    assert not permits.may(NOBODY, url, HELLO, {"lambda:FunctionUrlAuthType": "AWS_IAM"})


async def test_a_statement_may_be_for_calls_that_do_not_come_by_a_url(client, hello, permits):
    await allow(client, InvokedViaFunctionUrl=False)
    assert permits.may(STRANGER, INVOKE, HELLO)
    assert not permits.may(STRANGER, INVOKE, HELLO, {"lambda:InvokedViaFunctionUrl": "true"})


async def test_a_source_belongs_to_the_organization_of_its_account(client, hello, stores):
    grant = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": INVOKE}
    await put(client, **grant, Condition={"StringEquals": {"aws:SourceOrgID": "o-1234567890"}})
    permits = Permits(stores.policies, FixedClock(START), "o-1234567890")
    assert permits.may(SNS, INVOKE, HELLO, {"aws:SourceAccount": OTHER})
    assert not permits.may(SNS, INVOKE, HELLO)


async def test_an_organization_is_that_of_the_settings(client, hello, stores):
    await allow(client, Principal="*", PrincipalOrgID="o-1234567890")

    def may(organization, who=STRANGER):
        return Permits(stores.policies, FixedClock(START), organization).may(who, INVOKE, HELLO)

    assert may("o-1234567890")
    assert not may("o-0987654321")
    assert not may("")
    assert not may("o-1234567890", NOBODY)


async def test_a_deny_holds_for_the_owner_too_and_its_root_can_take_it_back(client, hello, permits):
    await put(client, Action="lambda:Invoke*")
    assert not permits.may(OWNER, INVOKE, HELLO)
    assert permits.may(OWNER, "lambda:GetFunction", HELLO)
    await put(client, Action="lambda:*")
    assert await refusal(client("GetFunction", FunctionName="hello")) == (
        403,
        "AccessDeniedException",
        f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: lambda:GetFunction on resource: "
        f"{function_arn()} with an explicit deny in a resource-based policy",
    )
    assert (await client("GetResourcePolicy", ResourceArn=function_arn()))["Policy"]
    await client("DeleteResourcePolicy", ResourceArn=function_arn())
    assert (await client("GetFunction", FunctionName="hello"))["Configuration"]["FunctionName"] == "hello"
    assert not permits.denying


async def test_a_deny_is_known_after_a_restart_and_gone_with_its_function(client, hello, stores):
    await put(client)
    again = Permits(stores.policies, FixedClock(START))
    assert again.denying == {(ACCOUNT, REGION, "hello")}
    assert not again.may(OWNER, INVOKE, HELLO)
    await client("DeleteResourcePolicy", ResourceArn=function_arn())
    await put(client, Action=INVOKE)
    await client("DeleteFunction", FunctionName="hello")
    assert not client.control.permits.denying
    assert client.control.guard.denying is client.control.permits.denying


async def test_what_is_known_of_every_request_can_be_asked_for(client, hello, permits):
    role = Principal(
        account=ACCOUNT, arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", role=f"arn:aws:iam::{ACCOUNT}:role/r",
        user_id="AROAX:s",
    )  # fmt: skip
    for operator, key, value, who in (
        ("StringEquals", "aws:PrincipalAccount", ACCOUNT, OWNER),
        ("ArnEquals", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/r", role),
        ("StringEquals", "aws:PrincipalType", "AssumedRole", role),
        ("StringEquals", "aws:userid", "AROAX:s", role),
        ("StringEquals", "aws:RequestedRegion", REGION, OWNER),
        ("StringEquals", "aws:ResourceAccount", ACCOUNT, OWNER),
        ("Bool", "aws:SecureTransport", "false", OWNER),
        ("Bool", "aws:PrincipalIsAWSService", "true", SNS),
        ("StringEquals", "aws:PrincipalServiceName", "sns.amazonaws.com", SNS),
        ("DateLessThan", "aws:CurrentTime", "2026-01-13T00:00:00Z", OWNER),
        ("NumericGreaterThan", "aws:EpochTime", str(int(START) - 1), OWNER),
        ("StringEquals", "aws:PrincipalType", "Anonymous", NOBODY),
    ):
        await put(client, Condition={operator: {key: value}})
        assert permits.verdict(who, INVOKE, HELLO).value == "deny", key
        await put(client, Condition={operator: {key: value + "9" if operator != "Bool" else "maybe"}})


async def test_a_stranger_learns_nothing_of_what_is_there(client, hello):
    for name in ("hello", "doesnotexist"):
        theirs = client("GetFunction", account=OTHER, FunctionName=function_arn(name))
        assert await refusal(theirs) == refused("GetFunction", function_arn(name))
    partial = client("DeleteFunction", account=OTHER, FunctionName=f"{ACCOUNT}:function:hello:7")
    assert await refusal(partial) == refused("DeleteFunction", function_arn("hello", "7"))


async def test_a_bare_name_is_always_the_callers_own(client, hello):
    status, code, message = await refusal(client("GetFunction", account=OTHER, FunctionName="hello"))
    assert (status, code) == (404, "ResourceNotFoundException")
    assert OTHER in message


async def test_a_stranger_may_do_what_the_policy_says(client, hello):
    await allow(client, Action="lambda:GetFunction")
    got = await client("GetFunction", account=OTHER, FunctionName=function_arn())
    assert got["Configuration"]["FunctionArn"] == function_arn()
    theirs = client("GetFunctionConfiguration", account=OTHER, FunctionName=function_arn())
    assert await refusal(theirs) == refused("GetFunctionConfiguration", function_arn())


NAMING = ("FunctionName", "ResourceArn", "Resource", "CodeSigningConfigArn")


def naming():
    """(operation, the parameter that names what it is about); layers ask grants of their own."""
    for operation in sorted(operations):
        members = MODEL.operation_model(operation).input_shape.members
        named = [name for name in NAMING if name in members]
        if named and "Layer" not in operation:
            yield operation, named[0]


@pytest.mark.parametrize(("operation", "name"), list(naming()))
def test_every_operation_on_what_is_another_accounts_is_refused(control, operation, name):
    """No handler has to think of it."""
    with pytest.raises(AwsError) as caught:
        control.guard.check(made(operation, name))
    assert (caught.value.code, caught.value.status) == ("AccessDeniedException", 403)


def made(operation, name):
    text = function_arn()
    if name == "CodeSigningConfigArn":
        text = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-1"
    request = Request("POST", "/", "", {}, b"")
    return Call("lambda", operation, {name: text}, request, "id", OTHER, OTHER, REGION, None, STRANGER)  # type: ignore[arg-type]


async def test_what_a_request_tells_can_be_asked_for(client, control, hello):
    call = made("GetFunction", "FunctionName")
    call.request.client = "203.0.113.9"
    call.request.headers["user-agent"] = "Boto3/1.40"
    for operator, key, value, wrong in (
        ("IpAddress", "aws:SourceIp", "203.0.113.0/24", "203.0.114.0/24"),
        ("StringLike", "aws:UserAgent", "Boto3/*", "aws-cli/*"),
        ("Null", "aws:Referer", "true", "false"),
    ):
        theirs = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "lambda:GetFunction"}
        await put(client, **theirs, Condition={operator: {key: value}})
        control.guard.check(call)
        await put(client, **theirs, Condition={operator: {key: wrong}})
        with pytest.raises(AwsError):
            control.guard.check(call)


async def test_what_a_request_for_a_durable_execution_tells_can_be_asked_for_too(client, control, hello, executions):
    await client("PublishVersion", FunctionName="hello")
    finder, call = Finder(executions, control.guard), made("GetDurableExecution", "FunctionName")
    call.parameters["DurableExecutionArn"] = function_arn(qualifier="1") + "/durable-execution/name/id"
    call.request.client = "203.0.113.9"
    theirs = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "lambda:GetDurableExecution"}
    for network, code in (
        ("203.0.113.0/24", "ResourceNotFoundException"), ("203.0.114.0/24", "AccessDeniedException"),
    ):  # fmt: skip
        await put(client, "1", **theirs, Condition={"IpAddress": {"aws:SourceIp": network}})
        with pytest.raises(AwsError) as caught:
            finder.execution(call)
        assert caught.value.code == code


async def test_what_belongs_to_another_account_and_has_no_policy_is_refused(client):
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:14e0db71-5d35-4eb5-b481-8945cf9d10c2"
    theirs = client("ListTags", account=OTHER, Resource=arn)
    assert await refusal(theirs) == refused("ListTags", arn)


async def test_a_function_is_made_in_ones_own_account_only(client):
    theirs = client("CreateFunction", account=OTHER, **creation(function_arn("new")))
    assert await refusal(theirs) == refused("CreateFunction", function_arn("new"))


def test_whoever_did_not_sign_is_called_anonymous():
    error = denied(NOBODY, INVOKE, function_arn())
    assert error.message.startswith("User: anonymous is not authorized to perform: lambda:InvokeFunction on resource")
