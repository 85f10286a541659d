"""guest/node in a child process of the Node.js on this machine."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from guest_process import CHUNK, END, ERROR, GUEST, INIT_ERROR, PATIENCE_S, READY, RESULT, Gone, GuestProcess

NODE = shutil.which("node")
ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
Start = Callable[..., GuestProcess]

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a guest whose package has the given files, by name."""
    started: list[GuestProcess] = []

    def begin(files: dict[str, str], runtime: str = "nodejs20.x") -> GuestProcess:
        for name, text in files.items():
            path = tmp_path / "task" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        environ = {
            "PATH": os.environ["PATH"],
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "NODE_PATH": str(tmp_path / "opt" / "nodejs" / "node_modules"),
        }
        assert NODE is not None
        guest = GuestProcess([NODE, str(GUEST / "node" / "main.mjs")], tmp_path / "task", environ)
        started.append(guest)
        return guest

    yield begin
    for guest in started:
        guest.close()


def ready(guest: GuestProcess, handler: str = "index.handler", **changes: object) -> GuestProcess:
    frame = guest.init(handler, **changes)
    assert frame.kind == READY, frame
    return guest


def commonjs(body: str) -> dict[str, str]:
    return {"index.js": body}


def test_an_async_handler_gets_its_event_and_its_answer_comes_back(start: Start) -> None:
    guest = ready(start(commonjs("exports.handler = async (event) => ({ got: event })")))
    for number in range(3):
        frame = guest.invoke({"n": number, "text": "é"})
        assert (frame.kind, frame.value) == (RESULT, {"got": {"n": number, "text": "é"}})


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"index.mjs": "export const handler = async () => 'found'"}, "index.handler"),
        ({"index.cjs": "exports.handler = async () => 'found'"}, "index.handler"),
        (
            {"index.js": "export const handler = async () => 'found'", "package.json": '{"type":"module"}'},
            "index.handler",
        ),
        ({"dir/app.js": "exports.deep = { er: { handler: async () => 'found' } }"}, "dir/app.deep.er.handler"),
        ({"node_modules/pkg/index.js": "exports.handler = async () => 'found'"}, "pkg.handler"),
        ({"index.mjs": "export default { handler: async () => 'found' }"}, "index.default.handler"),
        ({"index.js": "exports.handler = async () => 'found'", "index.mjs": "throw 1"}, "index.handler"),
    ],
)
def test_a_handler_is_found_where_aws_looks_for_it(start: Start, files: dict[str, str], handler: str) -> None:
    assert ready(start(files), handler).invoke().value == "found"


def test_large_events_and_answers_pass_whole(start: Start) -> None:
    guest = ready(start(commonjs("exports.handler = async (event) => event")))
    text = "x" * 6_000_000
    assert guest.invoke(text).body == f'"{text}"'.encode()
    assert guest.invoke("small").value == "small"


def test_the_context_has_every_member_of_aws(start: Start) -> None:
    source = """
        exports.handler = async (event, context) => {
            const left = context.getRemainingTimeInMillis()
            return { ...context, w3c: context.w3c(), left: left > 0 && left <= 3000 }
        }
    """
    client = {"custom": {"a": 1}, "w3c": {"traceparent": "00-1", "x": "y"}}
    frame = ready(start(commonjs(source))).invoke(
        context=json.dumps(client), identity={"cognitoIdentityId": "i"}, tenant="t"
    )
    assert frame.value == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionVersion": "$LATEST",
        "functionName": "f",
        "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "stream",
        "clientContext": {"custom": {"a": 1}},
        "identity": {"cognitoIdentityId": "i"},
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "awsRequestId": ID,
        "tenantId": "t",
        "w3c": {"traceparent": "00-1"},
        "left": True,
    }


def test_the_environment_is_exactly_what_init_said(start: Start) -> None:
    guest = ready(start(commonjs("exports.handler = async () => [process.env, process.cwd()]")))
    trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
    assert guest.invoke().value == [guest._environ | {"_X_AMZN_TRACE_ID": trace}, str(guest.task_root)]
    assert "_X_AMZN_TRACE_ID" not in guest.invoke(trace=None).value[0]


def test_modules_of_layers_are_found_by_node_path(start: Start) -> None:
    guest = start(commonjs("const value = require('layered'); exports.handler = async () => value"))
    layer = guest.task_root.parent / "opt" / "nodejs" / "node_modules" / "layered"
    layer.mkdir(parents=True)
    (layer / "index.js").write_text("module.exports = 'from the layer'")
    assert ready(guest).invoke().value == "from the layer"


@pytest.mark.parametrize(
    "source",
    [
        "exports.handler = (event, context, callback) => setTimeout(() => callback(null, 'done'), 10)",
        "exports.handler = (event, context) => context.succeed('done')",
        "exports.handler = (event, context) => context.done(null, 'done')",
        "exports.handler = (event, context, callback) => { callback(null, 'done'); callback(null, 'twice') }",
        """
        exports.handler = (event, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = false
            setInterval(() => {}, 100000)
            callback(null, 'done')
        }
        """,
    ],
)
def test_the_callback_styles_answer(start: Start, source: str) -> None:
    guest = ready(start(commonjs(source)))
    for _ in range(2):
        assert guest.invoke().value == "done"


def test_a_callback_waits_for_the_event_loop_to_be_empty(start: Start) -> None:
    source = """
        exports.handler = (event, context, callback) => {
            const answer = { late: false }
            setTimeout(() => { answer.late = true }, 50)
            callback(null, answer)
        }
    """
    assert ready(start(commonjs(source))).invoke().value == {"late": True}


def test_a_handler_that_does_nothing_answers_null(start: Start) -> None:
    guest = ready(start(commonjs("exports.handler = () => {}")))
    assert [guest.invoke().body for _ in range(2)] == [b"null", b"null"]


def test_a_promise_that_never_settles_answers_null_up_to_node_22(start: Start) -> None:
    guest = ready(start(commonjs("exports.handler = () => new Promise(() => {})")))
    assert guest.invoke().body == b"null"


def test_a_promise_that_never_settles_ends_the_process_from_node_24_on(start: Start) -> None:
    guest = ready(start(commonjs("exports.handler = () => new Promise(() => {})"), runtime="nodejs24.x"))
    assert guest.invoke().meta == {"type": "Runtime.NodeJsExit", "last": True}
    assert guest.exit_status() == 13


def test_callback_handlers_are_refused_from_node_24_on(start: Start) -> None:
    guest = start(commonjs("exports.handler = (event, context, callback) => callback()"), runtime="nodejs24.x")
    frame = guest.init("index.handler")
    assert (frame.kind, frame.meta) == (INIT_ERROR, {"type": "Runtime.CallbackHandlerDeprecated"})
    assert frame.value["errorMessage"].startswith("ERROR: AWS Lambda has removed support for callback-based")
    assert "\tundefined\tERROR\tInit Error \t{" in guest.logs()


@pytest.mark.parametrize("returned", ["'now'", "Promise.resolve('now')"])
def test_from_node_24_on_a_plain_value_is_an_answer(start: Start, returned: str) -> None:
    guest = ready(start(commonjs(f"exports.handler = () => {returned}"), runtime="nodejs24.x"))
    assert [guest.invoke().value for _ in range(2)] == ["now", "now"]


@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs24.x"])
@pytest.mark.parametrize("handler", ["async () => { throw E() }", "() => { throw E() }", "() => Promise.reject(E())"])
def test_an_error_becomes_awss_document_and_log_line(start: Start, handler: str, runtime: str) -> None:
    source = f"const E = () => new RangeError('boom')\nexports.handler = {handler}"
    guest = ready(start(commonjs(source), runtime=runtime))
    frame = guest.invoke()
    assert (frame.kind, frame.meta) == (ERROR, {"type": "RangeError"})
    assert list(frame.value) == ["errorType", "errorMessage", "trace"]
    assert (frame.value["errorType"], frame.value["errorMessage"]) == ("RangeError", "boom")
    assert frame.value["trace"][0] == "RangeError: boom"
    assert frame.value["trace"][1].startswith(f"    at E ({guest.task_root}/index.js:1:")
    expected = {"errorType": "RangeError", "errorMessage": "boom", "stack": frame.value["trace"]}
    start_of_line, _, document = guest.logs_undated().partition("Invoke Error \t")
    assert start_of_line == f"DATE\t{ID}\tERROR\t"
    assert json.loads(document) == expected
    assert guest.invoke().kind == ERROR


def test_what_is_no_error_object_is_described_by_its_type(start: Start) -> None:
    guest = ready(start(commonjs("exports.handler = (event, context, callback) => callback('text')")))
    assert guest.invoke().value == {"errorType": "string", "errorMessage": "text", "trace": []}


@pytest.mark.parametrize("value", ["10n", "(() => { const a = {}; a.a = a; return a })()"])
def test_an_answer_that_is_no_json_is_an_error(start: Start, value: str) -> None:
    document = ready(start(commonjs(f"exports.handler = async () => {value}"))).invoke().value
    assert (document["errorType"], document["errorMessage"]) == ("Error", "Unable to stringify response body")


def test_an_event_that_is_no_json_is_an_error(start: Start) -> None:
    guest = ready(start(commonjs("exports.handler = async (event) => event")))
    assert guest.invoke(raw=b"{").meta == {"type": "SyntaxError"}
    assert guest.invoke(1).value == 1


@pytest.mark.parametrize(
    ("handler", "files", "kind", "message"),
    [
        ("index.gone", {"index.js": ""}, "Runtime.HandlerNotFound", "index.gone is undefined or not exported"),
        ("index.h", {"index.js": "exports.h = 1"}, "Runtime.HandlerNotFound", "index.h is not a function"),
        ("index", {"index.js": ""}, "Runtime.MalformedHandlerName", "Bad handler"),
        ("index.h", {"index.js": "let let = 1"}, "Runtime.UserCodeSyntaxError", "SyntaxError: let is disallowed"),
        ("index.h", {"index.js": "throw new TypeError('early')"}, "TypeError", "early"),
        ("none.h", {"index.js": ""}, "Runtime.ImportModuleError", "Error: Cannot find module 'none'\nRequire stack:\n"),
        (
            "index.h",
            {"index.js": "require('x')"},
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'x'\nRequire stack:",
        ),
        ("../index.h", {"index.js": ""}, "Runtime.MalformedHandlerName", "'../index.h' is not a valid handler name. "),
    ],
)
def test_a_handler_that_cannot_be_loaded_fails_init(
    start: Start, handler: str, files: dict[str, str], kind: str, message: str
) -> None:
    guest = start(files)
    frame = guest.init(handler)
    assert (frame.kind, frame.meta) == (INIT_ERROR, {"type": kind})
    assert frame.value["errorType"] == kind
    assert frame.value["errorMessage"].startswith(message)
    assert guest.exit_status() == 129
    assert guest.logs_undated().startswith('DATE\tundefined\tERROR\tUncaught Exception \t{"errorType":"' + kind)


def test_the_require_stack_is_awss(start: Start) -> None:
    guest = start(commonjs("require('x')"))
    message = guest.init("index.handler").value["errorMessage"]
    assert message.split("\n")[2:] == [f"- {guest.task_root}/index.js", "- /var/runtime/index.mjs"]


@pytest.mark.parametrize(
    ("statement", "kind", "message", "status"),
    [
        ("setTimeout(() => { throw new Error('late') })", "Error", "late", 129),
        ("Promise.reject(new Error('lost'))", "Runtime.UnhandledPromiseRejection", "Error: lost", 128),
    ],
)
def test_an_error_that_nothing_catches_is_answered_and_ends_the_process(
    start: Start, statement: str, kind: str, message: str, status: int
) -> None:
    guest = ready(
        start(commonjs(f"exports.handler = (e, c, callback) => {{ {statement}; setTimeout(callback, 5000) }}"))
    )
    frame = guest.invoke()
    assert (frame.kind, frame.meta) == (ERROR, {"type": kind, "last": True})
    assert frame.value["errorMessage"] == message
    assert guest.exit_status() == status


@pytest.mark.parametrize(
    ("statement", "status"),
    [("process.exit(3)", 3), ("process.kill(process.pid, 'SIGKILL')", -9), ("process.abort()", -6)],
)
def test_what_ends_the_process_on_aws_ends_it_here(start: Start, statement: str, status: int) -> None:
    guest = ready(start(commonjs(f"exports.handler = async () => {{ {statement} }}")))
    with pytest.raises(Gone):
        guest.invoke()
    assert guest.exit_status() == status


def test_a_top_level_await_that_never_settles_ends_init(start: Start) -> None:
    guest = start({"index.mjs": "await new Promise(() => {}); export const handler = 1"})
    with pytest.raises(Gone):
        guest.init("index.handler")
    assert guest.exit_status() == 13


def test_console_lines_have_awss_form_and_come_before_the_answer(start: Start) -> None:
    source = """
        console.log('at init')
        exports.handler = async () => {
            console.log('two\\nlines %d', 3, { a: 1 })
            console.debug('d'); console.warn('w'); console.error('e'); console.trace('t'); console.info('i')
            process.stdout.write('raw\\n')
        }
    """
    guest = ready(start(commonjs(source)))
    guest.invoke()
    levels = [("DEBUG", "d"), ("WARN", "w"), ("ERROR", "e"), ("TRACE", "t"), ("INFO", "i")]
    assert guest.logs_undated().split("\n") == [
        "DATE\tundefined\tINFO\tat init",
        f"DATE\t{ID}\tINFO\ttwo\rlines 3 {{ a: 1 }}",
        *(f"DATE\t{ID}\t{level}\t{text}" for level, text in levels),
        "raw",
        "",
    ]


def test_json_logs_have_awss_members_and_obey_the_level(start: Start) -> None:
    source = """
        exports.handler = async () => {
            console.debug('hidden')
            console.info({ a: 1 })
            console.warn('text', 7)
            console.error(new RangeError('boom'))
        }
    """
    guest = ready(start(commonjs(source)), log_format="JSON", log_level="INFO")
    guest.invoke(tenant="blue")
    structured, text, error = (json.loads(line) for line in guest.logs_undated().splitlines())
    common = {"timestamp": "DATE", "requestId": ID, "tenantId": "blue"}
    assert structured == common | {"level": "INFO", "message": {"a": 1}}
    assert text == common | {"level": "WARN", "message": "text 7"}
    assert (error["message"]["errorType"], error["message"]["errorMessage"]) == ("RangeError", "boom")


def test_a_streaming_handler_answers_in_pieces_with_its_type(start: Start) -> None:
    source = """
        import { pipeline } from 'node:stream/promises'
        import { Readable } from 'node:stream'
        export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
            stream.setContentType('text/plain')
            stream.write('one ')
            stream.write({ two: 2 })
            await pipeline(Readable.from([' three']), stream)
        })
    """
    guest = ready(start({"index.mjs": source}))
    for _ in range(2):
        said, first, last = guest.stream()
        assert said == b'one {"two":2} three'
        assert (first.kind, first.meta) == (CHUNK, {"content_type": "text/plain"})
        assert (last.kind, last.meta, last.body) == (END, {}, b"")


def test_a_streamed_http_answer_begins_with_its_prelude(start: Start) -> None:
    source = """
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 })
            stream.write('body')
            stream.end()
        })
    """
    said, first, _ = ready(start(commonjs(source))).stream()
    assert said == b'{"statusCode":201}' + bytes(8) + b"body"
    assert first.meta == {"content_type": "application/vnd.awslambda.http-integration-response"}


@pytest.mark.parametrize(
    ("handler", "said", "kind", "message"),
    [
        ("async (e, stream) => { stream.write('x'); throw new Error('mid') }", b"x", END, "mid"),
        ("async (e, stream) => { stream.write('x') }", b"x", END, "Response stream is not finished."),
        ("async (e, stream) => { throw new Error('early') }", b"", ERROR, "early"),
        ("(e, stream) => { stream.end() }", b"", ERROR, "Streaming does not support non-async handlers."),
        ("async (e, stream) => { stream.destroy(new Error('gone')) }", b"", ERROR, "gone"),
    ],
)
def test_a_streaming_handler_that_fails_is_an_error(
    start: Start, handler: str, said: bytes, kind: int, message: str
) -> None:
    guest = ready(start(commonjs(f"exports.handler = awslambda.streamifyResponse({handler})")))
    heard, _, last = guest.stream()
    assert (heard, last.kind, last.value["errorMessage"]) == (said, kind, message)


def test_a_streaming_handler_waits_for_a_slow_client(start: Start) -> None:
    source = """
        const { Readable } = require('stream')
        const { pipeline } = require('stream/promises')
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            let made = 0
            const source = function* () { for (; made < 64; made++) yield Buffer.alloc(65536, 'x') }
            setTimeout(() => console.log(`made ${made}`), 300)
            await pipeline(Readable.from(source()), stream)
        })
    """
    guest = ready(start(commonjs(source)))
    first = guest.invoke()
    deadline = time.monotonic() + PATIENCE_S
    while "made " not in guest.logs():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert int(guest.logs().split("made ")[1]) < 32
    size, frame = 0, first
    while frame.kind == CHUNK:
        size += len(frame.body)
        frame = guest.receive()
    assert (size, frame.kind, frame.body) == (64 * 65536, END, b"")


def test_an_error_that_nobody_catches_ends_a_stream_and_the_process(start: Start) -> None:
    source = """
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            stream.write('begun')
            setTimeout(() => { throw new Error('stray') }, 10)
            await new Promise(() => {})
        })
    """
    guest = ready(start(commonjs(source)))
    said, _, last = guest.stream()
    assert (said, last.kind, last.meta["last"], last.value["errorMessage"]) == (b"begun", END, True, "stray")
    assert guest.exit_status() == 129


def test_a_stream_without_a_word_is_an_empty_answer(start: Start) -> None:
    source = "exports.handler = awslambda.streamifyResponse(async (e, stream) => { stream.end() })"
    said, first, last = ready(start(commonjs(source))).stream()
    assert (said, first.kind, last.kind) == (b"", CHUNK, END)


def test_a_large_piece_goes_out_in_chunks_that_the_platform_takes(start: Start) -> None:
    source = """
        exports.handler = awslambda.streamifyResponse(async (e, stream) => {
            stream.write(Buffer.alloc(3000001, 'x'))
            stream.end()
        })
    """
    guest = ready(start(commonjs(source)))
    frame, sizes = guest.invoke(), []
    while frame.kind == CHUNK:
        sizes.append(len(frame.body))
        frame = guest.receive()
    assert (sum(sizes), frame.kind) == (3_000_001, END)
    assert max(sizes) <= 1 << 20


def test_a_child_of_the_handler_does_not_have_the_channel(start: Start) -> None:
    source = """
        const { spawnSync } = require('child_process')
        exports.handler = async () => spawnSync('ls', ['-l', '/proc/self/fd']).stdout.toString()
    """
    listing = ready(start(commonjs(source))).invoke().value
    inherited = [line for line in listing.splitlines() if "socket:" in line and " 0 ->" not in line]
    assert len([line for line in inherited if int(line.split(" -> ")[0].split()[-1]) > 2]) == 0


def test_the_platform_hanging_up_ends_the_process_at_once(start: Start) -> None:
    guest = ready(start(commonjs("setInterval(() => {}, 1000); exports.handler = async () => 1")))
    guest.host.close()
    assert guest.exit_status() == 0


def test_every_module_of_the_guest_is_valid() -> None:
    assert NODE is not None
    for file in sorted((GUEST / "node").glob("*.mjs")):
        subprocess.run([NODE, "--check", str(file)], check=True, timeout=20)


def test_a_rehearsal_goes_to_its_end_and_leaves_nothing_behind() -> None:
    """What a parked process does ahead of its function, which may come at any moment afterwards."""
    script = f"""
        import {{ createRequire }} from 'node:module'
        const {{ rehearse }} = await import('{GUEST / "node" / "rehearsal.mjs"}')
        const before = JSON.stringify(process.env)
        let rehearsed = 0, waited = false
        setImmediate(() => (waited = true))
        await rehearse({{ rehearse: () => rehearsed++ }})
        const modules = Object.keys(createRequire(import.meta.url).cache)
        console.log(JSON.stringify({{ rehearsed, waited, same: JSON.stringify(process.env) === before, modules }}))
    """
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", dedent(script)], capture_output=True, text=True, check=True,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert json.loads(done.stdout.split("\t")[-1]) == {"rehearsed": 1, "waited": False, "same": True, "modules": []}
