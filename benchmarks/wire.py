"""What wire costs the hot path: parsing an Invoke request and rendering its answer, in microseconds.

Run it as `python benchmarks/wire.py`. Limits: 15 µs to parse, 8 µs to render.
"""

import platform
import time

from _measure import row_of_cpu

from lambent.settings import Settings
from lambent.wire.http import Request
from lambent.wire.parse import Wire

HEADERS = {
    "host": "127.0.0.1:4566",
    "accept-encoding": "identity",
    "user-agent": "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7",
    "x-amz-date": "20240101T000000Z",
    "amz-sdk-invocation-id": "0b3c5e4a-7c1f-4f2e-9a7b-2f3a1c5d7e9f",
    "amz-sdk-request": "attempt=1",
    "content-length": "10",
    "authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20240101/us-east-1/lambda/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024",
}
REQUEST = Request("POST", "/2015-03-31/functions/my-function/invocations", "", HEADERS, b'{"a": 123}')
RESULT = {"StatusCode": 200, "Payload": b'{"a": 123}', "ExecutedVersion": "$LATEST"}
BATCHES = 60


def main() -> None:
    began = time.perf_counter()
    wire = Wire(Settings())
    call = wire.parse(REQUEST)
    wire.render(call, RESULT)
    print(f"machine: {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"first Invoke, model loaded and compiled: {(time.perf_counter() - began) * 1e3:.1f} ms")
    for name, work in (("parse", lambda: wire.parse(REQUEST)), ("render", lambda: wire.render(call, RESULT))):
        row_of_cpu(name, work, BATCHES)


if __name__ == "__main__":
    main()
