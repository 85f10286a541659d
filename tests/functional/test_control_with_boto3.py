"""The unmodified boto3 against the control plane over real HTTP: its waiters end and code comes back as it was sent."""

import asyncio
import hashlib
import io
import threading
import urllib.request
import zipfile

import boto3
import pytest
from botocore.config import Config

from lambent.clock import RealClock
from lambent.control import deployment, download
from lambent.control.control import Control
from lambent.control.registry import handle
from lambent.control.testing import MemoryCapacity
from lambent.edge.http import HttpLimits, serve
from lambent.errors import AwsError
from lambent.settings import Settings
from lambent.stores import Stores
from lambent.wire.http import Request, Response
from lambent.wire.parse import Wire

ROLE = "arn:aws:iam::000000000000:role/lambda-role"


def make_zip(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", text)
    return buffer.getvalue()


class Endpoint:
    """A control plane that listens, in a thread of its own, and runs nothing."""

    def __init__(self, directory) -> None:
        self.directory = directory
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> "Endpoint":
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():  # a test may have stopped it before
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(20)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        settings = Settings(data=str(self.directory))
        stores = Stores(self.directory)
        self.control = Control(stores, MemoryCapacity(), RealClock(), settings)
        self.wire = Wire(settings)
        await deployment.resume(self.control)
        server = await serve(self._answer, "127.0.0.1", 0, limits=HttpLimits(body=settings.body_limit_mb * 2**20))
        self.port = server.port
        self._ready.set()
        await self._over.wait()
        await server.close(1)
        await self.control.close()
        stores.close()

    async def _answer(self, request: Request) -> Response:
        asked: object = request
        try:
            if request.path.startswith(download.PREFIX):
                now = self.control.clock.epoch()
                digest = download.check(request.path, request.query, self.control.secret, now)
                return Response(200, [], self.control.code.zip(digest).read_bytes())
            asked = call = self.wire.parse(request)
            return self.wire.render(call, await handle(self.control, call))
        except AwsError as error:
            return self.wire.render_error(asked, error, "11111111-2222-3333-4444-555555555555")


@pytest.fixture
def endpoint(tmp_path):
    with Endpoint(tmp_path) as endpoint:
        yield endpoint


@pytest.fixture
def client(endpoint):
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{endpoint.port}",
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )
    yield client
    client.close()


def create(client, **changes):
    given = {"FunctionName": "hello", "Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler"}
    return client.create_function(**(given | {"Code": {"ZipFile": make_zip("one")}} | changes))


def test_every_waiter_ends(client):
    create(client, Publish=True)
    client.get_waiter("function_exists").wait(FunctionName="hello")
    client.get_waiter("function_active").wait(FunctionName="hello")
    client.get_waiter("function_active_v2").wait(FunctionName="hello")
    client.get_waiter("published_version_active").wait(FunctionName="hello", Qualifier="1")
    client.update_function_code(FunctionName="hello", ZipFile=make_zip("two"))
    client.get_waiter("function_updated").wait(FunctionName="hello")
    client.update_function_configuration(FunctionName="hello", MemorySize=256)
    client.get_waiter("function_updated_v2").wait(FunctionName="hello")
    assert client.get_function(FunctionName="hello")["Configuration"]["MemorySize"] == 256


def test_code_comes_back_as_it_was_sent(client):
    package = make_zip("x" * 300_000)
    created = create(client, Code={"ZipFile": package})
    location = client.get_function(FunctionName="hello")["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert hashlib.sha256(answer.read()).digest() == hashlib.sha256(package).digest()
    assert created["CodeSize"] == len(package)


def test_paginators_see_everything_once(client):
    for number in range(7):
        create(client, FunctionName=f"f{number}", Publish=True)
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3})
    assert [each["FunctionName"] for page in pages for each in page["Functions"]] == [f"f{n}" for n in range(7)]
    versions = client.get_paginator("list_versions_by_function").paginate(
        FunctionName="f0", PaginationConfig={"PageSize": 1}
    )
    assert [each["Version"] for page in versions for each in page["Versions"]] == ["$LATEST", "1"]


def test_boto3_raises_the_exceptions_that_its_users_catch(client):
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="nobody")
    create(client)
    with pytest.raises(client.exceptions.ResourceConflictException):
        create(client)
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        create(client, FunctionName="new", Code={"ZipFile": b"no zip"})
    with pytest.raises(client.exceptions.PreconditionFailedException):
        client.publish_version(FunctionName="hello", RevisionId="stale")


def test_everything_is_there_after_a_restart(client, endpoint, tmp_path):
    create(client, Tags={"team": "a"})
    client.get_waiter("function_active_v2").wait(FunctionName="hello")
    client.delete_function(FunctionName="hello")
    assert client.list_functions()["Functions"] == []
    create(client, Description="second")
    endpoint.__exit__()
    with Endpoint(tmp_path) as again:
        stored = again.control.functions.get_version("000000000000", "us-east-1", "hello")
        assert stored.config["Description"] == "second"
        assert again.control.code.digests() == [stored.code_digest]
