"""How many events a bus takes against a thousand rules, and what a thousand rules cost while nothing happens.

    python benchmarks/eventbridge.py [--events 20000] [--rules 1000]

Each rule wants a source and a type of details, and a number in the detail; each event fits one of them, whose target is
a queue, so that each event is a message on disk before it is answered. PutEvents over HTTP with ten entries a call from
sixteen connections of another process: rates are of events, times of calls. In the last row the rules name no source
and no type.
"""

import argparse
import http.client
import json
import multiprocessing
import threading
import time
from typing import Any

import boto3
from _measure import row, told
from invoke import Server

CONNECTIONS = 16
ENTRIES = 10  # of a call
IDLE_S = 10.0
HEADERS = {
    "X-Amz-Target": "AWSEvents.PutEvents", "Content-Type": "application/x-amz-json-1.1",
    "Authorization": "AWS4-HMAC-SHA256 Credential=000000000000/20260112/us-east-1/events/aws4_request, "
    "SignedHeaders=host, Signature=0",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rules", type=int, default=1_000)
    options = parser.parse_args()
    server = Server()
    try:
        furnish(server, options.rules)
        idle(server, options.rules)
        for named, target in ((True, ">= 2,000 events/s"), (False, "-")):
            rules(server, options.rules, named=named)
            events = options.events if named else options.events // 20
            name = f"{options.rules} rules {'by source and type' if named else 'by detail alone'}"
            measure(server, events, options.rules, name, target)
    finally:
        server.stop()


def client(server: Server, service: str) -> Any:
    keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "bench", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=server.endpoint, **keys)


def furnish(server: Server, count: int) -> None:
    sqs = client(server, "sqs")
    arn = "arn:aws:sqs:us-east-1:000000000000:bench"
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn,
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.create_queue(QueueName="bench", Attributes={"Policy": policy})
    rules(server, count, named=True)
    events = client(server, "events")
    for number in range(count):
        events.put_targets(Rule=f"r{number}", Targets=[{"Id": "queue", "Arn": arn}])


def rules(server: Server, count: int, *, named: bool) -> None:
    events = client(server, "events")
    for number in range(count):
        pattern: dict[str, Any] = {"detail": {"kind": [number], "price": [{"numeric": [">", 5]}]}}
        if named:
            pattern |= {"source": [f"shop.{number // 10}"], "detail-type": [f"order {number % 10}"]}
        events.put_rule(Name=f"r{number}", EventPattern=json.dumps(pattern))


def idle(server: Server, count: int) -> None:
    before = server.cpu_s()
    time.sleep(IDLE_S)
    share = (server.cpu_s() - before) / IDLE_S * 100
    told(f"idle with {count} rules", 1, f"{share:.2f} % of a core", "< 1 %")


def measure(server: Server, events: int, count: int, name: str, target: str) -> None:
    calls = max(1, events // ENTRIES // CONNECTIONS)
    queue: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    before = server.cpu_s()
    process = multiprocessing.Process(target=_put, args=(server.port, calls, count, queue))
    process.start()
    took_s, *times_ms = queue.get()
    process.join()
    done = calls * ENTRIES * CONNECTIONS
    cpu_us = (server.cpu_s() - before) / done * 1e6
    row(
        f"PutEvents of {ENTRIES}, {name}", times_ms,
        f"{target}; the server's processor time {cpu_us:.0f} us an event", done / took_s,
    )  # fmt: skip


def _put(port: int, calls: int, count: int, queue: "multiprocessing.Queue[list[float]]") -> None:
    """All connections at once; how long all took, and each call."""
    times_ms: list[float] = []

    def one(offset: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for number in range(calls):
            body = json.dumps({"Entries": [entry((offset + number * ENTRIES + n) % count) for n in range(ENTRIES)]})
            began = time.perf_counter()
            connection.request("POST", "/", body, HEADERS)
            answer = connection.getresponse()
            content = answer.read()
            times_ms.append((time.perf_counter() - began) * 1000)
            if answer.status != 200 or b"ErrorCode" in content:
                raise RuntimeError(f"{answer.status}: {content!r}")
        connection.close()

    threads = [threading.Thread(target=one, args=(number * 61,)) for number in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put([time.perf_counter() - began, *times_ms])


def entry(number: int) -> dict[str, str]:
    detail = {"kind": number, "price": 12.5, "customer": "c-0815", "lines": [{"sku": "a", "count": 2}] * 3}
    return {
        "Source": f"shop.{number // 10}", "DetailType": f"order {number % 10}", "Detail": json.dumps(detail),
    }  # fmt: skip


if __name__ == "__main__":
    main()
