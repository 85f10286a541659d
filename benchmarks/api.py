"""How fast the control plane is: reading one function, listing ten thousand, deploying one, and changing its code.

    python benchmarks/api.py [--only get,list,create,update] [--functions 10000]

Rows and targets are those of SPECIFICATION.md. The client sends what botocore's serializer makes over one connection
and reads no more than it needs, so that the server is what is measured; its processor time per request, which a busy
machine distorts least, stands beside.
"""

import argparse
import asyncio
import http.client
import io
import json
import random
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from msgspec.structs import replace

from benchmarks._measure import row
from benchmarks.invoke import ROLE, Server
from lambent.stores import Stores

MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")
SERIALIZER = create_serializer("rest-json")
MB = 1024 * 1024
RUNTIME = "python3.11"
ACCOUNT, REGION = "000000000000", "us-east-1"


class Client:
    """One connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def __call__(self, operation: str, **parameters: Any) -> Any:
        """The answer's JSON. Raises AssertionError for a refusal."""
        return json.loads(self.send(*prepared(operation, **parameters)) or b"{}")

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status < 300, (answer.status, content)
        return content


def prepared(operation: str, **parameters: Any) -> tuple[str, str, bytes, dict[str, str]]:
    """Method, path, body and headers of a request."""
    made = SERIALIZER.serialize_to_request(parameters, MODEL.operation_model(operation))
    query = f"?{urlencode(made['query_string'])}" if made["query_string"] else ""
    scope = f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260112/{REGION}/lambda/aws4_request"
    headers = {**made["headers"], "Authorization": f"{scope}, SignedHeaders=host, Signature=0"}
    body = made["body"]
    return made["method"], made["url_path"] + query, body if isinstance(body, bytes) else body.encode(), headers


def package(text: str, size: int = 0) -> bytes:
    """A zip of a module, and of `size` bytes that cannot be compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", text)
        if size:
            archive.writestr("data.bin", random.Random(text).randbytes(size))
    return buffer.getvalue()


def create(client: Client, name: str, code: bytes) -> None:
    """Create a function, and wait until it is Active."""
    client(
        "CreateFunction", FunctionName=name, Runtime=RUNTIME, Role=ROLE, Handler="app.handler",
        Code={"ZipFile": code}, MemorySize=1769,
    )  # fmt: skip
    while client("GetFunctionConfiguration", FunctionName=name)["State"] == "Pending":
        time.sleep(0.001)


def timed(client: Client, count: int, work: Callable[[int], object]) -> tuple[list[float], float]:
    """Milliseconds of each, and the server's processor milliseconds of one."""
    taken, before = [], client.server.cpu_s()
    for number in range(count):
        began = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - began) * 1000)
    return taken, (client.server.cpu_s() - before) * 1000 / count


def tell(name: str, target: str, found: tuple[list[float], float]) -> None:
    row(name, found[0], f"{target}; the server's processor time {found[1]:.2f} ms each")


def bench_get(client: Client) -> None:
    for name, operation in (("GetFunction", "GetFunction"), ("GetFunctionConfiguration", "GetFunctionConfiguration")):
        request = prepared(operation, FunctionName="bench")
        timed(client, 100, lambda _, request=request: client.send(*request))
        tell(name, "<= 2 ms p50", timed(client, 2000, lambda _, request=request: client.send(*request)))


def bench_list(client: Client, functions: int) -> None:
    """All pages, again and again: from the first to the last."""
    state = {"marker": "", "seen": 0}

    def page(_: int) -> None:
        more = {"Marker": state["marker"]} if state["marker"] else {}
        answer = client("ListFunctions", MaxItems=50, **more)
        state["marker"], state["seen"] = answer.get("NextMarker", ""), state["seen"] + len(answer["Functions"])

    pages = functions // 50 + 1
    tell(f"ListFunctions of {functions:,}, a page of 50", "<= 10 ms p50", timed(client, 2 * pages, page))
    assert state["seen"] >= 2 * functions, state


def bench_create(client: Client) -> None:
    packages = [package(f"def handler(event, context): return {number}\n", MB) for number in range(31)]
    create(client, "first", packages.pop())
    tell(
        "CreateFunction of a 1 MB zip until Active",
        "<= 100 ms p50",
        timed(client, len(packages), lambda number: create(client, f"made-{number}", packages[number])),
    )


def bench_update(client: Client) -> None:
    """Until a call is answered by the new code: calls before that see the old one, and none fails."""
    create(client, "changing", package("def handler(event, context): return -1\n"))
    invoke = prepared("Invoke", FunctionName="changing", Payload=b"{}")
    assert client.send(*invoke) == b"-1"

    def change(number: int) -> None:
        code = package(f"def handler(event, context): return {number}\n")
        client("UpdateFunctionCode", FunctionName="changing", ZipFile=code)
        while client.send(*invoke) != str(number).encode():
            pass
        # Not timed by itself: the next change must not come while this one is under way.
        while client("GetFunctionConfiguration", FunctionName="changing")["LastUpdateStatus"] != "Successful":
            time.sleep(0.001)

    tell("UpdateFunctionCode until called", "<= 150 ms p50", timed(client, 40, change))


def fill(data: str, functions: int) -> None:
    """So many functions like the one that is there, in the store itself: creating each would take minutes."""

    async def write(stores: Stores) -> None:
        function = stores.functions.get(ACCOUNT, REGION, "bench")
        version = stores.functions.get_version(ACCOUNT, REGION, "bench")
        for start in range(0, functions - 1, 500):
            await asyncio.gather(
                *(
                    stores.functions.create(replace(function, name=name), replace(version, name=name))
                    for name in (f"like-{number:06d}" for number in range(start, min(start + 500, functions - 1)))
                )
            )

    stores = Stores(Path(data))
    try:
        asyncio.run(write(stores))
    finally:
        stores.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="get,create,update,list")
    parser.add_argument("--functions", type=int, default=10_000)
    options = parser.parse_args()
    chosen = options.only.split(",")
    data = tempfile.mkdtemp(prefix="lambent-bench-")
    try:
        run(data, chosen, options.functions)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def run(data: str, chosen: list[str], functions: int) -> None:
    server = Server(data=data)
    try:
        client = Client(server)
        create(client, "bench", package("def handler(event, context): return event\n"))
        for name, bench in (("get", bench_get), ("create", bench_create), ("update", bench_update)):
            if name in chosen:
                bench(client)
    finally:
        server.stop_only()
    if "list" in chosen:
        fill(data, functions)
        server = Server(data=data)
        try:
            bench_list(Client(server), functions)
        finally:
            server.stop_only()


if __name__ == "__main__":
    main()
