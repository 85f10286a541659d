"""Bad input of every kind: AWS's own error where AWS has one, and a server that goes on serving."""

import contextlib
import io
import json
import os
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import ROLE, Function, Server, client, wait_until, zip_of

Deploy = Callable[..., Function]
Refusal = tuple[int, str, str]  # HTTP status, AWS's code, message

ECHO = "def handler(event, context): return event"
ARN = "arn:aws:lambda:us-east-1:000000000000:function"


def refusal(call: Callable[[], Any]) -> Refusal:
    with pytest.raises(ClientError) as refused:
        call()
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def refused_creation(server: Server, **parameters: Any) -> Refusal:
    """The refusal of a CreateFunction that is right but for `parameters`, by a client that checks nothing itself."""
    unchecked = client(server.endpoint, parameter_validation=False)
    usual = {
        "FunctionName": "never-made", "Role": ROLE, "Handler": "app.handler", "Runtime": server.runtime,
        "Code": {"ZipFile": zip_of({"app.py": ECHO})},
    }  # fmt: skip
    found = refusal(lambda: unchecked.create_function(**(usual | parameters)))
    assert refusal(lambda: unchecked.get_function(FunctionName="never-made"))[0] == 404
    return found


@pytest.fixture
def alive(server: Server, deploy: Deploy) -> Iterator[None]:
    """Whatever the test does to it, the server answers afterwards and is the same process."""
    function = deploy(ECHO)
    yield
    assert function.call("still here").value == "still here"
    assert server.process.poll() is None


# -- names, functions and parameters


def test_an_unknown_function_is_not_found(server: Server) -> None:
    call = server.client.invoke
    assert refusal(lambda: call(FunctionName="nobody")) == (
        404, "ResourceNotFoundException", f"Function not found: {ARN}:nobody:$LATEST",
    )  # fmt: skip
    assert refusal(lambda: call(FunctionName="nobody", Qualifier="7"))[2] == f"Function not found: {ARN}:nobody:7"
    get = server.client.get_function
    assert refusal(lambda: get(FunctionName="nobody"))[2] == f"Function not found: {ARN}:nobody"


def test_a_version_that_was_never_published_is_not_found(deploy: Deploy) -> None:
    function = deploy(ECHO)
    assert refusal(lambda: function.call(Qualifier="41")) == (
        404, "ResourceNotFoundException", f"Function not found: {ARN}:{function.name}:41",
    )  # fmt: skip


def test_a_function_that_exists_is_not_made_again(server: Server, deploy: Deploy) -> None:
    function = deploy(ECHO)
    assert refusal(lambda: server.deploy(ECHO, name=function.name)) == (
        409, "ResourceConflictException", f"Function already exist: {function.name}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameter", "value", "found", "constraint"),
    [
        ("MemorySize", 127, "Value '127' at 'memorySize'", "have value greater than or equal to 128"),
        ("MemorySize", 32769, "Value '32769' at 'memorySize'", "have value less than or equal to 32768"),
        ("Timeout", 0, "Value '0' at 'timeout'", "have value greater than or equal to 1"),
        ("Timeout", 901, "Value '901' at 'timeout'", "have value less than or equal to 900"),
        ("PackageType", "Tar", "Value 'Tar' at 'packageType'", "satisfy enum value set: [Zip, Image]"),
    ],
)
def test_a_parameter_out_of_range_is_named_with_its_constraint(
    server: Server, parameter: str, value: Any, found: str, constraint: str
) -> None:
    assert refused_creation(server, **{parameter: value}) == (
        400,
        "ValidationException",
        f"1 validation error detected: {found} failed to satisfy constraint: Member must {constraint}",
    )


def test_a_runtime_that_does_not_exist_is_refused(server: Server) -> None:
    status, code, message = refused_creation(server, Runtime="cobol85")
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message.startswith("Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum ")


def test_a_runtime_that_aws_has_retired_is_refused_in_its_words(server: Server) -> None:
    assert refused_creation(server, Runtime="python2.7") == (
        400,
        "InvalidParameterValueException",
        "The runtime parameter of python2.7 is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions.",
    )


def test_a_runtime_that_this_machine_lacks_is_refused_with_the_way_to_add_it(server: Server) -> None:
    here = {each["name"] for each in server.status()["runtimes"]}
    missing = next(name for name in ("python3.14", "nodejs24.x", "nodejs22.x", "java25") if name not in here)
    status, code, message = refused_creation(server, Runtime=missing)
    assert (status, code) == (400, "InvalidParameterValueException")
    assert "install" in message or "provided.al2023" in message


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("app.missing", "Runtime.HandlerNotFound", "Handler 'missing' missing on module 'app'"),
        (
            "missing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'missing'",
        ),
        (
            "handler",
            "Runtime.MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
    ],
)
def test_a_handler_that_does_not_exist_is_an_error_of_the_function(
    deploy: Deploy, handler: str, kind: str, message: str
) -> None:
    function = deploy(ECHO, Handler=handler)
    for _ in range(2):
        answer = function.call()
        assert (answer.error, answer.error_type, answer.error_message) == ("Unhandled", kind, message)


# -- packages


def test_what_is_no_zip_is_refused(server: Server) -> None:
    expected = "Could not unzip uploaded file. Please check your file, then try to upload again."
    cut_off = zip_of({"app.py": ECHO})[:-10]
    for package in (b"not a zip", cut_off, b"PK\3\4" + os.urandom(1000)):
        found = refused_creation(server, Code={"ZipFile": package})
        assert found == (400, "InvalidParameterValueException", expected)


def test_a_zip_that_unpacks_to_more_than_250_megabytes_is_refused(server: Server) -> None:
    expected = (400, "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes")
    bomb = zip_of({"bomb": bytes(262_144_001)})
    assert len(bomb) < 1_000_000
    assert refused_creation(server, Code={"ZipFile": bomb}) == expected


def test_a_zip_that_lies_about_its_size_writes_no_more_than_it_may(server: Server) -> None:
    bomb = zip_of({"bomb": bytes(300_000_000)})
    lying = bomb.replace(struct.pack("<I", 300_000_000), struct.pack("<I", 1000))
    status, code, _ = refused_creation(server, Code={"ZipFile": lying})
    assert (status, code) == (400, "InvalidParameterValueException")
    kept = sum(path.stat().st_size for path in (server.data / "code").rglob("*") if path.is_file())
    assert kept < 100_000_000


def test_a_zip_of_more_than_50_megabytes_is_refused(server: Server) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("big", bytes(52_428_800))
    status, code, message = refused_creation(server, Code={"ZipFile": buffer.getvalue()})
    assert (status, code) == (413, "RequestEntityTooLargeException")
    assert message.startswith(("Request must be smaller than 7016", "Zipped size must be smaller than 52428800"))


@pytest.mark.parametrize("name", ["../escape.py", "/etc/escape.py", "a/../../escape.py"])
def test_a_zip_that_leaves_its_directory_is_refused(server: Server, name: str) -> None:
    status, code, _ = refused_creation(server, Code={"ZipFile": zip_of({name: ECHO})})
    assert (status, code) == (400, "InvalidParameterValueException")


# -- payloads


UNPARSED = "Could not parse request body into json: Could not parse payload into json: "
SOURCE = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: "


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b'"\x87"', f"Invalid UTF-8 start byte 0x87{SOURCE}3]"),
        (
            b"\x99",
            "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object "
            f"or token 'null', 'true' or 'false'){SOURCE}1]",
        ),
    ],
)
def test_a_payload_that_is_not_json_is_refused_in_words_that_aws_was_recorded_to_use(
    deploy: Deploy, payload: bytes, message: str
) -> None:
    function = deploy(ECHO)
    invoke = function.server.client.invoke
    found = refusal(lambda: invoke(FunctionName=function.name, Payload=payload))
    assert found == (400, "InvalidRequestContentException", UNPARSED + message)


@pytest.mark.parametrize("payload", [b"{", b"{'a': 1}", b"[1,]", b"hello", b"1 2", b"NaN", b'"open', b"\0"])
def test_a_payload_that_is_not_json_never_reaches_the_function(deploy: Deploy, payload: bytes) -> None:
    function = deploy("def handler(event, context): print('reached')")
    invoke = function.server.client.invoke
    status, code, message = refusal(lambda: invoke(FunctionName=function.name, Payload=payload))
    assert (status, code) == (400, "InvalidRequestContentException")
    assert message.startswith(UNPARSED)
    assert "reached" not in function.logs()


def test_a_payload_over_six_megabytes_is_refused(deploy: Deploy) -> None:
    function = deploy(ECHO)
    assert refusal(lambda: function.call("x" * 6_291_455)) == (
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )


# -- what is not built yet


def test_an_operation_that_is_not_built_yet_says_its_name(server: Server) -> None:
    sns = client(server.endpoint, service="sns")
    status, code, message = refusal(sns.list_platform_applications)
    assert (status, code) == (501, "NotImplementedException")
    assert "sns:ListPlatformApplications" in message


# -- the connection itself


def invoke_bytes(function: Function, body: bytes, announced: int | None = None) -> bytes:
    length = len(body) if announced is None else announced
    head = (
        f"POST /2015-03-31/functions/{function.name}/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/lambda/aws4_request, "
        "SignedHeaders=host, Signature=0\r\n\r\n"
    )
    return head.encode() + body


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


@pytest.mark.usefixtures("alive")
def test_a_request_that_is_cut_off_in_the_middle_runs_nothing(server: Server, deploy: Deploy) -> None:
    function = deploy("def handler(event, context): print('reached'); return event")
    whole = invoke_bytes(function, b'"0123456789"')
    for end in (1, 10, len(whole) // 2, len(whole) - 5):
        with connect(server) as sock:
            sock.sendall(whole[:end])
    with connect(server) as sock:
        sock.sendall(whole[:-1])
        sock.shutdown(socket.SHUT_WR)
        assert b'"0123456789"' not in sock.makefile("rb").read()
    function.call("last")
    assert function.logs().count("reached") <= 1


@pytest.mark.usefixtures("alive")
def test_a_function_runs_to_its_end_when_its_client_leaves_before_the_answer(server: Server, deploy: Deploy) -> None:
    function = deploy("""
        import time
        def handler(event, context):
            print("began", flush=True)
            time.sleep(0.5)
            print("ended")
    """)
    with connect(server) as sock:
        sock.sendall(invoke_bytes(function, b"{}"))
        wait_until(lambda: "began" in function.logs())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
    wait_until(lambda: "ended" in function.logs())
    wait_until(lambda: any(line.startswith("REPORT") for line in function.logs()))


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    "sent",
    [
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
    ],
)
def test_what_is_no_http_is_answered_400_and_hurts_nobody(server: Server, sent: bytes) -> None:
    with connect(server) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_request_that_announces_too_much_is_refused_before_it_is_read(server: Server, deploy: Deploy) -> None:
    function = deploy(ECHO)
    with connect(server) as sock:
        sock.sendall(invoke_bytes(function, b"", announced=10_000_000_000))
        assert sock.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    "flood",
    [b"X-A: 1\r\n" * 20_000, b"X-A: " + b"x" * 2_000_000, b"X-" + b"a" * 2_000_000, b"X-A: 1\r\n\tand more" * 100_000],
)
@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1", b"PUT /bucket/key HTTP/1.1", b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1"]
)
def test_floods_of_headers_are_refused_while_they_come(server: Server, line: bytes, flood: bytes) -> None:
    with connect(server) as sock:
        with contextlib.suppress(ConnectionError):  # it may be closed before all is sent
            sock.sendall(line + b"\r\nHost: s3.us-east-1.amazonaws.com\r\n" + flood + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert sock.recv(1_000).split(b" ")[1] in (b"400", b"414", b"431")


@pytest.mark.usefixtures("alive")
def test_ten_thousand_connections_that_are_opened_and_dropped_do_no_harm(server: Server) -> None:
    before = descriptors(server)
    batch = 500
    for number in range(10_000 // batch):
        connections = [connect(server) for _ in range(batch)]
        for place, sock in enumerate(connections):
            if place % 2:
                sock.sendall(b"POST /2015-03-31/functions/x/invocations HTTP/1.1\r\nContent-Le"[: place % 60])
            if number % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
    wait_until(lambda: descriptors(server) <= before + 50)


def descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_many_connections_that_stay_open_do_not_keep_a_call_out(server: Server, deploy: Deploy) -> None:
    function = deploy(ECHO)
    connections = [connect(server) for _ in range(400)]
    try:
        assert function.call("through").value == "through"
    finally:
        for sock in connections:
            sock.close()


def test_an_answer_of_every_error_carries_a_request_id(server: Server) -> None:
    with pytest.raises(ClientError) as refused:
        server.client.invoke(FunctionName="nobody", Payload=json.dumps(1))
    assert len(refused.value.response["ResponseMetadata"]["RequestId"]) == 36
