"""Buckets as web pages see them: CORS, and uploads by forms."""

import hashlib
import http.client
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import botocore.exceptions
import pytest
from conftest import Serve
from real_server import Server, client

ORIGIN = "http://localhost:3000"
RULE: dict[str, Any] = {
    "ID": "shop", "AllowedOrigins": [ORIGIN, "https://*.example.com"], "AllowedMethods": ["GET", "PUT", "POST"],
    "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60,
}  # fmt: skip


class Heard(NamedTuple):
    """One answer, as a browser has it."""

    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("browsers") / "data")
    yield server
    server.stop()


@pytest.fixture
def s3(home: Server) -> Any:
    return client(home.endpoint, service="s3")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = f"b-{hashlib.md5(request.node.nodeid.encode()).hexdigest()[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def ask(home: Server, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Heard:
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Heard(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def preflight(home: Server, path: str, origin: str = ORIGIN, method: str = "PUT", **more: str) -> Heard:
    return ask(home, "OPTIONS", path, {"Origin": origin, "Access-Control-Request-Method": method, **more})


def refused(work: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    """Code and status of what an operation answers."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        work(**parameters)
    answer: Any = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_rules_are_put_shown_and_deleted(s3: Any, bucket: str) -> None:
    assert refused(s3.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [RULE]
    for bad, code in (({"AllowedMethods": ["PATCH"]}, "InvalidRequest"), ({"AllowedOrigins": []}, "MalformedXML")):
        wrong = {"CORSRules": [RULE | bad]}
        assert refused(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=wrong) == (code, 400)
    assert refused(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": []}) == ("MalformedXML", 400)
    s3.delete_bucket_cors(Bucket=bucket)
    assert refused(s3.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)


def test_a_preflight_is_answered_by_the_rules_at_either_address(home: Server, s3: Any, bucket: str) -> None:
    assert b"CORSResponse: CORS is not enabled for this bucket." in preflight(home, f"/{bucket}/k").body
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    by_host = {"Host": f"{bucket}.localhost:{home.port}", "Access-Control-Request-Headers": "content-type"}
    for heard in (preflight(home, f"/{bucket}/k"), preflight(home, "/k", **by_host)):
        assert (heard.status, heard.body) == (200, b"")
        assert heard.headers["access-control-allow-origin"] == ORIGIN
        assert heard.headers["access-control-allow-methods"] == "GET, PUT, POST"
        assert heard.headers["access-control-max-age"] == "60"
        assert "Origin" in heard.headers["vary"]
    assert heard.headers["access-control-allow-headers"] == "content-type"
    heard = preflight(home, f"/{bucket}/k", method="DELETE")
    assert (heard.status, b"<Code>AccessForbidden</Code>" in heard.body) == (403, True)
    heard = ask(home, "OPTIONS", f"/{bucket}/k", {})
    assert (heard.status, b"Insufficient information. Origin request header needed." in heard.body) == (400, True)


def test_a_page_reads_and_writes_what_the_rules_let_it(home: Server, s3: Any, bucket: str) -> None:
    page = {"Origin": "https://shop.example.com"}
    assert ask(home, "PUT", f"/{bucket}/k", page, b"x").status == 403
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    assert ask(home, "PUT", url.removeprefix(home.endpoint), page, b"of a page").status == 200
    heard = ask(home, "GET", f"/{bucket}/k", page)
    assert (heard.status, heard.body) == (200, b"of a page")
    assert heard.headers["access-control-allow-origin"] == "https://shop.example.com"
    assert heard.headers["access-control-expose-headers"] == "ETag"
    missing = ask(home, "GET", f"/{bucket}/none", page)
    assert (missing.status, missing.headers["access-control-allow-origin"]) == (404, "https://shop.example.com")
    assert ask(home, "GET", f"/{bucket}/k", {"Origin": "http://elsewhere"}).status == 403
    assert ask(home, "DELETE", f"/{bucket}/k", page).status == 403
    assert "access-control-allow-origin" not in ask(home, "GET", f"/{bucket}/k", {}).headers


def test_rules_are_there_after_a_restart(serve: Serve) -> None:
    first = serve()
    s3 = client(first.endpoint, service="s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_cors(Bucket="kept", CORSConfiguration={"CORSRules": [RULE]})
    first.kill()
    second = serve(data=first.data)
    assert client(second.endpoint, service="s3").get_bucket_cors(Bucket="kept")["CORSRules"] == [RULE]
    assert preflight(second, "/kept/k").status == 200
