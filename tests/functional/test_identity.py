"""A server that requires signatures: its keys, who is recognised, what others get, and what functions may do."""

import configparser
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import PATIENCE_S, Function, Server, clean_environment, client, wait_until, zip_of

OTHER = "444455556666"
ROLE = "arn:aws:iam::000000000000:role/service/worker"
CALLS = """
    import json, os, urllib.request, urllib.error
    import boto3

    def who(event):
        return boto3.client("sts").get_caller_identity()["Arn"]

    def invoke(event):
        return boto3.client("lambda").invoke(FunctionName=event["name"], Payload=b"{}")["Payload"].read().decode()

    def fetch(event):
        url = os.environ["AWS_ENDPOINT_URL"] + event["path"]
        asked = urllib.request.Request(url, method=event.get("method", "GET"))
        try:
            with urllib.request.urlopen(asked) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def variables(event):
        return sorted(name for name in os.environ if "CONTAINER" in name or name.startswith(("AWS_ACCESS", "AWS_SESS")))

    def handler(event, context):
        return globals()[event["do"]](event) if "do" in event else "hello"
"""


class Guarded:
    """A server with --auth, and clients for it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        file = configparser.ConfigParser()
        file.read(self.credentials)
        self.first = file["default"]["aws_access_key_id"], file["default"]["aws_secret_access_key"]
        server.client = self.client()

    @property
    def credentials(self) -> Path:
        return self.server.data / "credentials"

    def client(self, key: tuple[str, str] | None = None, service: str = "lambda", **more: Any) -> Any:
        access_key, secret = key or self.first
        return client(self.server.endpoint, access_key, secret=secret, service=service, **more)

    def run(self, program: str, *words: str, signed: bool = True) -> "subprocess.CompletedProcess[str]":
        """`lambent` or `aws`, as a user has them."""
        file = str(self.credentials) if signed else os.devnull
        named = {"AWS_SHARED_CREDENTIALS_FILE": file} if signed or program == "aws" else {}
        environ = {"AWS_CONFIG_FILE": os.devnull, "AWS_PAGER": "", "AWS_ENDPOINT_URL": self.server.endpoint}
        return subprocess.run(
            [Path(sys.executable).with_name(program), *words], capture_output=True, text=True, timeout=120, check=False,
            env=clean_environment() | environ | named | {"AWS_DEFAULT_REGION": "us-east-1"},
        )  # fmt: skip

    def add_key(self, *words: str) -> dict[str, str]:
        done = self.run("lambent", "keys", "add", "--json", *words)
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def deploy(self, name: str, **more: Any) -> Function:
        names = [each["name"] for each in json.loads(self.run("lambent", "status", "--json").stdout)["runtimes"]]
        newest = max(int(name[8:]) for name in names if name.startswith("python3."))
        made = self.server.client.create_function(
            FunctionName=name, Role=ROLE, Runtime=f"python3.{newest}", Handler="app.handler", Timeout=60,
            MemorySize=1769, Code={"ZipFile": zip_of({"app.py": CALLS})}, **more,
        )  # fmt: skip
        function = Function(self.server, f"arn:aws:lambda:us-east-1:000000000000:function:{name}:{made['Version']}")
        wait_until(lambda: self._state(function) != "Pending", 2 * PATIENCE_S)
        assert self._state(function) == "Active"
        return function

    def _state(self, function: Function) -> str:
        return str(self.server.client.get_function_configuration(FunctionName=function.name)["State"])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    server = Server(tmp_path_factory.mktemp("guarded") / "data", "--auth")
    yield Guarded(server)
    server.stop()


@pytest.fixture(scope="module")
def function(guarded: Guarded) -> Function:
    return guarded.deploy("orders")


@pytest.fixture(scope="module")
def tenant(guarded: Guarded) -> tuple[str, str]:
    """The key of a user of another account."""
    made = guarded.add_key("--user", "bob", "--account", OTHER)
    return made["access_key"], made["secret"]


def refusal(work: Callable[..., Any], **asked: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        work(**asked)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


# -- keys


def test_the_first_key_is_in_a_file_that_only_its_owner_reads(guarded) -> None:
    assert guarded.credentials.stat().st_mode & 0o777 == 0o600
    assert guarded.first[1] not in guarded.server.said()
    assert guarded.client(service="sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"


def test_the_aws_cli_and_the_commands_read_that_file(guarded) -> None:
    who = guarded.run("aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text")
    assert who.stdout.strip() == "arn:aws:iam::000000000000:root", who.stderr

    status = guarded.run("lambent", "status", "--json")
    told = json.loads(status.stdout)
    assert (told["pid"], told["auth"]["required"]) == (guarded.server.process.pid, True), status.stderr


def test_who_has_no_key_is_told_what_is_missing(guarded) -> None:
    done = guarded.run("lambent", "status", signed=False)

    # The region alone makes the command sign as somebody unknown, who is refused in AWS's words.
    assert done.returncode == 1
    assert "UnrecognizedClientException: The security token included in the request is invalid." in done.stderr
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE" in done.stderr


def test_keys_come_and_go_while_the_server_runs(guarded) -> None:
    made = guarded.add_key("--user", "ada")
    ada = guarded.client((made["access_key"], made["secret"]), service="sts")
    assert ada.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/ada"
    assert made["access_key"] in guarded.run("lambent", "keys").stdout

    assert guarded.run("lambent", "keys", "remove", made["access_key"]).returncode == 0
    assert refusal(ada.get_caller_identity) == ("InvalidClientTokenId", 403)
    again = guarded.run("lambent", "keys", "remove", made["access_key"])
    assert (again.returncode, "There is no access key" in again.stderr) == (1, True)


def test_the_last_key_of_the_operator_stays(guarded, tenant) -> None:
    done = guarded.run("lambent", "keys", "remove", guarded.first[0])

    assert done.returncode == 1
    assert "is the last key of the account 000000000000" in done.stderr


def test_keys_that_were_used_before_a_restart_are_good_after_it(serve) -> None:
    first = Guarded(serve("--auth"))
    session = first.client(service="sts").assume_role(RoleArn=ROLE, RoleSessionName="me")["Credentials"]
    first.server.stop()

    second = Guarded(serve("--auth", data=first.server.data))

    assert second.first == first.first
    key = session["AccessKeyId"], session["SecretAccessKey"]
    who = second.client(key, service="sts", token=session["SessionToken"]).get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::000000000000:assumed-role/worker/me"


# -- requests


@pytest.mark.parametrize(
    "path", ["/2015-03-31/functions", "/_lambent/status", "/_lambent/keys", "/_lambent/logs/orders", "/"]
)
def test_an_unsigned_request_is_refused(guarded, function, path: str) -> None:
    assert status_of(guarded.server.endpoint + path) == 403


def test_a_wrong_secret_is_refused(guarded) -> None:
    wrong = guarded.client((guarded.first[0], "not the secret"))

    assert refusal(wrong.list_functions) == ("InvalidSignatureException", 403)


def test_a_presigned_url_is_good_as_it_is_and_not_otherwise(guarded, function) -> None:
    url = guarded.client().generate_presigned_url("get_function", {"FunctionName": "orders"})

    assert status_of(url) == 200
    assert status_of(url.replace("functions/orders", "functions/other")) == 403


def test_the_link_to_code_needs_no_key(guarded, function) -> None:
    assert status_of(guarded.client().get_function(FunctionName="orders")["Code"]["Location"]) == 200


def test_streams_and_large_payloads_are_signed_like_any_request(guarded, function) -> None:
    big = json.dumps({"text": "x" * 3_000_000}).encode()
    assert json.loads(guarded.client().invoke(FunctionName="orders", Payload=big)["Payload"].read()) == "hello"

    events = list(guarded.client().invoke_with_response_stream(FunctionName="orders")["EventStream"])
    assert b"".join(each["PayloadChunk"]["Payload"] for each in events if "PayloadChunk" in each) == b'"hello"'


# -- accounts


def test_users_of_other_accounts_have_a_world_of_their_own(guarded, function, tenant) -> None:
    bob = guarded.client(tenant)

    assert bob.list_functions()["Functions"] == []
    assert refusal(bob.get_function, FunctionName="orders") == ("ResourceNotFoundException", 404)
    assert refusal(bob.invoke, FunctionName=function.name) == (
        "AccessDeniedException", 403,
    )  # fmt: skip


def test_users_of_other_accounts_are_no_operators(guarded, function, tenant) -> None:
    named = {"AWS_ACCESS_KEY_ID": tenant[0], "AWS_SECRET_ACCESS_KEY": tenant[1]}

    def lambent(*words: str) -> str:
        done = subprocess.run(
            [Path(sys.executable).with_name("lambent"), *words, "--endpoint-url", guarded.server.endpoint],
            env=clean_environment() | named, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    for words in (("keys",), ("status",), ("clock",), ("events",), ("keys", "add")):
        assert f"AccessDeniedException: arn:aws:iam::{OTHER}:user/bob may not do this" in lambent(*words)
    assert "Function not found: arn:aws:lambda:us-east-1:444455556666:function:orders" in lambent("logs", "orders")


def test_a_role_of_another_account_is_given_to_no_function(guarded, function, tenant) -> None:
    code = {"ZipFile": zip_of({"app.py": CALLS})}
    asked = {"FunctionName": "thief", "Role": ROLE, "Runtime": "python3.12", "Handler": "app.handler", "Code": code}

    assert refusal(guarded.client(tenant).create_function, **asked) == ("AccessDeniedException", 403)
    moved = {"FunctionName": "orders", "Role": ROLE.replace("000000000000", OTHER)}
    assert refusal(guarded.client().update_function_configuration, **moved) == ("AccessDeniedException", 403)


# -- functions


def test_a_function_is_recognised_as_its_role(guarded, function) -> None:
    assert function.call({"do": "who"}).value == "arn:aws:sts::000000000000:assumed-role/worker/orders"


def test_a_function_calls_another_with_the_credentials_of_its_role(guarded, function) -> None:
    assert function.call({"do": "invoke", "name": "orders"}).value == '"hello"'


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "/2015-03-31/functions"},
        {"path": "/_lambent/keys"},
        {"path": "/_lambent/keys", "method": "POST"},
        {"path": "/_lambent/credentials"},
    ],
)
def test_a_function_that_does_not_sign_gets_nothing(function, asked: dict[str, str]) -> None:
    assert function.call({"do": "fetch", **asked}).value == 403


def test_credentials_are_given_inside_sandboxes_only(guarded) -> None:
    assert status_of(f"{guarded.server.endpoint}/_lambent/credentials") == 403


@pytest.mark.root
def test_clones_of_a_snapshot_fetch_their_credentials(guarded) -> None:
    """Those that were made before the snapshot would expire in it."""
    clone = guarded.deploy("snap", SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)

    assert clone.call({"do": "variables"}).value == [
        "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ]  # fmt: skip
    assert clone.call({"do": "who"}).value == "arn:aws:sts::000000000000:assumed-role/worker/snap"


# -- without authentication


def test_functions_have_their_roles_credentials_without_authentication_too(deploy) -> None:
    function = deploy(CALLS)

    assert function.call({"do": "who"}).value == f"arn:aws:sts::000000000000:assumed-role/any/{function.name}"
    assert function.call({"do": "invoke", "name": function.name}).value == '"hello"'
