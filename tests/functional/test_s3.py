"""Buckets on a real server: ordinary clients, large objects, restarts, and everybody whom a bucket tells."""

import base64
import hashlib
import http.client
import io
import json
import os
import socket
import struct
import textwrap
import threading
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3.s3.transfer
import botocore.exceptions
import pytest
from conftest import Serve
from real_server import Function, Server, client, wait_until

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("s3_notifications.json").read_text())
LARGE = os.urandom(9 * 1024 * 1024 + 7)
TELL = """
    import json

    def handler(event, context):
        print("TOLD", json.dumps(event))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("s3") / "data")
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


def refused(work: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    """Code and status of what an operation answers."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        work(**parameters)
    answer: Any = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("size", [0, 11, 65_536, 65_537, 1_500_000, len(LARGE)])
def test_an_object_of_any_size_comes_back_as_it_was_put(s3: Any, bucket: str, size: int) -> None:
    data = LARGE[:size]
    put = s3.put_object(Bucket=bucket, Key="a b/ü", Body=data, Metadata={"who": "me"}, ContentType="text/plain")
    assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="a b/ü")
    assert got["Body"].read() == data
    assert (got["Metadata"], got["ContentType"], got["ContentLength"]) == ({"who": "me"}, "text/plain", size)
    if size > 10:
        part = s3.get_object(Bucket=bucket, Key="a b/ü", Range=f"bytes=5-{size - 3}")
        assert part["Body"].read() == data[5 : size - 2]
        assert part["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_bucket_is_addressed_by_the_host_too(home: Server, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=60)
    connection.request("GET", "/k", headers={"Host": f"{bucket}.s3.us-east-1.amazonaws.com"})
    assert connection.getresponse().read() == b"here"
    connection.close()


def test_a_presigned_url_puts_and_gets(s3: Any, bucket: str) -> None:
    names = {"Bucket": bucket, "Key": "signed"}
    put = urllib.request.Request(s3.generate_presigned_url("put_object", Params=names), data=b"by url", method="PUT")
    with urllib.request.urlopen(put, timeout=60):
        pass
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", Params=names), timeout=60) as answer:
        assert answer.read() == b"by url"


def test_a_large_body_in_chunks_is_put_together_and_checked(home: Server, s3: Any, bucket: str) -> None:
    pieces = [LARGE[at : at + 100_000] for at in range(0, 3_000_000, 100_000)]
    data = b"".join(pieces)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces)

    def put(key: str, trailer: str, body: bytes) -> int:
        headers = {
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "content-encoding": "aws-chunked",
            "x-amz-decoded-content-length": str(len(data)), "x-amz-trailer": "x-amz-checksum-sha256",
        }  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=60)
        tail = f"0\r\nx-amz-checksum-sha256:{trailer}\r\n\r\n".encode()
        connection.request("PUT", f"/{bucket}/{key}", body + tail, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    right = base64.b64encode(hashlib.sha256(data).digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    assert put("right", right, chunks) == 200
    assert s3.get_object(Bucket=bucket, Key="right")["Body"].read() == data
    assert [put("wrong", wrong, chunks), put("short", right, chunks[:-200])] == [400, 400]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["right"]


def test_bodies_that_are_not_as_they_were_said_to_be_change_nothing(s3: Any, bucket: str) -> None:
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=LARGE, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5="no") == ("InvalidDigest", 400)
    assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    s3.put_object(Bucket=bucket, Key="kept", Body=b"x")
    s3.meta.events.register("before-sign.s3.DeleteObjects", spoil)
    assert refused(s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": "kept"}]}) == ("BadDigest", 400)
    assert s3.head_object(Bucket=bucket, Key="kept")["ContentLength"] == 1


def spoil(request: Any, **others: Any) -> None:
    """Change what a client sends after it has hashed it."""
    request.data = request.data.replace(b"kept", b"lost")


def test_an_upload_that_breaks_off_leaves_nothing(home: Server, s3: Any, bucket: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=60)
    connection.putrequest("PUT", f"/{bucket}/half")
    connection.putheader("Content-Length", str(len(LARGE)))
    connection.endheaders()
    connection.send(LARGE[: len(LARGE) // 2])
    connection.close()
    new = home.data / "s3" / "new"
    wait_until(lambda: not list(new.iterdir()))
    assert refused(s3.head_object, Bucket=bucket, Key="half") == ("404", 404)


def test_the_transfer_manager_uploads_copies_and_downloads_in_parts(s3: Any, bucket: str) -> None:
    parts = boto3.s3.transfer.TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(LARGE), bucket, "big", Config=parts, ExtraArgs={"Metadata": {"a": "b"}})
    head = s3.head_object(Bucket=bucket, Key="big", PartNumber=2)
    assert (head["PartsCount"], head["ContentLength"], head["ETag"][-3:]) == (2, len(LARGE) - (5 << 20), '-2"')
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copied in parts", Config=parts)
    s3.copy_object(CopySource={"Bucket": bucket, "Key": "big"}, Bucket=bucket, Key="copied")
    s3.copy_object(CopySource={"Bucket": bucket, "Key": "copied"}, Bucket=bucket, Key="linked")
    s3.delete_object(Bucket=bucket, Key="copied")
    for key in ("big", "copied in parts", "linked"):
        found = io.BytesIO()
        s3.download_fileobj(bucket, key, found)
        assert found.getvalue() == LARGE, key
    whole = s3.head_object(Bucket=bucket, Key="linked")
    assert (whole["ETag"], whole["Metadata"]) == (f'"{hashlib.md5(LARGE).hexdigest()}"', {"a": "b"})


def test_parts_and_uploads_are_listed_and_aborted(home: Server, s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    named = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [s3.upload_part(**named, PartNumber=number, Body=b"x" * number)["ETag"] for number in (1, 2)]
    assert [each["ETag"] for each in s3.list_parts(**named)["Parts"]] == tags
    assert [each["UploadId"] for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    listed = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    assert refused(s3.complete_multipart_upload, **named, MultipartUpload={"Parts": listed}) == ("EntityTooSmall", 400)
    s3.abort_multipart_upload(**named)
    assert refused(s3.upload_part, **named, PartNumber=1, Body=b"") == ("NoSuchUpload", 404)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_versions_come_go_and_come_back(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first, second = [s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"] for body in (b"1", b"2")]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    assert refused(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    named = {"Bucket": bucket, "Key": "k"}
    assert refused(s3.get_object, **named, VersionId=marker["VersionId"]) == ("MethodNotAllowed", 405)
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [each["VersionId"] for page in pages for each in page.get("Versions", [])] == [second, first, "null"]
    s3.delete_object(**named, VersionId=marker["VersionId"])
    assert s3.get_object(**named)["Body"].read() == b"2"
    s3.delete_object(**named, VersionId=second)
    assert s3.get_object(**named)["Body"].read() == b"1"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(**named, Body=b"after")
    assert s3.get_object(**named, VersionId="null")["Body"].read() == b"after"
    assert refused(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)


def test_a_million_keys_would_be_listed_in_pages_and_by_prefix(s3: Any, bucket: str) -> None:
    for number in range(12):
        s3.put_object(Bucket=bucket, Key=f"{number % 3}/{number:02}", Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 5})
    assert [len(page["Contents"]) for page in pages] == [5, 5, 2]
    for name in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(name).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1})
        assert [each["Prefix"] for page in pages for each in page["CommonPrefixes"]] == ["0/", "1/", "2/"]
    keys = [{"Key": f"{number % 3}/{number:02}"} for number in range(12)]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]) == 12
    s3.delete_bucket(Bucket=bucket)
    assert refused(s3.list_objects_v2, Bucket=bucket) == ("NoSuchBucket", 404)


def test_writes_with_conditions_let_one_of_many_win(s3: Any, home: Server, bucket: str) -> None:
    won: list[int] = []

    def put(number: int) -> None:
        try:
            own = client(home.endpoint, service="s3")
            own.put_object(Bucket=bucket, Key="once", Body=str(number).encode(), IfNoneMatch="*")
        except botocore.exceptions.ClientError:
            return
        won.append(number)

    threads = [threading.Thread(target=put, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert s3.get_object(Bucket=bucket, Key="once")["Body"].read() == str(won[0]).encode()


def test_a_policy_opens_a_bucket_to_another_account_and_closes_it_to_its_own(
    home: Server, s3: Any, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    other = client(home.endpoint, "111122223333", service="s3")
    assert refused(other.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    allow = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:GetObject"}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject"}
    statements = [{**each, "Resource": f"arn:aws:s3:::{bucket}/*"} for each in (allow, deny)]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(other.put_object, Bucket=bucket, Key="k", Body=b"") == ("AccessDenied", 403)
    assert refused(s3.delete_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    public = {"Version": "2012-10-17", "Statement": [{**statements[0], "Principal": "*"}]}
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(public)) == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("put_bucket_website", {"WebsiteConfiguration": {}}),
        ("put_object", {"Key": "k", "ServerSideEncryption": "aws:kms"}),
        ("put_object", {"Key": "k", "StorageClass": "GLACIER"}),
    ],
)
def test_what_is_not_there_says_so(s3: Any, bucket: str, operation: str, parameters: dict[str, Any]) -> None:
    assert refused(getattr(s3, operation), Bucket=bucket, **parameters)[1] == 501


@pytest.mark.parametrize("key", ["../../etc/passwd", "/", "a//b", ".", "..", "%2e%2e/x", "a\tb", "k" * 1024])
def test_no_key_leads_out_of_its_bucket(home: Server, s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=LARGE[:100_000])
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == LARGE[:100_000]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert refused(s3.put_object, Bucket=bucket, Key="k" * 1025) == ("KeyTooLongError", 400)


def policy_for(arn: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:*", "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def queue_of(home: Server, name: str) -> tuple[Any, str, str]:
    """Client, URL and ARN of a queue that S3 may send to."""
    sqs = client(home.endpoint, service="sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy_for(arn)})
    return sqs, url, arn


def received(sqs: Any, url: str) -> Iterator[Any]:
    """The bodies that a queue has, as they come."""
    while True:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield json.loads(message["Body"])


def in_parts(s3: Any, Body: str, **names: Any) -> None:  # noqa: N803 -- as boto3 calls it
    """An upload of one part."""
    upload = names | {"UploadId": s3.create_multipart_upload(**names)["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=Body)["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})


def delete_version(s3: Any, Number: int, **names: Any) -> None:  # noqa: N803 -- as boto3 calls it
    """The version that was put as number so many, from the newest."""
    listed = s3.list_object_versions(Bucket=names["Bucket"])["Versions"]
    s3.delete_object(**names, VersionId=listed[Number - 1]["VersionId"])


def delete_marker(s3: Any, **names: Any) -> None:
    marker = s3.list_object_versions(Bucket=names["Bucket"])["DeleteMarkers"][0]
    s3.delete_object(**names, VersionId=marker["VersionId"])


def as_it_is(operation: str, s3: Any, **parameters: Any) -> None:
    getattr(s3, operation)(**parameters)


ODD = {"in_parts": in_parts, "delete_version": delete_version, "delete_marker": delete_marker}


def masked(found: Any, recorded: Any) -> Any:
    """What was found, with the recording's placeholder wherever it has one in place of a text."""
    if isinstance(found, dict) and isinstance(recorded, dict):
        return {name: masked(each, recorded.get(name)) for name, each in found.items()}
    return recorded if isinstance(recorded, str) and isinstance(found, str) and recorded.startswith("<") else found


@pytest.mark.parametrize("case", sorted(RECORDED["records"]))
def test_a_queue_is_told_in_the_records_of_aws(home: Server, s3: Any, bucket: str, case: str) -> None:
    sqs, url, arn = queue_of(home, bucket)
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
    configuration = {"QueueConfigurations": [{"Id": "one", "QueueArn": arn, "Events": events}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    bodies = received(sqs, url)
    test = next(bodies)
    assert (test["Event"], test["Bucket"], sorted(test)) == (
        "s3:TestEvent", bucket, ["Bucket", "Event", "HostId", "RequestId", "Service", "Time"],
    )  # fmt: skip
    wanted = RECORDED["records"][case]
    for operation, parameters in wanted["calls"]:
        given = json.loads(json.dumps(parameters).replace("BUCKET", bucket))
        (ODD.get(operation) or partial(as_it_is, operation))(s3, Bucket=bucket, **given)
    told = [next(bodies)["Records"][0] for _ in wanted["records"]]
    assert [masked(record, each) for record, each in zip(told, wanted["records"], strict=True)] == wanted["records"]
    assert all(record["s3"]["bucket"]["name"] == bucket for record in told)
    sequencers = [record["s3"]["object"].get("sequencer", "") for record in told]
    assert sequencers == sorted(sequencers) or "" in sequencers


def test_targets_that_take_nothing_are_refused_in_the_words_of_aws(home: Server, s3: Any, bucket: str) -> None:
    for case in RECORDED["refusals"]:
        wanted = case["configuration"]
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
        assert caught.value.response["Error"] == case["error"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=wanted, SkipDestinationValidation=True
    )


def test_a_function_of_a_bucket_runs_on_what_another_bucket_gets(home: Server, s3: Any, bucket: str) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("app.py", textwrap.dedent(TELL))
    s3.put_object(Bucket=bucket, Key="code.zip", Body=package.getvalue())
    made = home.client.create_function(
        FunctionName=bucket, Runtime=home.runtime, Handler="app.handler", Role="arn:aws:iam::000000000000:role/r",
        Code={"S3Bucket": bucket, "S3Key": "code.zip"},
    )  # fmt: skip
    home.wait_until_active(bucket)
    home.client.add_permission(
        FunctionName=bucket, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
    )  # fmt: skip
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]
    wanted = {
        "LambdaFunctionArn": made["FunctionArn"], "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }  # fmt: skip
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    for key in ("in/a.png", "out/a.jpg", "in/a b.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"picture")
    lines = wait_until(lambda: [each for each in Function(home, bucket).logs() if each.startswith("TOLD ")])
    told = json.loads(lines[0].removeprefix("TOLD "))["Records"][0]
    assert (told["eventName"], told["s3"]["object"]["key"]) == ("ObjectCreated:Put", "in/a+b.jpg")
    assert len(lines) == 1


def test_a_bucket_takes_the_record_of_an_event_that_failed(home: Server, s3: Any, bucket: str) -> None:
    function = home.deploy("def handler(event, context):\n    raise ValueError('as asked')\n")
    home.client.put_function_event_invoke_config(
        FunctionName=function.name, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )  # fmt: skip
    home.client.invoke(FunctionName=function.name, InvocationType="Event", Payload=b'{"n": 1}')
    found = wait_until(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"))
    assert found[0]["Key"].startswith(f"aws/lambda/async/{function.name}/20")
    record = json.loads(s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read())
    assert (record["requestPayload"], record["responsePayload"]["errorMessage"]) == ({"n": 1}, "as asked")


def test_a_function_puts_and_gets_large_objects_with_its_own_boto3(home: Server, s3: Any, bucket: str) -> None:
    function = home.deploy(
        """if True:
        import boto3

        def handler(event, context):
            s3 = boto3.client("s3")
            body = bytes(3_000_000)
            s3.put_object(Bucket=event, Key="from inside", Body=body)
            return s3.get_object(Bucket=event, Key="from inside")["Body"].read() == body
        """
    )
    answer = function.call(bucket)
    assert (answer.error, answer.value) == (None, True)
    assert s3.head_object(Bucket=bucket, Key="from inside")["ContentLength"] == 3_000_000


def test_what_lifecycle_rules_end_goes_at_midnight_of_the_virtual_clock(serve: Serve) -> None:
    server = serve("--clock", "virtual")
    s3 = client(server.endpoint, service="s3")
    s3.create_bucket(Bucket="ends")
    sqs, url, arn = queue_of(server, "ended")
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:LifecycleExpiration:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="ends", NotificationConfiguration=configuration)
    rules = [
        {"Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 2}},
        {"Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket="ends", LifecycleConfiguration={"Rules": rules})
    assert len(s3.get_bucket_lifecycle_configuration(Bucket="ends")["Rules"]) == 2
    for key in ("logs/a", "kept"):
        s3.put_object(Bucket="ends", Key=key, Body=b"x")
    s3.create_multipart_upload(Bucket="ends", Key="half")

    def pass_days(days: int) -> None:
        body = json.dumps({"seconds": days * 86_400}).encode()
        request = urllib.request.Request(f"{server.endpoint}/_lambent/clock/advance", body, method="POST")
        with urllib.request.urlopen(request, timeout=60):
            pass

    def keys() -> list[str]:
        return [each["Key"] for each in s3.list_objects_v2(Bucket="ends")["Contents"]]

    pass_days(1)
    assert keys() == ["kept", "logs/a"]
    pass_days(3)
    wait_until(lambda: keys() == ["kept"])
    wait_until(lambda: "Uploads" not in s3.list_multipart_uploads(Bucket="ends"))
    record = next(body["Records"][0] for body in received(sqs, url) if "Records" in body)
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("LifecycleExpiration:Delete", "logs/a")


def test_what_was_accepted_is_there_and_told_of_after_a_kill(serve: Serve) -> None:
    server = serve()
    s3 = client(server.endpoint, service="s3")
    s3.create_bucket(Bucket="kept")
    _, _, arn = queue_of(server, "told")
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="kept", NotificationConfiguration=configuration)
    accepted: list[int] = []

    def put(first: int) -> None:
        own = client(server.endpoint, service="s3")
        for number in range(first, 10_000, 3):
            size = (100, 100_000, 1_200_000)[number % 3]
            try:
                own.put_object(Bucket="kept", Key=f"{number:05}", Body=LARGE[number : number + size])
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                return
            accepted.append(number)

    threads = [threading.Thread(target=put, args=[first]) for first in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(accepted) > 20)
    server.kill()
    for thread in threads:
        thread.join()
    again = serve(data=server.data)
    s3 = client(again.endpoint, service="s3")
    there = {each["Key"]: each["Size"] for each in s3.list_objects_v2(Bucket="kept")["Contents"]}
    assert {f"{number:05}" for number in accepted} <= there.keys()
    for key in there:
        number = int(key)
        size = (100, 100_000, 1_200_000)[number % 3]
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == LARGE[number : number + size]
    sqs = client(again.endpoint, service="sqs")
    bodies = received(sqs, sqs.get_queue_url(QueueName="told")["QueueUrl"])
    told = [next(bodies) for _ in range(len(there) + 1)]
    keys = [each["Records"][0]["s3"]["object"]["key"] for each in told if "Records" in each]
    assert sorted(keys) == sorted(there)
    large = sum(size > 65_536 for size in there.values())
    wait_until(lambda: len(list((again.data / "s3").glob("??/*"))) == large)  # nothing half is left


def test_the_aws_cli_copies_lists_and_removes(s3: Any, aws: Any, tmp_path: Path, server: Server) -> None:
    (tmp_path / "a.txt").write_text("from a file")
    (tmp_path / "large").write_bytes(LARGE)
    for words in (
        ["s3", "mb", "s3://by-the-cli"], ["s3", "sync", str(tmp_path), "s3://by-the-cli/in"],
        ["s3", "cp", "s3://by-the-cli/in/large", str(tmp_path / "back")],
        ["s3", "mv", "s3://by-the-cli/in/a.txt", "s3://by-the-cli/moved.txt"],
    ):  # fmt: skip
        done = aws(*words)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "back").read_bytes() == LARGE
    listed = aws("s3", "ls", "--recursive", "s3://by-the-cli").stdout
    assert [line.split()[-1] for line in listed.splitlines()] == ["in/large", "moved.txt"]
    assert aws("s3", "rb", "--force", "s3://by-the-cli").returncode == 0


# -- what is meant to do harm


def sent(home: Server, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Status and body of the answer to a request that goes out as it is, unsigned."""
    connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=60)
    named = {"Host": "s3.us-east-1.amazonaws.com"} | {name.replace("_", "-"): text for name, text in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def files(home: Server) -> set[str]:
    """Those of objects, and those on their way."""
    return {str(path) for path in (home.data / "s3").glob("*/*")}


BOMB = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in ("ab", "bc", "cd", "de", "ef", "fg", "gh", "hi")
)
BOMBS = {
    "entities": f"{BOMB}]><x>&i;</x>".encode(),
    "entities in UTF-16": f'<?xml version="1.0" encoding="UTF-16"?>{BOMB}]><x>&i;</x>'.encode("utf-16"),
    "a file": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    "deep": b"<x>" * 1_000_000,
    "wide": b"<x>" + b"<y/>" * 1_000_000 + b"</x>",
    "not closed": b"<x>" * 100_000,
}
TAKE_XML = [
    ("PUT", "?tagging"), ("PUT", "?versioning"), ("PUT", "?lifecycle"), ("PUT", "?notification"), ("POST", "?delete"),
    ("PUT", "/k?tagging"), ("PUT", "?publicAccessBlock"), ("PUT", "?ownershipControls"), ("PUT", "?encryption"),
]  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_xml_that_would_grow_without_end_is_refused_at_once(home: Server, s3: Any, bucket: str, bomb: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    code = b"MaxMessageLengthExceeded" if len(BOMBS[bomb]) > 1_000_000 else b"MalformedXML"
    for method, path in [*TAKE_XML, ("POST", f"/k?uploadId={upload}")]:
        began = time.monotonic()
        status, answer = sent(home, method, f"/{bucket}{path}", BOMBS[bomb])
        assert (status, code in answer) == (400, True), (path, answer)
        assert b"root:" not in answer
        assert time.monotonic() - began < 5, path
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_document_as_large_as_an_object_is_refused_and_changes_nothing(home: Server, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b")
    tagging = b"<Tagging><TagSet/>" + b" " * 1_100_000 + b"</Tagging>"
    status, answer = sent(home, "PUT", f"/{bucket}/k?tagging", tagging)
    assert (status, b"MaxMessageLengthExceeded" in answer) == (400, True)
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_elements_in_elements_to_any_depth_do_no_harm(home: Server, s3: Any, bucket: str) -> None:
    depth = 200_000
    for name in (b"Tagging", b"TagSet", b"Tag", b"Key"):
        status, answer = sent(home, "PUT", f"/{bucket}?tagging", b"<%b>" % name * depth + b"</%b>" % name * depth)
        assert status < 500, answer
    assert s3.list_buckets()["Buckets"]


TRICKS = [
    "../k", "../../../../etc/passwd", "..%2f..%2fk", "%2e%2e/%2e%2e/k", "%2e%2e%2fk", "..", ".", "%2e", "...", "./k",
    "a/../k", "a/./k", "%00", "k%00.txt", "%5c..%5ck", "%ff%fe", "%E2%80%AE", "//k", "%0d%0aX-Evil:%201",
    "%F0%9F%92%A9" * 256,
]  # fmt: skip


@pytest.mark.parametrize("size", [10, 100_000])
def test_no_key_of_a_raw_request_leads_out_of_its_bucket(home: Server, s3: Any, bucket: str, size: int) -> None:
    outside = {path for path in home.data.rglob("*") if (home.data / "s3") not in path.parents}
    other = f"{bucket}-other"
    s3.create_bucket(Bucket=other)
    kept = []
    for trick in TRICKS:
        status, answer = sent(home, "PUT", f"/{bucket}/{trick}", LARGE[:size])
        assert status in (200, 400), (trick, answer)
        if status == 200:
            kept.append(urllib.parse.unquote(trick))
            assert sent(home, "GET", f"/{bucket}/{trick}") == (200, LARGE[:size]), trick
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == sorted(set(kept))
    assert "Contents" not in s3.list_objects_v2(Bucket=other)
    assert all(len(Path(path).name) == 32 for path in files(home) if "/new/" not in path)
    new = {path for path in home.data.rglob("*") if (home.data / "s3") not in path.parents} - outside
    assert not [path for path in new if path.name in ("k", "passwd", "k.txt")]


@pytest.mark.parametrize("trick", ["..", "../..", "%2e%2e", ".", "%00", "%2e%2e%2f%2e%2e", "a%2fb", "x" * 5_000])
def test_no_name_of_a_bucket_leads_out(home: Server, trick: str) -> None:
    before = files(home)
    for method, path in (("PUT", f"/{trick}"), ("PUT", f"/{trick}/k"), ("GET", f"/{trick}/etc/passwd")):
        status, answer = sent(home, method, path, b"x" * 100_000 if path.endswith("/k") else b"")
        assert 400 <= status < 500, (path, answer)
    wait_until(lambda: files(home) <= before)


@pytest.mark.parametrize("size", [0, 1_000, 100_000, 3_000_000])
def test_a_body_with_another_checksum_than_it_was_said_to_have_leaves_nothing(
    home: Server, s3: Any, bucket: str, size: int
) -> None:
    body, before = LARGE[:size], files(home)
    lengths = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
    wrong = {f"x_amz_checksum_{name}": b"\1" * length for name, length in lengths.items()} | {"content_md5": b"\1" * 16}
    for name, value in wrong.items():
        status, answer = sent(home, "PUT", f"/{bucket}/k", body, **{name: base64.b64encode(value).decode()})
        assert (status, b"BadDigest" in answer) == (400, True), (name, answer)
        status, answer = sent(home, "PUT", f"/{bucket}/k", body, **{name: "AAA"})
        assert (status, b"Invalid" in answer) == (400, True), (name, answer)
    status, answer = sent(home, "PUT", f"/{bucket}/k", body, x_amz_content_sha256="0" * 64)
    assert (status, b"XAmzContentSHA256Mismatch" in answer) == (400, True)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    wait_until(lambda: files(home) <= before)


@pytest.mark.parametrize("kind", ["object", "part", "chunked", "aws-chunked", "reset"])
def test_uploads_of_every_kind_that_break_off_leave_no_file(home: Server, s3: Any, bucket: str, kind: str) -> None:
    before = files(home)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    query = f"?partNumber=1&uploadId={upload}" if kind == "part" else ""
    framing = "Transfer-Encoding: chunked" if kind == "chunked" else f"Content-Length: {len(LARGE)}"
    if kind == "aws-chunked":
        framing += (
            f"\r\nx-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nContent-Encoding: aws-chunked"
            f"\r\nx-amz-decoded-content-length: {len(LARGE) - 1000}"
        )
    head = f"PUT /{bucket}/k{query} HTTP/1.1\r\nHost: s3.us-east-1.amazonaws.com\r\n{framing}\r\n\r\n".encode()
    framed = b"%x\r\n" % len(LARGE) if "chunked" in kind else b""
    with socket.create_connection(("127.0.0.1", home.port), timeout=60) as sock:
        sock.sendall(head + framed + LARGE[: len(LARGE) // 2])
        if kind != "chunked":  # without a length it is refused before it is kept
            wait_until(lambda: files(home) - before)
        if kind == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: files(home) <= before)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)


def test_more_metadata_than_s3_keeps_is_refused(s3: Any, bucket: str) -> None:
    assert refused(s3.put_object, Bucket=bucket, Key="k", Metadata={"a": "x" * 2_048}) == ("MetadataTooLarge", 400)
    many = {f"n{number}": "x" for number in range(900)}
    assert refused(s3.put_object, Bucket=bucket, Key="k", Metadata=many) == ("MetadataTooLarge", 400)
    assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
