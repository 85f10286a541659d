"""The speed of queues, and of functions that are fed from them.

    python benchmarks/sqs.py [--only send,drain,idle,latency]

Rows and targets are those of issue E. Sends are whole HTTP requests of a C client (`load.c`), answered after the fsync.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import uuid
from typing import Any

import boto3
from invoke import Server, load_generator, percentile

TIMED = """
import time
def handler(event, context):
    now = time.time() * 1000
    print("WAITED", *(round(now - float(record["body"]), 2) for record in event["Records"]))
"""


def clients(server: Server) -> tuple[Any, Any]:
    keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "us-east-1"}
    return (boto3.client(name, endpoint_url=server.endpoint, **keys) for name in ("sqs", "lambda"))  # type: ignore[return-value]


def told(name: str, measured: str, target: str) -> None:
    print(f"{name:<48} {measured:<44} target {target}", flush=True)


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
    program, path = load_generator(server.data), os.path.join(server.data, "send")
    with open(path, "wb") as file:
        file.write(request("SendMessage", {"QueueUrl": url, "MessageBody": "x" * 200}))
    command = [str(program), str(server.port), "16", str(seconds), path]
    before = server.cpu_s()
    calls, errors, took, p50, p99, _ = map(
        float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    )
    assert not errors, f"{errors:.0f} of {calls:.0f} sends failed"
    cost = (server.cpu_s() - before) * 1e6 / calls
    measured = f"{calls / took:7.0f}/s  p50={p50 / 1000:6.2f} ms  p99={p99 / 1000:6.2f} ms  {cost:.0f} us CPU"
    told("SendMessage over HTTP, 16 connections, durable", measured, ">= 3,000/s")


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
    told(
        "SQS to a function, batches of 10, full queue",
        f"{seen / took:7.0f} messages/s  {cost:.0f} us CPU",
        ">= 5,000/s",
    )
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
    time.sleep(1)
    waited = [
        float(part)
        for line in server.log_lines("timed") if line.startswith("WAITED")
        for part in line.split()[1:]
    ][5:]  # fmt: skip
    measured = f"n={len(waited)} p50={percentile(waited, 0.5):6.2f} ms  p99={percentile(waited, 0.99):6.2f} ms"
    told("send to handler start, idle", measured, "p50 <= 20 ms")
    lam.delete_event_source_mapping(UUID=mapping)


def idle(server: Server, seconds: float) -> None:
    sqs, lam = clients(server)
    for _ in range(100):
        lam.create_event_source_mapping(EventSourceArn=queue(sqs)[1], FunctionName="echo")
    time.sleep(5)
    before = server.cpu_s()
    time.sleep(seconds)
    share = (server.cpu_s() - before) / seconds * 100
    told("idle, 100 mappings", f"{share:.2f} % of a core", "< 1 %")


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
