"""The speed of buckets.

    python benchmarks/s3.py [--only large,signed,small,notify]

Rows and targets are those of SPECIFICATION.md. `large` is one client and one connection, body unsigned as over TLS, so
that the client's hashing is not measured with it; `signed` is the same with the SHA-256 that boto3 sends over plain
HTTP.
"""

import argparse
import hashlib
import http.client
import os
import sys
import time
from typing import Any

import boto3
from _measure import NO_COMPILER, load, percentile, row_of_log, told
from invoke import Server

MB = 1024 * 1024
SIZE = 100 * MB
TIMED = """
import time
def handler(event, context):
    now = time.time() * 1000
    print("WAITED", *(now - float(record["s3"]["object"]["key"]) for record in event["Records"]))
"""


def clients(server: Server) -> Any:
    keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench", "region_name": "us-east-1"}
    return (boto3.client(name, endpoint_url=server.endpoint, **keys) for name in ("s3", "lambda"))


def memory_mb(server: Server) -> tuple[float, float]:
    """What the front end holds, and the most it ever held."""
    with open(f"/proc/{server.process.pid}/status") as file:
        found = dict(line.split(":", 1) for line in file)
    return int(found["VmRSS"].split()[0]) / 1024, int(found["VmHWM"].split()[0]) / 1024


def put(connection: http.client.HTTPConnection, body: bytes, digest: str) -> float:
    began = time.perf_counter()
    connection.request("PUT", "/bench/large", body, {"x-amz-content-sha256": digest})
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said
    return time.perf_counter() - began


def get(connection: http.client.HTTPConnection) -> float:
    buffer, began, size = bytearray(MB), time.perf_counter(), 0
    connection.request("GET", "/bench/large")
    answer = connection.getresponse()
    while read := answer.readinto(buffer):
        size += read
    assert size == SIZE
    return time.perf_counter() - began


def large(server: Server, rounds: int, *, signed: bool) -> None:
    s3, _ = clients(server)
    s3.create_bucket(Bucket="bench")
    body = os.urandom(MB) * (SIZE // MB)
    digest = hashlib.sha256(body).hexdigest() if signed else "UNSIGNED-PAYLOAD"
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    put(connection, body, digest)
    before = server.cpu_s()
    puts = [put(connection, body, digest) for _ in range(rounds)]
    put_cost, before = (server.cpu_s() - before) / rounds, server.cpu_s()
    gets = [get(connection) for _ in range(rounds)]
    get_cost = (server.cpu_s() - before) / rounds
    now, most = memory_mb(server)
    name = "100 MB, signed" if signed else "100 MB"
    for what, times, cost in (("PUT", puts, put_cost), ("GET", gets, get_cost)):
        best, median = SIZE / MB / min(times), SIZE / MB / percentile(times, 0.5)
        measured = f"p50={median:.0f} MB/s best={best:.0f} MB/s {cost * 1000:.0f} ms CPU"
        told(f"{what} of {name}", rounds, measured, ">= 300 MB/s")
    told(f"memory after {2 * rounds + 1} x {name}", 1, f"RSS={now:.0f} MB peak={most:.0f} MB", "flat")


def small(server: Server, seconds: float) -> None:
    """One key, so that each writer waits for the one before: the slowest case there is."""
    s3, _ = clients(server)
    s3.create_bucket(Bucket="bench")
    head = "PUT /bench/small HTTP/1.1\r\nHost: 127.0.0.1\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
    found = load(server, f"{head}Content-Length: 10000\r\n\r\n".encode() + bytes(10_000), 16, seconds)
    if found is None:
        print(f"small: {NO_COMPILER}")
        return
    found.tell("PUT of 10 KB over one key, 16 connections", "-")


def notify(server: Server, number: int) -> None:
    """From just before a PUT of 10 KB to the start of the function that is told of it, while nothing else goes on."""
    s3, lam = clients(server)
    s3.create_bucket(Bucket="told")
    server.deploy_source("timed", TIMED)
    lam.add_permission(
        FunctionName="timed", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    arn = lam.get_function_configuration(FunctionName="timed")["FunctionArn"]
    wanted = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="told", NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    body = bytes(10_000)
    for _ in range(number):
        s3.put_object(Bucket="told", Key=str(time.time() * 1000), Body=body)
        time.sleep(0.03)
    row_of_log("PUT of 10 KB to function started, idle", server, "timed", number, "p50 <= 15 ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="large,signed,small,notify")
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args()
    server = Server()
    try:
        rows = {
            "large": lambda: large(server, given.rounds, signed=False),
            "signed": lambda: large(server, given.rounds, signed=True),
            "small": lambda: small(server, 4), "notify": lambda: notify(server, 200),
        }  # fmt: skip
        for name in given.only.split(","):
            rows[name]()
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
