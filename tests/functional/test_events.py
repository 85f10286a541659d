"""Asynchronous invocation as AWS's clients see it; every row of lambda-semantics.md §4, on the virtual clock."""

import json
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import Function, Server, wait_until, zip_of

Serve = Callable[..., Server]
pytestmark = pytest.mark.root

HANDLER = """
    import os, time
    def handler(event, context):
        print(f"try {context.aws_request_id} {context.invoked_function_arn} v{context.function_version}", flush=True)
        if "sleep" in event:
            time.sleep(event["sleep"])
        if event.get("fail"):
            raise ValueError("intended")
        return event
"""


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("virtual") / "data", "--clock", "virtual")
    yield server
    server.stop()


class Sender:
    """A function, and the events sent to it."""

    def __init__(self, server: Server, **configuration: Any) -> None:
        self.server = server
        self.function = server.deploy(HANDLER, name=f"f-{uuid.uuid4().hex[:12]}", **configuration)
        self.name = self.function.name

    def send(self, event: Any = None, **parameters: Any) -> str:
        """An accepted event's request id."""
        answer = self.server.client.invoke(
            FunctionName=self.name, InvocationType="Event", Payload=json.dumps(event or {}), **parameters
        )
        assert answer["StatusCode"] == 202
        return str(answer["ResponseMetadata"]["RequestId"])

    def tries(self, request_id: str = "") -> list[str]:
        return [line for line in self.function.logs() if line.startswith(f"try {request_id}")]

    def tried(self, times: int, request_id: str = "") -> bool:
        """Exactly so often, once the log is written."""
        wait_until(lambda: len(self.tries(request_id)) >= times)
        return len(self.tries(request_id)) == times

    def configure(self, **changes: Any) -> None:
        self.server.client.put_function_event_invoke_config(FunctionName=self.name, **changes)


def advance(server: Server, by: str) -> None:
    post(server, "/_lambent/clock/advance", {"by": by})


def run_until_idle(server: Server) -> None:
    post(server, "/_lambent/clock/run-until-idle", {})


def post(server: Server, path: str, document: Any) -> Any:
    request = urllib.request.Request(server.endpoint + path, json.dumps(document).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def kept(server: Server, name: str) -> list[dict[str, Any]]:
    found: dict[str, Any] = json.loads(server.get(f"/_lambent/events?function={name}"))
    return list(found["events"])


@pytest.fixture
def sender(virtual: Server) -> Sender:
    return Sender(virtual)


def test_an_event_is_answered_202_without_a_body_and_runs(virtual: Server, sender: Sender) -> None:
    answer = virtual.client.invoke(FunctionName=sender.name, InvocationType="Event", Payload=b'{"n": 1}')
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert {"ExecutedVersion", "FunctionError", "LogResult"}.isdisjoint(answer)
    advance(virtual, "0s")
    assert sender.tried(1)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{sender.name}"
    assert sender.tries() == [f"try {answer['ResponseMetadata']['RequestId']} {arn} v$LATEST"]


def test_the_legacy_invoke_async_does_the_same(virtual: Server, sender: Sender) -> None:
    assert virtual.client.invoke_async(FunctionName=sender.name, InvokeArgs=b"{}")["Status"] == 202
    advance(virtual, "0s")
    assert sender.tried(1)


@pytest.mark.parametrize(
    ("parameters", "expected", "message"),
    [
        ({"Payload": b'"' + b"x" * 1_048_575 + b'"'}, (413, "RequestEntityTooLargeException"),
         "Request must be smaller than 1048576 bytes for the InvokeFunction operation"),
        ({"Payload": b"{"}, (400, "InvalidRequestContentException"), "Could not parse request body into json"),
        ({"FunctionName": "not-there"}, (404, "ResourceNotFoundException"), "Function not found"),
        ({"Qualifier": "7"}, (404, "ResourceNotFoundException"), "Function not found"),
    ],
)  # fmt: skip
def test_what_is_not_accepted_is_told_at_once(
    virtual: Server, sender: Sender, parameters: dict[str, Any], expected: tuple[int, str], message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        virtual.client.invoke(**{"FunctionName": sender.name, "InvocationType": "Event"} | parameters)
    found = caught.value.response
    assert (found["ResponseMetadata"]["HTTPStatusCode"], found["Error"]["Code"]) == expected
    assert message in (found.get("message") or found["Error"]["Message"])
    advance(virtual, "0s")
    assert sender.tries() == []


def test_one_megabyte_is_accepted_whole(virtual: Server, sender: Sender) -> None:
    sender.send({"blob": "x" * (1_048_576 - len('{"blob": ""}'))})
    advance(virtual, "0s")
    assert sender.tried(1)


def test_a_failing_event_is_tried_again_after_one_minute_and_two_with_the_same_id_and_then_kept(
    virtual: Server, sender: Sender
) -> None:
    request_id = sender.send({"fail": True})
    for by, tries in (("0s", 1), ("59s", 1), ("2s", 2), ("118s", 2), ("3s", 3), ("7h", 3)):
        advance(virtual, by)
        assert sender.tried(tries, request_id), by
    (found,) = kept(virtual, sender.name)
    assert (found["request_id"], found["condition"], found["attempts"]) == (request_id, "RetriesExhausted", 3)


@pytest.mark.parametrize("retries", [0, 1])
def test_there_are_as_many_retries_as_are_configured(virtual: Server, sender: Sender, retries: int) -> None:
    sender.configure(MaximumRetryAttempts=retries)
    sender.send({"fail": True})
    run_until_idle(virtual)
    assert sender.tried(retries + 1)


def test_a_retry_that_would_come_too_late_ends_the_event(virtual: Server, sender: Sender) -> None:
    sender.configure(MaximumEventAgeInSeconds=60)
    sender.send({"fail": True})
    advance(virtual, "1s")
    assert [each["condition"] for each in kept(virtual, sender.name)] == ["EventAgeExceeded"]
    assert sender.tried(1)


def test_without_reserved_concurrency_events_are_accepted_and_fail_untried(virtual: Server, sender: Sender) -> None:
    virtual.client.put_function_concurrency(FunctionName=sender.name, ReservedConcurrentExecutions=0)
    sender.send()
    advance(virtual, "0s")
    assert [(each["condition"], each["attempts"]) for each in kept(virtual, sender.name)] == [
        ("ZeroReservedConcurrency", 0)
    ]
    assert sender.tries() == []


def test_a_throttled_event_comes_again_after_growing_pauses_and_keeps_its_retries(
    virtual: Server, sender: Sender, tmp_path: Path
) -> None:
    virtual.client.put_function_concurrency(FunctionName=sender.name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(sender.function.call, {"sleep": 3})
        wait_until(sender.tries)
        request_id = sender.send({"fail": True})
        wait_until(lambda: any(line["kind"] == "throttled" for line in journal(virtual, request_id)))
        assert sender.tries(request_id) == []
        assert call.result().error is None
    advance(virtual, "1100ms")
    assert sender.tried(1, request_id)
    run_until_idle(virtual)
    assert sender.tried(3, request_id)


def journal(server: Server, request_id: str) -> list[dict[str, Any]]:
    found: dict[str, Any] = json.loads(server.get(f"/_lambent/explain/{request_id}"))
    return list(found["life"])


def test_an_alias_is_looked_up_anew_for_each_attempt(virtual: Server, sender: Sender) -> None:
    client, name = virtual.client, sender.name
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    sender.send({"fail": True}, Qualifier="live")
    advance(virtual, "1s")
    client.update_function_code(FunctionName=name, ZipFile=zip_of({"app.py": HANDLER.replace("intended", "changed")}))
    wait_until(lambda: client.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")
    client.publish_version(FunctionName=name)
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    run_until_idle(virtual)
    assert sender.tried(3)
    assert [line.split()[2:] for line in sender.tries()] == [
        [f"arn:aws:lambda:us-east-1:000000000000:function:{name}:live", f"v{number}"] for number in (1, 2, 2)
    ]


def test_events_of_a_function_that_is_deleted_are_kept(virtual: Server) -> None:
    sender = Sender(virtual)
    sender.send({"fail": True})
    advance(virtual, "1s")
    virtual.client.delete_function(FunctionName=sender.name)
    run_until_idle(virtual)
    assert [each["condition"] for each in kept(virtual, sender.name)] == ["FunctionNotFound"]


def test_a_slow_function_with_a_backlog_holds_up_no_other(virtual: Server, sender: Sender) -> None:
    slow = Sender(virtual)
    for _ in range(30):
        slow.send({"sleep": 0.7})
    request_id = sender.send()
    wait_until(lambda: sender.tries(request_id), 10)
    assert len(slow.tries()) < 30 or virtual.status()["events"]["running"]


def test_the_aws_cli_sends_events(virtual: Server, sender: Sender, aws: Callable[..., Any], tmp_path: Path) -> None:
    done = aws(
        "--endpoint-url", virtual.endpoint, "lambda", "invoke", "--function-name", sender.name, "--invocation-type",
        "Event", "--payload", "{}", str(tmp_path / "out"),
    )  # fmt: skip
    assert json.loads(done.stdout) == {"StatusCode": 202}, done.stderr
    advance(virtual, "0s")
    assert sender.tried(1)


def test_a_retry_survives_a_restart_and_a_crash(serve: Serve) -> None:
    server = serve("--clock", "virtual")
    first = Sender(server)
    first.send({"fail": True})
    advance(server, "1s")
    assert server.stop() == 0
    server = serve("--clock", "virtual", data=server.data)
    again = Function(server, first.name)
    advance(server, "60s")
    wait_until(lambda: sum(line.startswith("try") for line in again.logs()) == 2)
    server.kill()
    server = serve("--clock", "virtual", data=server.data)
    run_until_idle(server)
    wait_until(lambda: sum(line.startswith("try") for line in Function(server, first.name).logs()) == 3)
    events = server.status()["events"]
    assert [events[kind] for kind in ("running", "waiting", "interrupted")] == [0, 0, 0]
