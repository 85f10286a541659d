"""What becomes of asynchronous events at their end: destinations, dead letters, the kept list, replay."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from real_server import ROOT, Function, Server, clean_environment, client, wait_until

QUEUE = "arn:aws:sqs:us-east-1:000000000000:failures"
BUCKET = "arn:aws:s3:::failures"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/results"
SOURCE = """
    import os

    def handler(event, context):
        print("SEEN", context.aws_request_id, event)
        if event.get("fail") and "MENDED" not in os.environ:
            raise ValueError(event["fail"])
        return {"echo": event}
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("failed-events") / "data", "--clock", "virtual")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def function(events: Server) -> Function:
    return events.deploy(SOURCE)


@pytest.fixture(scope="module")
def queue(events: Server) -> Callable[[], dict[str, Any]]:
    """Makes the queue of QUEUE; called, it gives the next message there."""
    sqs = client(events.endpoint, service="sqs")
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]

    def receive() -> dict[str, Any]:
        asked = {"QueueUrl": url, "WaitTimeSeconds": 20, "MessageAttributeNames": ["All"]}
        (message,) = wait_until(lambda: sqs.receive_message(**asked).get("Messages"))
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return dict(message)

    return receive


def ask(server: Server, method: str, path: str) -> dict[str, Any]:
    request = urllib.request.Request(server.endpoint + path, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.loads(answer.read()))


def post_event(function: Function, payload: Any, **parameters: Any) -> str:
    """The request id of an accepted event."""
    answer = function.server.client.invoke(
        FunctionName=function.name, InvocationType="Event", Payload=json.dumps(payload), **parameters
    )
    assert answer["StatusCode"] == 202
    return str(answer["ResponseMetadata"]["RequestId"])


def configure(function: Function, **options: Any) -> None:
    function.server.client.put_function_event_invoke_config(FunctionName=function.name, **options)


def known(server: Server, request_id: str) -> dict[str, Any] | None:
    """What the server knows of an event that has come to its end; None while it waits, runs or is forgotten."""
    try:
        found = ask(server, "GET", f"/_lambent/events/{request_id}")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 404:
            raise
        return None
    return None if found["waiting"] or found["letters"] else found


def ended(server: Server, request_id: str) -> dict[str, Any]:
    return dict(wait_until(lambda: known(server, request_id)))


def command(server: Server, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lambent", "events", *words, "--endpoint-url", server.endpoint],
        env=clean_environment() | {"NO_COLOR": "1"}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_failed_event_with_nowhere_to_go_is_kept_after_its_retries(events, function):
    configure(function, MaximumRetryAttempts=2)
    request_id = post_event(function, {"fail": "as ever"})
    wait_until(lambda: any(request_id in line and "SEEN" in line for line in function.logs()))
    ask(events, "POST", "/_lambent/clock/run-until-idle")
    (kept,) = ended(events, request_id)["kept"]
    assert json.loads(kept["payload"]) == {"fail": "as ever"}
    assert (kept["condition"], kept["attempts"], kept["error_type"]) == ("RetriesExhausted", 3, "ValueError")
    assert json.loads(kept["answer"])["errorMessage"] == "as ever"
    assert kept["failed"] - kept["received"] >= 180


def test_success_goes_to_a_function_which_gets_the_record_as_its_event(events, function):
    witness = events.deploy(SOURCE)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{witness.name}"
    configure(function, DestinationConfig={"OnSuccess": {"Destination": arn}})
    request_id = post_event(function, {"n": 1})
    seen = wait_until(lambda: [line for line in witness.logs() if line.startswith("SEEN") and request_id in line])
    assert len(seen) == 1
    assert "'condition': 'Success'" in seen[0]
    assert "'responsePayload': {'echo': {'n': 1}}" in seen[0]
    assert not seen[0].startswith(f"SEEN {request_id}")  # it is another event, with an id of its own


@pytest.fixture(scope="module")
def bus(events: Server) -> Callable[[], dict[str, Any]]:
    """Makes the bus of BUS; called, it gives the next event there, from a queue of its own."""
    sqs, buses = client(events.endpoint, service="sqs"), client(events.endpoint, service="events")
    buses.create_event_bus(Name="results")
    pattern = json.dumps({"source": ["lambda"]})
    rule = buses.put_rule(Name="all", EventBusName="results", EventPattern=pattern)["RuleArn"]
    arn = QUEUE.replace("failures", "events-of-the-bus")
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = sqs.create_queue(QueueName="events-of-the-bus", Attributes={"Policy": policy})["QueueUrl"]
    buses.put_targets(Rule="all", EventBusName="results", Targets=[{"Id": "queue", "Arn": arn}])

    def receive() -> dict[str, Any]:
        asked = {"QueueUrl": url, "WaitTimeSeconds": 20}
        (message,) = wait_until(lambda: sqs.receive_message(**asked).get("Messages"))
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return dict(json.loads(message["Body"]))

    return receive


def test_failure_goes_to_the_destination_and_the_dead_letter_queue(events, function, queue, bus):
    configure(function, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": BUS}})
    events.client.update_function_configuration(FunctionName=function.name, DeadLetterConfig={"TargetArn": QUEUE})
    request_id = post_event(function, {"fail": "both"})
    event = bus()
    detail = event["detail"]
    assert detail["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 1,
    }
    assert detail["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert (event["source"], event["detail-type"]) == ("lambda", "Lambda Function Invocation Result - Failure")
    assert event["resources"] == [BUS, detail["requestContext"]["functionArn"]]
    dead = queue()
    assert dead["Body"] == json.dumps({"fail": "both"})
    attributes = dead["MessageAttributes"]
    assert {name: each["StringValue"] for name, each in attributes.items()} == {
        "RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "both",
    }  # fmt: skip
    wait_until(lambda: known(events, request_id) is None)  # it is nowhere else
    events.client.update_function_configuration(FunctionName=function.name, DeadLetterConfig={"TargetArn": ""})


def test_a_destination_that_is_gone_makes_the_event_kept(events, function):
    witness = events.deploy(SOURCE)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{witness.name}"
    configure(function, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}})
    events.client.delete_function(FunctionName=witness.name)
    (kept,) = ended(events, post_event(function, {"fail": "gone"}))["kept"]
    assert kept["undelivered"] == f"{arn}: Function not found: {arn}:$LATEST"
    assert json.loads(kept["payload"]) == {"fail": "gone"}
    metric = f"/_lambent/metrics?function={function.name}&metric=DestinationDeliveryFailures&totals=1"
    (row,) = ask(events, "GET", metric)["metrics"]
    assert row["total"]["sum"] >= 1  # the other tests of this file may have had such a one before


def test_a_queue_that_is_not_there_makes_the_event_kept(events, function):
    configure(
        function,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": QUEUE.replace("failures", "none")}},
    )
    (kept,) = ended(events, post_event(function, {"fail": "nowhere"}))["kept"]
    assert "there is no queue" in kept["undelivered"]


def test_a_function_without_concurrency_sends_its_events_on_untried(events, function, queue):
    configure(function, DestinationConfig={"OnFailure": {"Destination": QUEUE}})
    events.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    post_event(function, {"n": 2})
    found = json.loads(queue()["Body"])
    events.client.delete_function_concurrency(FunctionName=function.name)
    assert found["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert found["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in found


def test_a_chain_of_destinations_that_comes_round_is_stopped_and_its_event_kept(events):
    quiet = "def handler(event, context): print('SEEN')"  # an echo would double the record each time
    first, second = events.deploy(quiet), events.deploy(quiet)
    for one, other in ((first, second), (second, first)):
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{other.name}"
        configure(one, MaximumRetryAttempts=0, DestinationConfig={"OnSuccess": {"Destination": arn}})
    post_event(first, {})
    runs = lambda: sum(line.startswith("SEEN") for each in (first, second) for line in each.logs())  # noqa: E731
    listed = lambda: ask(events, "GET", f"/_lambent/events?function={first.name}")["events"]  # noqa: E731
    (kept,) = wait_until(lambda: listed() or ask(events, "GET", f"/_lambent/events?function={second.name}")["events"])
    assert "recursive" in kept["undelivered"]
    assert kept["condition"] == "Success"
    assert 30 <= runs() <= 34


def test_kept_events_are_replayed_with_their_request_ids_when_the_function_is_mended(events):
    function = events.deploy(SOURCE)
    configure(function, MaximumRetryAttempts=0)
    ids = [post_event(function, {"fail": str(number)}) for number in range(5)]
    for request_id in ids:
        assert ended(events, request_id)["kept"]
    listed = command(events, "list", "--function", function.name, "--json")
    assert {row["request_id"] for row in json.loads(listed.stdout)} == set(ids)
    assert "ValueError" in command(events, "--function", function.name).stdout
    assert command(events, "show", ids[0], "--payload").stdout == json.dumps({"fail": "0"})
    assert command(events, "purge", ids[4]).stdout == "1 event purged\n"

    events.client.update_function_configuration(FunctionName=function.name, Environment={"Variables": {"MENDED": "1"}})
    assert command(events, "replay", ids[0]).stdout == "1 event replayed\n"
    assert command(events, "replay", "--function", function.name).stdout == "3 events replayed\n"
    again = lambda: [line.split()[1] for line in function.logs() if line.startswith("SEEN")]  # noqa: E731
    wait_until(lambda: len(again()) == 9)
    assert sorted(again()) == sorted(ids + ids[:4])
    listed = command(events, "list", "--function", function.name).stdout
    assert listed == f"--function {function.name}: no failed events are kept\n"
    refused = command(events, "replay", ids[4])
    assert (refused.returncode, "ResourceNotFoundException" in refused.stderr) == (1, True)


def test_everything_is_purged_only_when_that_is_meant(events):
    refused = command(events, "purge", "--kind", "outbox")
    assert (refused.returncode, "--yes" in refused.stderr) == (1, True)
    assert command(events, "purge", "--kind", "outbox", "--yes").returncode == 0
    assert command(events, "list", "--kind", "outbox").stdout == "the outbox is empty\n"


@pytest.mark.root
def test_functions_do_not_reach_the_list(events):
    function = events.deploy("""
        import json, os, urllib.request, urllib.error

        def handler(event, context):
            try:
                urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_lambent/events", timeout=20)
            except urllib.error.HTTPError as error:
                return error.code
    """)
    assert function.call({}).value == 403


def test_kept_events_survive_a_kill(serve):
    server = serve()
    function = server.deploy(SOURCE)
    configure(function, MaximumRetryAttempts=0)
    request_id = post_event(function, {"fail": "kept"})
    ended(server, request_id)
    configure(function, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": BUCKET}})
    other = post_event(function, {"fail": "sent"})
    ended(server, other)
    server.kill()

    again = serve("--keep-failed-events-mb", "1", data=server.data)
    assert len(ended(again, request_id)["kept"]) == 1
    assert ended(again, other)["kept"][0]["undelivered"].startswith(BUCKET)  # which nobody has made
    # The disk space that they may take is bounded: the oldest go, and are counted.
    function = Function(again, function.name)
    configure(function, MaximumRetryAttempts=0)
    ended(again, post_event(function, {"fail": "x" * 600_000}))  # two at once may end in either order
    last = post_event(function, {"fail": "x" * 600_000})
    wait_until(lambda: again.status()["events"]["kept_dropped"])
    assert known(again, request_id) is None
    assert ended(again, last)["kept"]
    assert os.stat(server.data / "queue" / "lambent.db").st_mode & 0o077 == 0
