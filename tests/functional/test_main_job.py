"""The main job with ordinary clients: deploy a function, run it, change it, look at it, delete it."""

import base64
import contextlib
import hashlib
import json
import socket
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import ROLE, Function, Server, client, zip_of

from lambent.cli.main import main

Deploy = Callable[..., Function]
Serve = Callable[..., Server]
Aws = Callable[..., "CompletedProcess[str]"]

HELLO = """
    import os

    def handler(event, context):
        print("hello", event["name"])
        return {"greeting": os.environ.get("GREETING", "Hello") + " " + event["name"]}
"""


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A name that nobody else has; the function that gets it is deleted afterwards."""
    name = f"job-{uuid.uuid4().hex[:12]}"
    yield name
    with contextlib.suppress(server.client.exceptions.ResourceNotFoundException):
        server.client.delete_function(FunctionName=name)


def create(server: Server, name: str, **more: Any) -> dict[str, Any]:
    code = {"ZipFile": zip_of({"app.py": HELLO})}
    found: dict[str, Any] = server.client.create_function(
        FunctionName=name, Runtime=server.runtime, Role=ROLE, Handler="app.handler", Code=code, **more
    )
    return found


def test_a_function_is_created_awaited_invoked_and_deleted_with_boto3(server: Server, name: str) -> None:
    made = create(server, name)
    server.client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    answer = server.client.invoke(FunctionName=name, Payload=b'{"name": "Ada"}')

    assert made["State"] == "Pending"
    assert json.loads(answer["Payload"].read()) == {"greeting": "Hello Ada"}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer

    server.client.delete_function(FunctionName=name)
    with pytest.raises(ClientError, match="Function not found") as refused:
        server.client.invoke(FunctionName=name)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_answer_of_get_function_leads_to_the_zip_that_was_uploaded(server: Server, name: str) -> None:
    uploaded = zip_of({"app.py": HELLO})
    create(server, name)
    found = server.client.get_function(FunctionName=name)

    with urllib.request.urlopen(found["Code"]["Location"], timeout=30) as download:
        assert download.read() == uploaded
    assert found["Configuration"]["CodeSize"] == len(uploaded)
    assert found["Configuration"]["CodeSha256"] == base64.b64encode(hashlib.sha256(uploaded).digest()).decode()


def test_the_next_call_after_an_update_runs_the_new_code_with_the_new_configuration(server: Server, name: str) -> None:
    create(server, name)
    server.wait_until_active(name)
    before = Function(server, name).call({"name": "Ada"})
    waiter = server.client.get_waiter("function_updated_v2")

    server.client.update_function_configuration(FunctionName=name, Environment={"Variables": {"GREETING": "Bonjour"}})
    waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1})
    configured = Function(server, name).call({"name": "Ada"})
    server.client.update_function_code(
        FunctionName=name, ZipFile=zip_of({"app.py": "def handler(event, context): return 'new'"})
    )
    waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1})
    replaced = Function(server, name).call({"name": "Ada"})

    assert [before.value, configured.value, replaced.value] == [
        {"greeting": "Hello Ada"}, {"greeting": "Bonjour Ada"}, "new",
    ]  # fmt: skip


def test_a_published_version_keeps_its_code_when_the_function_goes_on(server: Server, name: str) -> None:
    create(server, name)
    server.wait_until_active(name)
    version = server.client.publish_version(FunctionName=name, Description="first")["Version"]
    server.client.get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier=version, WaiterConfig={"Delay": 1}
    )
    server.client.update_function_code(
        FunctionName=name, ZipFile=zip_of({"app.py": "def handler(event, context): return context.function_version"})
    )
    server.client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    old = Function(server, name).call({"name": "Ada"}, Qualifier=version)
    new = Function(server, name).call({"name": "Ada"})
    assert (old.value, old.version) == ({"greeting": "Hello Ada"}, "1")
    assert (new.value, new.version) == ("$LATEST", "$LATEST")
    assert server.client.invoke(FunctionName=f"{name}:1", Payload=b'{"name": ""}')["ExecutedVersion"] == "1"
    versions = server.client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "1"]


def test_functions_and_their_tags_are_listed(server: Server, name: str) -> None:
    arn = create(server, name, Tags={"team": "a"})["FunctionArn"]
    server.client.tag_resource(Resource=arn, Tags={"stage": "test"})
    pages = server.client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})

    assert name in [each["FunctionName"] for page in pages for each in page["Functions"]]
    assert server.client.list_tags(Resource=arn)["Tags"] == {"team": "a", "stage": "test"}
    server.client.untag_resource(Resource=arn, TagKeys=["team"])
    assert server.client.get_function(FunctionName=name)["Tags"] == {"stage": "test"}


def test_the_log_of_a_call_comes_back_with_start_end_and_report(deploy: Deploy) -> None:
    function = deploy(HELLO, MemorySize=256)
    cold, warm = function.call({"name": "Ada"}), function.call({"name": "Bob"})

    start, said, end, report = warm.log.splitlines()[-4:]
    assert start == f"START RequestId: {warm.request_id} Version: $LATEST"
    assert said == "hello Bob"
    assert end == f"END RequestId: {warm.request_id}"
    assert report.startswith(f"REPORT RequestId: {warm.request_id}\tDuration: ")
    assert "Memory Size: 256 MB\tMax Memory Used: " in report
    assert "Init Duration: " in cold.log
    assert "Init Duration: " not in warm.log


def test_accounts_and_regions_do_not_see_each_others_functions(server: Server, name: str) -> None:
    create(server, name)
    other_account = client(server.endpoint, account="111111111111")
    other_region = client(server.endpoint, region="eu-west-1")

    for stranger in (other_account, other_region):
        with pytest.raises(ClientError, match="Function not found"):
            stranger.get_function(FunctionName=name)
        assert stranger.list_functions()["Functions"] == []


def test_the_unmodified_aws_cli_does_the_whole_job(server: Server, name: str, aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "f.zip").write_bytes(zip_of({"app.py": HELLO}))
    (tmp_path / "event").write_text('{"name": "Ada"}')
    (tmp_path / "g.zip").write_bytes(zip_of({"app.py": "def handler(event, context): return 'new'"}))

    def run(*words: str) -> str:
        done = aws("lambda", *words, "--function-name", name)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run(
        "create-function", "--runtime", server.runtime, "--role", ROLE, "--handler", "app.handler",
        "--zip-file", f"fileb://{tmp_path}/f.zip", "--environment", "Variables={GREETING=Hi}",
    )  # fmt: skip
    run("wait", "function-active-v2")
    size = run("get-function", "--query", "Configuration.CodeSize")
    run("invoke", "--payload", f"fileb://{tmp_path}/event", str(tmp_path / "out"))
    run("update-function-code", "--zip-file", f"fileb://{tmp_path}/g.zip", "--publish")
    run("wait", "function-updated-v2")
    shown = json.loads(run("invoke", str(tmp_path / "new"), "--qualifier", "1"))
    run("delete-function")

    assert int(size) == (tmp_path / "f.zip").stat().st_size
    assert json.loads((tmp_path / "out").read_text()) == {"greeting": "Hi Ada"}
    assert json.loads((tmp_path / "new").read_text()) == "new"
    assert shown == {"StatusCode": 200, "ExecutedVersion": "1"}
    gone = aws("lambda", "invoke", "--function-name", name, str(tmp_path / "gone"))
    assert "ResourceNotFoundException" in gone.stderr


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
def test_a_server_on_ipv6_tells_an_endpoint_that_every_client_reaches(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve("--host", "::1")
    assert server.endpoint == server.status()["endpoint"] == f"http://[::1]:{server.port}"
    assert main(["status", "--endpoint-url", server.endpoint]) == 0
    assert server.endpoint in capsys.readouterr().out
    assert server.client.list_functions()["Functions"] == []
