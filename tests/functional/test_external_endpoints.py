"""Queues, topics and buckets that are elsewhere: a second Lambent stands there, in another account."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import ROOT, Server, client, wait_until, zip_of

REGION, ACCOUNT = "us-east-1", "222222222222"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
SOURCE = """
    def handler(event, context):
        bodies = [record["body"] for record in event.get("Records", ())]
        print("SEEN", bodies, [record["eventSourceARN"] for record in event.get("Records", ())][:1])
        if not bodies:
            raise ValueError("nothing to do")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("external")


@pytest.fixture(scope="module")
def there(place: Path) -> Iterator[Server]:
    server = Server(place / "there", "--husks", "0")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def rules(place: Path, there: Server) -> Path:
    file = place / "external.toml"
    reached = f'endpoint = "{there.endpoint}"\naccess_key_id = "{ACCOUNT}"\nsecret_access_key = "any"\n'
    arns = (
        QUEUE + "*",
        f"arn:aws:sns:{REGION}:{ACCOUNT}:*",
        f"arn:aws:events:{REGION}:{ACCOUNT}:*",
        "arn:aws:s3:::far-*",
    )
    file.write_text("".join(f'[[external]]\narn = "{arn}"\n{reached}' for arn in arns))
    return file


@pytest.fixture(scope="module")
def here(place: Path, rules: Path) -> Iterator[Server]:
    server = Server(place / "here", "--external", str(rules))
    yield server
    server.stop()


def far(there: Server, service: str) -> Any:
    return client(there.endpoint, ACCOUNT, service=service)


def received(sqs: Any, url: str) -> list[str]:
    """The bodies of what comes next."""
    asked = {"QueueUrl": url, "WaitTimeSeconds": 20, "MaxNumberOfMessages": 10}
    messages = wait_until(lambda: sqs.receive_message(**asked).get("Messages"))
    for each in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return [each["Body"] for each in messages]


def test_the_server_says_what_is_elsewhere_and_hides_the_keys(here: Server, there: Server) -> None:
    assert f"external   {QUEUE}* at {there.endpoint} with its own keys" in here.said()


def test_a_mapping_polls_a_queue_elsewhere_and_empties_it(here: Server, there: Server) -> None:
    sqs, function = far(there, "sqs"), here.deploy(SOURCE)
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    wanted = {"Filters": [{"Pattern": json.dumps({"body": [{"prefix": "good"}]})}]}
    made = here.client.create_event_source_mapping(
        FunctionName=function.name, EventSourceArn=QUEUE + "orders", FilterCriteria=wanted
    )
    for number in range(3):
        sqs.send_message(QueueUrl=url, MessageBody=f"good {number}")
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    wait_until(lambda: all(f"good {number}" in "".join(function.logs()) for number in range(3)))
    assert f"['{QUEUE}orders']" in "".join(function.logs())
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    wait_until(
        lambda: set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(counts))["Attributes"].values()) == {"0"}
    )
    here.client.delete_event_source_mapping(UUID=made["UUID"])
    assert "bad" not in "".join(function.logs())


def test_a_queue_that_is_not_there_is_told_and_found_when_it_comes(here: Server, there: Server) -> None:
    function = here.deploy(SOURCE)
    made = here.client.create_event_source_mapping(FunctionName=function.name, EventSourceArn=QUEUE + "later")
    told = wait_until(
        lambda: (
            "PROBLEM"
            in (got := here.client.get_event_source_mapping(UUID=made["UUID"]).get("LastProcessingResult", ""))
            and got
        )
    )
    assert "answered get_queue_url with" in told
    assert "NonExistentQueue" in told or "QueueDoesNotExist" in told
    sqs = far(there, "sqs")
    url = sqs.create_queue(QueueName="later")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="here I am")
    wait_until(lambda: "here I am" in "".join(function.logs()))
    here.client.delete_event_source_mapping(UUID=made["UUID"])


def test_records_of_failed_events_go_to_buckets_and_queues_elsewhere(here: Server, there: Server) -> None:
    sqs, s3, function = far(there, "sqs"), far(there, "s3"), here.deploy(SOURCE)
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]
    s3.create_bucket(Bucket="far-failures")
    here.client.update_function_configuration(
        FunctionName=function.name, DeadLetterConfig={"TargetArn": QUEUE + "failures"}
    )
    here.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    here.client.put_function_event_invoke_config(
        FunctionName=function.name, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::far-failures"}},
    )  # fmt: skip
    here.client.invoke(FunctionName=function.name, InvocationType="Event", Payload=b'{"n": 1}')
    assert received(sqs, url) == ['{"n": 1}']
    (found,) = wait_until(lambda: s3.list_objects_v2(Bucket="far-failures").get("Contents"))
    record = json.loads(s3.get_object(Bucket="far-failures", Key=found["Key"])["Body"].read())
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorMessage"] == "nothing to do"


def test_topics_and_rules_pass_on_to_queues_and_buses_elsewhere(here: Server, there: Server) -> None:
    sqs, far_events = far(there, "sqs"), far(there, "events")
    url = sqs.create_queue(QueueName="copies")["QueueUrl"]
    sns, events = client(here.endpoint, service="sns"), client(here.endpoint, service="events")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE + "copies", Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="from a topic")
    assert received(sqs, url) == ["from a topic"]
    far_events.create_event_bus(Name="far")
    far_events.put_rule(Name="all", EventBusName="far", EventPattern='{"source": ["shop"]}')
    far_events.put_targets(
        Rule="all", EventBusName="far", Targets=[{"Id": "1", "Arn": QUEUE + "copies", "InputPath": "$.detail"}]
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": QUEUE + "copies"}})})  # fmt: skip
    events.put_rule(Name="onward", EventPattern='{"source": ["shop"]}')
    events.put_targets(Rule="onward", Targets=[
        {"Id": "1", "Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/far"},
        {"Id": "2", "Arn": QUEUE + "copies", "Input": '"from a rule"'},
    ])  # fmt: skip
    events.put_events(Entries=[{"Source": "shop", "DetailType": "sold", "Detail": '{"n": 7}'}])
    found: list[str] = []
    wait_until(lambda: found.extend(received(sqs, url)) or len(found) >= 2)
    assert sorted(found) == ['"from a rule"', '{"n":7}']


def test_code_comes_from_buckets_elsewhere(here: Server, there: Server) -> None:
    s3 = far(there, "s3")
    s3.create_bucket(Bucket="far-code")
    s3.put_object(
        Bucket="far-code", Key="app.zip", Body=zip_of({"app.py": "def handler(event, context): return 'from far'"})
    )
    function = here.deploy(SOURCE)
    here.client.update_function_code(FunctionName=function.name, S3Bucket="far-code", S3Key="app.zip")
    here.client.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.call({}).value == "from far"
    with pytest.raises(ClientError, match="S3 Error Code: NoSuchKey"):
        here.client.update_function_code(FunctionName=function.name, S3Bucket="far-code", S3Key="gone.zip")


def test_what_was_accepted_while_the_endpoint_was_down_is_delivered_after_a_restart(place: Path, rules: Path) -> None:
    """The endpoint comes only when the server that accepted the message has been killed."""
    away = place / "away.toml"
    away.write_text(
        f'[[external]]\narn = "{QUEUE}*"\nendpoint = "http://127.0.0.1:9"\n'
        'access_key_id = "x"\nsecret_access_key = "x"\n'
    )
    first = Server(place / "unlucky", "--external", str(away), "--husks", "0")
    try:
        sns = client(first.endpoint, service="sns")
        topic = sns.create_topic(Name="news")["TopicArn"]
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=QUEUE + "late", Attributes={"RawMessageDelivery": "true"}
        )
        sns.publish(TopicArn=topic, Message="kept")
    finally:
        first.kill()
        first.stop()
    there = Server(place / "late", "--husks", "0")
    second = None
    try:
        sqs = far(there, "sqs")
        url = sqs.create_queue(QueueName="late")["QueueUrl"]
        away.write_text(away.read_text().replace("http://127.0.0.1:9", there.endpoint).replace('"x"', f'"{ACCOUNT}"'))
        second = Server(place / "unlucky", "--external", str(away), "--husks", "0")
        assert received(sqs, url) == ["kept"]
    finally:
        for server in (second, there):
            if server is not None:
                server.stop()


def test_a_file_that_cannot_be_obeyed_stops_the_start_with_a_sentence(place: Path) -> None:
    import subprocess
    import sys

    file = place / "wrong.toml"
    file.write_text('[[external]]\narn = "orders"\n')
    done = subprocess.run(
        [sys.executable, "-m", "lambent", "up", "--port", "0", "--data", str(place / "never"), "--external", str(file)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "'orders' is no ARN of one of these services" in done.stderr
    assert "Traceback" not in done.stderr
