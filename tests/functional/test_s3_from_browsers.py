"""Buckets as web pages see them: CORS, and uploads by forms."""

import base64
import configparser
import hashlib
import http.client
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import botocore.exceptions
import pytest
from conftest import Serve
from real_server import Server, client, wait_until

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


# Uploads by forms

LARGE = os.urandom(3 * 1024 * 1024 + 7)


def form(fields: Mapping[str, str], data: bytes, filename: str = "my cat.jpg") -> tuple[dict[str, str], bytes]:
    """Headers and body, as a browser makes them."""
    pieces = [f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields]
    pieces.append(f'--XX\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n')
    pieces.append("Content-Type: image/jpeg\r\n\r\n")
    body = "".join(pieces).encode() + data + b"\r\n--XX--\r\n"
    return {"Content-Type": "multipart/form-data; boundary=XX"}, body


def upload(home: Server, presigned: Any, data: bytes, **more: str) -> Heard:
    headers, body = form(presigned["fields"], data)
    return ask(home, "POST", presigned["url"].removeprefix(home.endpoint), headers | more, body)


def code_of(heard: Heard) -> tuple[int, str]:
    return heard.status, heard.body.partition(b"<Code>")[2].partition(b"<")[0].decode()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("size", [0, 11, 70_000, len(LARGE)])
def test_what_boto3_presigns_uploads_a_file(home: Server, bucket: str, version: str, size: int) -> None:
    s3 = client(home.endpoint, service="s3", signature_version=version)
    heard = upload(home, s3.generate_presigned_post(bucket, "in/${filename}"), LARGE[:size])
    assert (heard.status, heard.body) == (204, b"")
    assert heard.headers["location"] == f"{home.endpoint}/{bucket}/in%2Fmy%20cat.jpg"
    found = s3.get_object(Bucket=bucket, Key="in/my cat.jpg")
    assert found["Body"].read() == LARGE[:size]
    assert found["ETag"] == heard.headers["etag"] == f'"{hashlib.md5(LARGE[:size]).hexdigest()}"'


def test_a_form_says_all_that_a_put_could_say(home: Server, s3: Any, bucket: str) -> None:
    fields = {
        "key": "k", "Content-Type": "text/plain", "Cache-Control": "no-cache", "x-amz-meta-who": "me",
        "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b c</Value></Tag></TagSet></Tagging>",
        "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"data").digest()).decode(),
        "success_action_status": "201",
    }  # fmt: skip
    heard = ask(home, "POST", f"/{bucket}", *form(fields, b"data"))
    assert (heard.status, heard.headers["content-type"]) == (201, "application/xml")
    assert f"<Bucket>{bucket}</Bucket><Key>k</Key>".encode() in heard.body
    found = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (found["ContentType"], found["CacheControl"], found["Metadata"]) == ("text/plain", "no-cache", {"who": "me"})
    assert found["ChecksumSHA256"] == fields["x-amz-checksum-sha256"]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b c"}]
    by_host = {"Host": f"{bucket}.localhost:{home.port}"}
    headers, body = form({"key": "l", "success_action_redirect": "http://x/done"}, b"data")
    heard = ask(home, "POST", "/", headers | by_host, body)
    assert heard.status == 303
    assert heard.headers["location"].startswith(f"http://x/done?bucket={bucket}&key=l&etag=%22")


@pytest.mark.parametrize("data", [b"data", LARGE])
def test_what_a_policy_does_not_let_in_leaves_nothing(home: Server, s3: Any, bucket: str, data: bytes) -> None:
    def posted(conditions: list[Any], fields: dict[str, str] | None = None, seconds: int = 60) -> tuple[int, str]:
        presigned = s3.generate_presigned_post(bucket, "k", {}, conditions, ExpiresIn=seconds)
        return code_of(upload(home, presigned | {"fields": presigned["fields"] | (fields or {})}, data))

    assert posted([], {"key": "other"}) == (403, "AccessDenied")
    assert posted([], {"x-amz-meta-a": "1"}) == (403, "AccessDenied")
    assert posted([], seconds=-1) == (403, "AccessDenied")
    assert posted([], {"policy": "e30="}) == (400, "InvalidPolicyDocument")
    assert posted([["content-length-range", 0, 3]]) == (400, "EntityTooLarge")
    assert posted([["content-length-range", 10**9, 10**9]]) == (400, "EntityTooSmall")
    checksum = {"x-amz-checksum-crc32": "AAAAAA=="}
    assert posted([checksum], checksum) == (400, "BadDigest")
    headers, body = form({"key": "k"}, data)
    assert code_of(ask(home, "POST", f"/{bucket}", headers, body[:-9])) == (400, "MalformedPOSTRequest")
    assert code_of(ask(home, "POST", "/nowhere", headers, body)) == (404, "NoSuchBucket")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    wait_until(lambda: not list((home.data / "s3" / "new").iterdir()))
    assert posted([["content-length-range", 0, 10**9]]) == (204, "")


def test_a_queue_is_told_of_a_form(home: Server, s3: Any, bucket: str) -> None:
    sqs = client(home.endpoint, service="sqs")
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{bucket}"
    allow = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:*", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [allow]})})
    told = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:Post"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)
    s3.put_object(Bucket=bucket, Key="put", Body=b"")
    assert upload(home, s3.generate_presigned_post(bucket, "k"), b"data").status == 204

    def records() -> Any:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if "Records" in (body := json.loads(message["Body"])):
                return body["Records"]
        return None

    [record] = wait_until(records)
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Post", "k")


def test_a_page_posts_where_the_rules_let_it(home: Server, s3: Any, bucket: str) -> None:
    presigned = s3.generate_presigned_post(bucket, "k")
    assert upload(home, presigned, b"data", Origin=ORIGIN).status == 403
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    for data in (b"data", LARGE):
        heard = upload(home, presigned, data, Origin=ORIGIN)
        assert (heard.status, heard.headers["access-control-allow-origin"]) == (204, ORIGIN)
    headers, body = form({"key": "k", "policy": "e30="}, LARGE)
    heard = ask(home, "POST", f"/{bucket}", headers | {"Origin": ORIGIN}, body)
    assert (heard.status, heard.headers["access-control-allow-origin"]) == (400, ORIGIN)


def test_a_form_is_signed_where_signatures_are_required(serve: Serve) -> None:
    server = serve("--auth")
    file = configparser.ConfigParser()
    file.read(server.data / "credentials")
    key, secret = file["default"]["aws_access_key_id"], file["default"]["aws_secret_access_key"]

    def presigned(access_key: str = key, secret: str = secret, version: str = "s3v4") -> Any:
        s3 = client(server.endpoint, access_key, service="s3", secret=secret, signature_version=version)
        return s3.generate_presigned_post("guarded", "k", {"x-amz-meta-a": "b"}, [{"x-amz-meta-a": "b"}])

    s3 = client(server.endpoint, key, service="s3", secret=secret)
    s3.create_bucket(Bucket="guarded")
    for data in (b"data", LARGE):
        assert upload(server, presigned(), data, Origin=ORIGIN).status == 204
        assert s3.get_object(Bucket="guarded", Key="k")["Body"].read() == data
        assert code_of(upload(server, presigned(secret="wrong"), data)) == (403, "SignatureDoesNotMatch")
        assert code_of(upload(server, presigned("AKIAUNKNOWN0000000000"), data)) == (403, "InvalidAccessKeyId")
        assert code_of(upload(server, presigned(version="s3"), data)) == (400, "InvalidRequest")
        assert code_of(upload(server, {"url": "/guarded", "fields": {"key": "k"}}, data)) == (403, "AccessDenied")
    wait_until(lambda: not list((server.data / "s3" / "new").iterdir()))
