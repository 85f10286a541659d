"""The speed of queues, and of functions that are fed from them.

    python benchmarks/sqs.py [--only send,drain,idle,latency]

Rows and targets are those of SPECIFICATION.md. Sends are whole HTTP requests of a C client (`load.c`), answered after
the fsync.
"""

import argparse
import json
import sys
import time
import uuid
from typing import Any

import boto3
from _measure import NO_COMPILER, load, row_of_log, told
from invoke import Server

TIMED = """
import time
def handler(event, context):
    now = time.time() * 1000
    print("WAITED", *(round(now - float(record["body"]), 2) for record in event["Records"]))
"""


def clients(server: Server) -> tuple[Any, Any]:
    keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "us-east-1"}
    return (boto3.client(name, endpoint_url=server.endpoint, **keys) for name in ("sqs", "lambda"))  # type: ignore[return-value]


def queue(sqs: Any) -> tuple[str, str]:
    url = sqs.create_queue(QueueName=f"bench-{uuid.uuid4().hex[:8]}", Attributes={"VisibilityTimeout": "60"})[
        "QueueUrl"
    ]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def request(target: str, document: dict[str, Any]) -> bytes:
    """What botocore sends, signature included in size."""
    body = json.dumps(document).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: AmazonSQS.{target}\r\n"
        "Content-Type: application/x-amz-json-1.0\r\nUser-Agent: Boto3/1.44 md/Botocore#1.44 lang/python#3.11\r\n"
        "X-Amz-Date: 20260101T000000Z\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/sqs/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send(server: Server, seconds: float) -> None:
    sqs, _ = clients(server)
    url, _ = queue(sqs)
    found = load(server, request("SendMessage", {"QueueUrl": url, "MessageBody": "x" * 200}), 16, seconds)
    if found is None:
        print(f"send: {NO_COMPILER}")
        return
    found.tell("SendMessage over HTTP, 16 connections, durable", ">= 3,000/s")


def fill(sqs: Any, url: str, number: int) -> None:
    for start in range(0, number, 10):
        entries = [{"Id": str(n), "MessageBody": "x" * 100} for n in range(start, start + 10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


def left(sqs: Any, url: str) -> int:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return sum(int(value) for name, value in found.items() if name.startswith("Approximate"))


def drain(server: Server, number: int) -> None:
    """A queue that is full when its mapping is enabled: messages per second until it is empty."""
    sqs, lam = clients(server)
    url, arn = queue(sqs)
    fill(sqs, url, number)
    mapping = lam.create_event_source_mapping(EventSourceArn=arn, FunctionName="echo", BatchSize=10)["UUID"]
    while left(sqs, url) == number:
        time.sleep(0.005)
    began, seen, before = time.perf_counter(), left(sqs, url), server.cpu_s()
    while left(sqs, url):
        time.sleep(0.05)
    took, cost = time.perf_counter() - began, (server.cpu_s() - before) * 1e6 / seen
    measured = f"{seen / took:7.0f} messages/s  {cost:.0f} us CPU"
    told("SQS to a function, batches of 10, full queue", seen, measured, ">= 5,000/s")
    while lam.get_event_source_mapping(UUID=mapping)["State"] != "Enabled":
        time.sleep(0.05)
    lam.delete_event_source_mapping(UUID=mapping)


def latency(server: Server, number: int) -> None:
    """From just before a message is sent to its handler's start, while nothing else goes on."""
    sqs, lam = clients(server)
    server.deploy_source("timed", TIMED)
    url, arn = queue(sqs)
    mapping = lam.create_event_source_mapping(EventSourceArn=arn, FunctionName="timed", BatchSize=1)["UUID"]
    while lam.get_event_source_mapping(UUID=mapping)["State"] != "Enabled":
        time.sleep(0.05)
    for _ in range(number):
        sqs.send_message(QueueUrl=url, MessageBody=str(time.time() * 1000))
        time.sleep(0.03)
    row_of_log("send to handler start, idle", server, "timed", number, "p50 <= 20 ms")
    lam.delete_event_source_mapping(UUID=mapping)


def idle(server: Server, seconds: float) -> None:
    sqs, lam = clients(server)
    for _ in range(100):
        lam.create_event_source_mapping(EventSourceArn=queue(sqs)[1], FunctionName="echo")
    time.sleep(5)
    before = server.cpu_s()
    time.sleep(seconds)
    share = (server.cpu_s() - before) / seconds * 100
    told("idle, 100 mappings", 1, f"{share:.2f} % of a core", "< 1 %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="send,latency,drain,idle")
    parser.add_argument("--messages", type=int, default=20_000)
    given = parser.parse_args()
    server = Server()
    try:
        server.deploy("echo")
        rows = {
            "send": lambda: send(server, 4), "latency": lambda: latency(server, 200),
            "drain": lambda: drain(server, given.messages), "idle": lambda: idle(server, 10),
        }  # fmt: skip
        for name in given.only.split(","):
            rows[name]()
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
