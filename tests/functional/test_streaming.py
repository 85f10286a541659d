"""InvokeWithResponseStream, and what streams: Node.js, a runtime of the function's own, and Python generators."""

import hashlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from real_server import PATIENCE_S, ROLE, Function, Server, wait_until, zip_of

Serve = Callable[..., Server]
PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
PLAIN = "application/vnd.amazon.eventstream"

NODE = """
    import { pipeline } from 'node:stream/promises'
    import { Readable } from 'node:stream'

    function* megabytes(count) {
        for (let number = 0; number < count; number++) yield Buffer.alloc(1048576, String(number % 10))
    }

    export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
        console.log(`mode ${event.mode}`)
        if (event.mode === 'http') {
            stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } })
            stream.write('<p>')
            stream.end()
        } else if (event.mode === 'big') {
            await pipeline(Readable.from(megabytes(event.size)), stream)
        } else if (event.mode === 'hang') {
            stream.write('begun')
            setInterval(() => {}, 1000)
            await new Promise(() => {})
        } else {
            stream.write('begun')
            await new Promise((done) => setTimeout(done, 10))
            if (event.mode === 'exit') process.exit(3)
            throw new TypeError('midway')
        }
    })
"""

PERL = """\
#!/usr/bin/perl
# The Runtime API by hand: a chunked answer, and trailers when it fails.
use IO::Socket::INET;

my $root = "/2018-06-01/runtime/invocation";
sub dial { IO::Socket::INET->new(PeerAddr => $ENV{AWS_LAMBDA_RUNTIME_API}) or die "no Runtime API: $!" }
sub say_to { my ($to, $text) = @_; print $to $text; $to->flush }

while (1) {
    my ($from, %header) = dial();
    say_to($from, "GET $root/next HTTP/1.1\\r\\nHost: api\\r\\n\\r\\n");
    while (defined(my $line = <$from>)) {
        last if $line eq "\\r\\n";
        $header{lc $1} = $2 if $line =~ /^([^:]+):\\s*(.*?)\\r\\n/;
    }
    read($from, my $event, $header{"content-length"});
    my $to = dial();
    say_to($to, join("\\r\\n", "POST $root/$header{'lambda-runtime-aws-request-id'}/response HTTP/1.1", "Host: api",
        "Lambda-Runtime-Function-Response-Mode: streaming", "Transfer-Encoding: chunked", "Content-Type: text/csv",
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body", "", ""));
    for my $piece ("a,b\\n", "x" x 100000, $event) {
        say_to($to, sprintf("%x\\r\\n%s\\r\\n", length $piece, $piece));
    }
    say_to($to, "0\\r\\n");
    say_to($to, "Lambda-Runtime-Function-Error-Type: Function.Midway\\r\\n"
        . "Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJtaWR3YXkifQ==\\r\\n") if $event eq '"fail"';
    say_to($to, "\\r\\n");
    <$to>;
}
"""

GENERATOR = """
    import os, time
    calls = 0

    def handler(event, context):
        global calls
        calls += 1
        if event is None:
            return calls
        return pieces(event)

    def pieces(signal):
        yield "first"
        while not os.path.exists(signal):
            time.sleep(0.01)
        yield "x" * 1_000_000
        print("said it all")
"""


class Heard(NamedTuple):
    """What came back, event by event."""

    answer: dict[str, Any]
    chunks: list[bytes]
    complete: dict[str, Any]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


def start(function: Function, event: Any, **parameters: Any) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    answer = function.server.client.invoke_with_response_stream(
        FunctionName=function.name, Payload=json.dumps(event), **parameters
    )
    return answer, iter(answer["EventStream"])


def stream(function: Function, event: Any = None, **parameters: Any) -> Heard:
    answer, events = start(function, event, **parameters)
    chunks: list[bytes] = []
    for each in events:
        if "InvokeComplete" in each:
            assert list(events) == []
            return Heard(answer, chunks, each["InvokeComplete"])
        chunks.append(each["PayloadChunk"]["Payload"])
    raise AssertionError(f"the stream ended without InvokeComplete, after {len(chunks)} chunks")


@contextmanager
def created(server: Server, runtime: str, file: str, source: str, timeout_s: int = 60) -> Iterator[Function]:
    name = f"streams-{uuid.uuid4().hex[:8]}"
    server.client.create_function(
        FunctionName=name, Runtime=runtime, Role=ROLE, Handler="index.handler", Timeout=timeout_s, MemorySize=1769,
        Code={"ZipFile": zip_of({file: source})},
    )  # fmt: skip
    server.wait_until_active(name)
    yield Function(server, name)
    server.client.delete_function(FunctionName=name)


@pytest.fixture(scope="module")
def node_runtime(server: Server) -> str:
    runtimes: list[str] = [each["name"] for each in server.status()["runtimes"] if each["kind"] == "node"]
    if not runtimes:
        pytest.skip("no Node.js here")
    return runtimes[-1]


@pytest.fixture(scope="module")
def node(server: Server, node_runtime: str) -> Iterator[Function]:
    with created(server, node_runtime, "index.mjs", NODE) as function:
        yield function


def test_an_http_answer_is_streamed_with_its_prelude_and_its_type(node: Function) -> None:
    heard = stream(node, {"mode": "http"}, LogType="Tail")
    assert heard.body == b'{"statusCode":201,"headers":{"a":"b"}}' + bytes(8) + b"<p>"
    assert heard.answer["ResponseStreamContentType"] == PRELUDE_TYPE
    assert (heard.answer["StatusCode"], heard.answer["ExecutedVersion"]) == (200, "$LATEST")
    assert set(heard.complete) == {"LogResult"}


def test_a_buffered_call_of_a_streaming_function_has_the_same_bytes_in_one_answer(node: Function) -> None:
    answer = node.server.client.invoke(FunctionName=node.name, Payload=json.dumps({"mode": "http"}))
    assert answer["Payload"].read() == b'{"statusCode":201,"headers":{"a":"b"}}' + bytes(8) + b"<p>"
    assert "FunctionError" not in answer
    failed = node.call({"mode": "error"})
    assert (failed.error, failed.error_type, failed.error_message) == ("Unhandled", "TypeError", "midway")


def test_an_error_midway_ends_the_stream_with_its_code_details_and_log(node: Function) -> None:
    heard = stream(node, {"mode": "error"}, LogType="Tail")
    assert heard.body == b"begun"
    assert heard.answer["ResponseStreamContentType"] == PLAIN
    assert heard.complete["ErrorCode"] == "TypeError"
    assert json.loads(heard.complete["ErrorDetails"])["errorMessage"] == "midway"
    assert heard.complete["LogResult"]
    assert wait_until(lambda: any("Invoke Error" in line and "midway" in line for line in node.logs()))


def test_a_process_that_ends_midway_is_an_error_and_the_next_call_works(node: Function) -> None:
    heard = stream(node, {"mode": "exit"})
    assert (heard.body, heard.complete["ErrorCode"]) == (b"begun", "Runtime.ExitError")
    assert "exit status 3" in heard.complete["ErrorDetails"]
    assert stream(node, {"mode": "http"}).body.endswith(b"<p>")


def test_more_than_six_megabytes_are_streamed_whole_but_are_no_buffered_answer(node: Function) -> None:
    heard = stream(node, {"mode": "big", "size": 7})
    expected = b"".join(str(number).encode() * 1_048_576 for number in range(7))
    assert hashlib.sha256(heard.body).digest() == hashlib.sha256(expected).digest()
    assert heard.complete == {}
    answer = node.call({"mode": "big", "size": 7})
    assert answer.error_type == "Function.ResponseSizeTooLarge"
    assert "(7340032 bytes)" in answer.error_message


def test_a_time_out_midway_ends_the_stream_as_a_time_out(server: Server, node_runtime: str) -> None:
    with created(server, node_runtime, "index.mjs", NODE, timeout_s=5) as function:
        heard = stream(function, {"mode": "hang"})
        assert (heard.body, heard.complete["ErrorCode"]) == (b"begun", "Sandbox.Timedout")
        assert "Task timed out after 5.00 seconds" in heard.complete["ErrorDetails"]
        wait_until(lambda: any("Status: timeout" in line for line in reports(function)))


def test_a_function_that_does_not_stream_is_one_chunk_and_a_dry_run_is_none(deploy: Callable[..., Function]) -> None:
    function = deploy("def handler(event, context):\n    if event == 'fail': raise KeyError(event)\n    return event")
    heard = stream(function, {"n": 1}, LogType="Tail")
    assert (heard.chunks, heard.answer["ResponseStreamContentType"]) == ([b'{"n": 1}'], PLAIN)
    failed = stream(function, "fail")
    assert (failed.chunks, failed.complete["ErrorCode"]) == ([], "KeyError")
    answer, events = start(function, None, InvocationType="DryRun")
    assert (answer["StatusCode"], list(events)) == (204, [])


def test_a_runtime_of_the_functions_own_streams_with_chunks_and_trailers(server: Server) -> None:
    if not shutil.which("perl"):
        pytest.skip("no perl here")
    with created(server, "provided.al2023", "bootstrap", PERL) as function:
        heard = stream(function, {"n": 1})
        assert heard.body == b"a,b\n" + b"x" * 100_000 + b'{"n": 1}'
        assert (heard.answer["ResponseStreamContentType"], heard.complete) == ("text/csv", {})
        failed = stream(function, "fail")
        assert failed.body.endswith(b'x"fail"')
        assert failed.complete == {"ErrorCode": "Function.Midway", "ErrorDetails": '{"errorMessage":"midway"}'}
        whole = server.client.invoke(FunctionName=function.name, Payload=b'"whole"')["Payload"].read()
        assert whole == b"a,b\n" + b"x" * 100_000 + b'"whole"'


@pytest.fixture
def signal() -> Iterator[Path]:
    """A file that a function without isolation waits for."""
    folder = Path(tempfile.mkdtemp(prefix="lambent-stream-"))
    folder.chmod(0o755)
    yield folder / "go-on"
    shutil.rmtree(folder)


def test_the_first_piece_is_there_before_the_last_is_made_and_a_client_may_leave(serve: Serve, signal: Path) -> None:
    """Isolation is off, for the test to tell the function when to go on."""
    server = serve("--isolation", "process")
    variables = {"Variables": {"LAMBENT_PYTHON_STREAMING": "1"}}
    function = server.deploy(GENERATOR, Environment=variables, Timeout=2 * PATIENCE_S)

    _, events = start(function, str(signal))
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    assert "said it all" not in function.logs()
    signal.touch()
    rest = list(events)
    assert sum(len(each["PayloadChunk"]["Payload"]) for each in rest[:-1]) == 1_000_000
    assert rest[-1] == {"InvokeComplete": {}}
    wait_until(lambda: function.logs().count("said it all") == 1)

    signal.unlink()
    answer, events = start(function, str(signal))
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    answer["EventStream"].close()
    signal.touch()
    wait_until(lambda: function.logs().count("said it all") == 2)
    wait_until(lambda: len(reports(function)) == 2)
    assert not any("Status:" in line for line in reports(function))
    assert wait_until(lambda: server.status()["sandboxes"]["idle"]) == 1
    assert function.call().value == 3


def reports(function: Function) -> list[str]:
    return [line for line in function.logs() if line.startswith("REPORT")]
