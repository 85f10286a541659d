"""guest/python in a child process of every Python on this machine that it promises to run on."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from guest_process import CHUNK, END, ERROR, INIT_ERROR, PATIENCE_S, READY, RESULT, Gone, GuestProcess

MINORS = range(8, 15)
Start = Callable[..., GuestProcess]


def find_interpreters() -> dict[str, str]:
    """Version ("3.8") to executable, of those that pyenv or PATH have."""
    found = {}
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions", Path("/opt/pyenv/versions")]
    for minor in MINORS:
        version = f"3.{minor}"
        places = [place for root in roots for place in sorted(root.glob(f"{version}.*/bin/python"))]
        path = str(places[0]) if places else shutil.which(f"python{version}")
        if path and not path.endswith("shims/python" + version):
            found[version] = path
    return found or {f"3.{sys.version_info.minor}": sys.executable}


INTERPRETERS = find_interpreters()


@pytest.fixture(params=sorted(INTERPRETERS, key=lambda version: int(version[2:])))
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start(version: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a guest whose package has the given files; `app.py` is the first."""
    started: list[GuestProcess] = []

    def begin(source: str = "", *, preload: bool = False, **files: str) -> GuestProcess:
        for name, text in {"app": source, **files}.items():
            path = tmp_path / "task" / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        environ = {
            "PATH": "/usr/bin:/bin",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]0123456789abcdef",
            "TZ": ":UTC",
        }
        command = [INTERPRETERS[version], "-c", BOOT if preload else BOOT.replace("lambent_runtime.preload()", "")]
        guest = GuestProcess(command, tmp_path / "task", environ)
        started.append(guest)
        return guest

    yield begin
    for guest in started:
        guest.close()


# As the zygote does it: import, preload, fork; the child becomes the environment.
BOOT = """
import os, sys
import lambent_runtime
lambent_runtime.preload()
child = os.fork()
if child == 0:
    lambent_runtime.main(int(sys.argv[1]))
os.close(int(sys.argv[1]))
status = os.waitpid(child, 0)[1]
if os.WIFSIGNALED(status):
    os.kill(os.getpid(), os.WTERMSIG(status))
os._exit(os.WEXITSTATUS(status))
"""


def ready(guest: GuestProcess, handler: str = "app.handler", **changes: Any) -> GuestProcess:
    assert guest.init(handler, **changes).kind == READY
    return guest


def test_a_handler_gets_its_event_and_its_answer_comes_back(start: Start) -> None:
    guest = ready(start("def handler(event, context): return {'got': event}"))
    for number in range(3):
        frame = guest.invoke({"n": number, "text": "é"})
        assert frame.kind == RESULT
        assert frame.value == {"got": {"n": number, "text": "é"}}


def test_non_ascii_text_is_escaped_before_python_3_12_and_left_alone_since(start: Start, version: str) -> None:
    guest = ready(start("def handler(event, context): return 'é'"))
    expected = '"é"'.encode() if int(version[2:]) >= 12 else b'"\\u00e9"'
    assert guest.invoke().body == expected


GENERATOR = """
    def handler(event, context):
        def pieces():
            yield b"one "
            yield "tw\u00f6 "
            yield {"three": 3}
            if event == "boom":
                raise ValueError(event)
            yield bytes(event)
        if event is None:
            return (piece for piece in ())
        return iter(()) if event == "none" else pieces()
"""
STREAMING = {"LAMBENT_PYTHON_STREAMING": "1"}


def test_a_generator_is_no_answer_unless_the_function_asks_for_it_to_be_streamed(start: Start) -> None:
    frame = ready(start(GENERATOR)).invoke(5)
    assert (frame.kind, frame.meta["type"]) == (ERROR, "Runtime.MarshalError")


def test_what_a_generator_yields_goes_out_in_pieces(start: Start) -> None:
    guest = ready(start(GENERATOR), environ=STREAMING)
    for _ in range(2):
        said, first, last = guest.stream(3_000_000)
        assert said == "one twö ".encode() + b'{"three": 3}' + bytes(3_000_000)
        assert (first.kind, first.body, last.kind, last.meta, last.body) == (CHUNK, b"one ", END, {}, b"")
    said, first, last = guest.stream()
    assert (said, first.kind, last.kind) == (b"", CHUNK, END)


def test_an_error_in_a_generator_ends_what_has_been_sent(start: Start) -> None:
    guest = ready(start(GENERATOR), environ=STREAMING)
    said, _, last = guest.stream("boom")
    assert said.startswith(b"one ")
    assert (last.kind, last.meta, last.value["errorMessage"]) == (END, {"type": "ValueError"}, "boom")
    assert "[ERROR] ValueError: boom" in guest.logs()
    assert guest.invoke("none").meta["type"] == "Runtime.MarshalError"  # an iterator is no generator


def test_large_events_and_answers_pass_whole(start: Start) -> None:
    guest = ready(start("def handler(event, context): return event"))
    text = "x" * 6_000_000
    assert guest.invoke(text).body == f'"{text}"'.encode()
    assert guest.invoke("small").value == "small"


def test_the_context_has_every_attribute_of_aws(start: Start) -> None:
    guest = ready(
        start(
            """
            def handler(event, context):
                assert 0 < context.get_remaining_time_in_millis() <= 3000
                client = context.client_context
                return [context.function_name, context.function_version, context.invoked_function_arn,
                    context.memory_limit_in_mb, context.aws_request_id, context.log_group_name,
                    context.log_stream_name, context.tenant_id, context.identity.cognito_identity_id,
                    context.identity.cognito_identity_pool_id, client.custom, client.env, client.client.app_title,
                    client.client.app_package_name, context.w3c()]
            """
        )
    )
    about = {
        "custom": {"a": 1},
        "env": {"b": 2},
        "client": {"app_title": "T"},
        "w3c": {"traceparent": "00-1", "x": "y"},
    }
    identity = {"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}
    frame = guest.invoke(context=json.dumps(about), identity=identity, tenant="blue")
    assert frame.value == [
        "f",
        "$LATEST",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        "128",
        "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "/aws/lambda/f",
        "2026/11/21/[$LATEST]0123456789abcdef",
        "blue",
        "id",
        "pool",
        {"a": 1},
        {"b": 2},
        "T",
        None,
        {"traceparent": "00-1"},
    ]


def test_a_bare_invocation_has_an_empty_identity_and_no_client_context(start: Start) -> None:
    source = """
        def handler(event, context):
            return [context.client_context, context.identity.cognito_identity_id, context.tenant_id, context.w3c()]
    """
    assert ready(start(source)).invoke().value == [None, None, None, {}]


def test_a_client_context_that_is_no_json_is_a_fault(start: Start) -> None:
    guest = ready(start("def handler(event, context): return 1"))
    frame = guest.invoke(context="{")
    assert (frame.kind, frame.meta) == (ERROR, {"type": "Runtime.LambdaContextUnmarshalError"})
    assert frame.value["errorMessage"].startswith("Unable to parse Client Context JSON: ")


def test_the_environment_is_exactly_what_init_said(start: Start) -> None:
    source = """
        import os, sys, time
        def handler(event, context):
            return [dict(os.environ), os.getcwd(), sys.path[:3], time.tzname[0]]
    """
    guest = ready(start(source))
    environ, directory, path, zone = guest.invoke().value
    environ.pop("LC_CTYPE", None)
    assert environ == guest._environ | {
        "_X_AMZN_TRACE_ID": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"
    }
    opt = guest.task_root.parent / "opt"
    assert directory == str(guest.task_root)
    assert path[0] == str(guest.task_root)
    assert path[1].startswith(f"{opt}/python/lib/python3.")
    assert path[1].endswith("/site-packages")
    assert path[2] == f"{opt}/python"
    assert zone == "UTC"


def test_no_trace_means_no_trace_variable(start: Start) -> None:
    guest = ready(start("import os\ndef handler(event, context): return os.environ.get('_X_AMZN_TRACE_ID')"))
    assert guest.invoke(trace="Root=1").value == "Root=1"
    assert guest.invoke(trace=None).value is None
    assert guest.invoke(trace="").value is None


def test_an_exception_becomes_awss_document_and_log_line(start: Start, version: str) -> None:
    source = """
        def inner():
            raise ValueError("boom")

        def handler(event, context):
            inner()
    """
    guest = ready(start(source))
    frame = guest.invoke()
    app = guest.task_root / "app.py"
    assert (frame.kind, frame.meta) == (ERROR, {"type": "ValueError"})
    expected = {
        "errorMessage": "boom",
        "errorType": "ValueError",
        "requestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "stackTrace": [
            f'  File "{app}", line 6, in handler\n    inner()\n',
            f'  File "{app}", line 3, in inner\n    raise ValueError("boom")\n',
        ],
    }
    if version == "3.8":
        del expected["requestId"]
    assert list(frame.value.items()) == list(expected.items())
    assert guest.logs() == (
        "[ERROR] ValueError: boom\rTraceback (most recent call last):\r"
        f'\u00a0\u00a0File "{app}", line 6, in handler\r\u00a0\u00a0\u00a0\u00a0inner()\r'
        f'\u00a0\u00a0File "{app}", line 3, in inner\r\u00a0\u00a0\u00a0\u00a0raise ValueError("boom")\n'
    )


def test_after_an_exception_the_next_invocation_is_served(start: Start) -> None:
    guest = ready(start("def handler(event, context): return 1 // event"))
    assert guest.invoke(0).meta == {"type": "ZeroDivisionError"}
    assert guest.invoke(1).value == 1


def test_a_handler_of_the_wrong_arity_is_told_where_it_was_called(start: Start) -> None:
    document = ready(start("def handler(event): return 1")).invoke().value
    assert document["errorType"] == "TypeError"
    assert document["errorMessage"] == "handler() takes 1 positional argument but 2 were given"
    assert len(document["stackTrace"]) == 1


@pytest.mark.parametrize(
    ("handler", "source", "kind", "message"),
    [
        (
            "app",
            "",
            "Runtime.MalformedHandlerName",
            "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
        ),
        ("app.gone", "", "Runtime.HandlerNotFound", "Handler 'gone' missing on module 'app'"),
        ("none.h", "", "Runtime.ImportModuleError", "Unable to import module 'none': No module named 'none'"),
        (
            "app.h",
            "import nothing",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nothing'",
        ),
        ("sys.h", "", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
        ("dir/none.h", "", "Runtime.ImportModuleError", "Unable to import module 'dir/none': No module named 'dir'"),
    ],
)
def test_a_handler_that_cannot_be_loaded_fails_init(  # noqa: PLR0917
    start: Start, handler: str, source: str, kind: str, message: str, version: str
) -> None:
    guest = start(source)
    frame = guest.init(handler)
    assert (frame.kind, frame.meta) == (INIT_ERROR, {"type": kind})
    expected = {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": []}
    if version == "3.8":
        del expected["requestId"]
    assert frame.value == expected
    assert guest.exit_status() == 1
    warning, error, end = guest.logs_undated().split("\n")
    assert warning.startswith("[WARNING]\tDATE\t\tLAMBDA_WARNING: Unhandled exception. ")
    assert error == f"[ERROR] {kind}: {message}\rTraceback (most recent call last):"
    assert end == ""


def test_a_syntax_error_names_file_line_and_text(start: Start) -> None:
    guest = start("def handler(event, context)\n    return 1\n")
    document = guest.init("app.handler").value
    assert document["errorType"] == "Runtime.UserCodeSyntaxError"
    assert document["errorMessage"].startswith("Syntax error in module 'app': ")
    assert document["errorMessage"].endswith("(app.py, line 1)")
    path = guest.task_root / "app.py"
    assert document["stackTrace"] == [f'  File "{path}" Line 1\n    def handler(event, context)\n']


def test_an_exception_while_importing_shows_the_users_line(start: Start) -> None:
    guest = start("CONFIG = {}['missing']")
    document = guest.init("app.handler").value
    assert (document["errorType"], document["errorMessage"]) == ("KeyError", "'missing'")
    assert document["stackTrace"][-1].startswith(f'  File "{guest.task_root / "app.py"}", line 1, in <module>\n')
    assert "lambent_runtime" not in document["stackTrace"][0]


def test_exiting_while_importing_ends_the_process_with_that_status(start: Start) -> None:
    guest = start("import sys; sys.exit(7)")
    with pytest.raises(Gone):
        guest.init("app.handler")
    assert guest.exit_status() == 7


def test_a_handler_in_a_folder_is_found_by_path(start: Start) -> None:
    guest = start(sub__mod="def handler(event, context): return __name__")
    assert ready(guest, "sub/mod.handler").invoke().value == "sub.mod"


def test_a_file_of_the_function_wins_over_a_preloaded_module(start: Start) -> None:
    guest = start(
        "import random, uuid\ndef handler(event, context): return [random.MINE, uuid.UUID(int=1).int]",
        random="MINE = 'mine'",
        preload=True,
    )
    assert ready(guest).invoke().value == ["mine", 1]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{1, 2}", "Object of type set is not JSON serializable"),
        ("object()", "Object of type object is not JSON serializable"),
        ("{(1, 2): 3}", "keys must be str, int, float, bool or None, not tuple"),
        ("LOOP", "Circular reference detected"),
        ("DEEP", "maximum recursion depth exceeded while encoding a JSON object"),
    ],
)
def test_an_answer_that_is_no_json_is_a_marshal_error(start: Start, expression: str, message: str) -> None:
    source = f"""
        LOOP = []
        LOOP.append(LOOP)
        DEEP = []
        for _ in range(200000):
            DEEP = [DEEP]
        def handler(event, context):
            return {expression}
    """
    frame = ready(start(source)).invoke()
    assert (frame.kind, frame.meta) == (ERROR, {"type": "Runtime.MarshalError"})
    assert frame.value["errorMessage"] == f"Unable to marshal response: {message}"
    assert frame.value["stackTrace"] == []


def test_a_lone_surrogate_in_an_answer_cannot_end_the_environment(start: Start, version: str) -> None:
    guest = ready(start("def handler(event, context): return '\\ud800'"))
    frame = guest.invoke()
    if int(version[2:]) >= 12:
        assert frame.meta == {"type": "Runtime.MarshalError"}
    else:
        assert frame.body == b'"\\ud800"'
    assert guest.invoke().kind == frame.kind


def test_an_event_that_is_no_json_is_an_unmarshal_error(start: Start) -> None:
    guest = ready(start("def handler(event, context): return event"))
    for raw in (b"{", b"", b"\xff", b"[NaN]"):
        frame = guest.invoke(raw=raw)
        assert (frame.kind, frame.meta) == (ERROR, {"type": "Runtime.UnmarshalError"})
        assert frame.value["errorMessage"].startswith("Unable to unmarshal input: ")


def test_bytes_are_answered_as_they_are(start: Start) -> None:
    assert ready(start("def handler(event, context): return b'\\x00raw'")).invoke().body == b"\x00raw"


def test_prints_and_records_are_in_the_log_before_the_answer(start: Start) -> None:
    source = """
        import logging, sys
        logging.getLogger().info("not shown")
        def handler(event, context):
            print("out")
            print("err", file=sys.stderr)
            logging.warning("two\\nlines %d", 3)
            logging.getLogger("mine").error("named")
            context.log("by context\\n")
            print("no newline", end="")
    """
    guest = ready(start(source))
    guest.invoke()
    assert guest.logs_undated() == (
        "out\nerr\n"
        "[WARNING]\tDATE\t8476a536-e9f4-11e8-9739-2dfe598c3fcd\ttwo\rlines 3\n"
        "[ERROR]\tDATE\t8476a536-e9f4-11e8-9739-2dfe598c3fcd\tnamed\n"
        "by context\nno newline"
    )


def test_json_logs_have_awss_members(start: Start) -> None:
    source = """
        import logging
        def handler(event, context):
            logging.debug("hidden")
            logging.info("plain", extra={"order": 7})
            logging.getLogger("mine").warning({"a": 1})
            try:
                1 / 0
            except ZeroDivisionError:
                logging.exception("caught")
            raise KeyError("k")
    """
    guest = ready(start(source), log_format="JSON", log_level="INFO")
    guest.invoke(tenant="blue")
    plain, named, caught, unhandled = (json.loads(line) for line in guest.logs_undated().splitlines())
    request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    common = {"timestamp": "DATE", "requestId": request_id, "tenantId": "blue"}
    assert plain == common | {"level": "INFO", "message": "plain", "logger": "root", "order": 7}
    assert named == common | {"level": "WARNING", "message": {"a": 1}, "logger": "mine"}
    assert (caught["errorType"], caught["errorMessage"]) == ("ZeroDivisionError", "division by zero")
    assert caught["location"] == f"{guest.task_root / 'app.py'}:handler:10"
    assert len(caught["stackTrace"]) == 1
    assert list(unhandled)[:4] == ["timestamp", "level", "errorMessage", "errorType"]
    assert (unhandled["level"], unhandled["errorType"], unhandled["errorMessage"]) == ("ERROR", "KeyError", "'k'")


@pytest.mark.parametrize(("level", "shown"), [("TRACE", 10), ("DEBUG", 10), ("WARN", 30), ("FATAL", 50)])
def test_awss_level_names_set_the_root_level(start: Start, level: str, shown: int) -> None:
    source = "import logging\ndef handler(event, context): return logging.getLogger().level"
    assert ready(start(source), log_format="JSON", log_level=level).invoke().value == shown


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit(0)", 0),
        ("sys.exit('text')", 1),
        ("os._exit(9)", 9),
        ("os.kill(os.getpid(), 9)", -9),
        ("os.kill(os.getpid(), 15)", -15),
        ("os.abort()", -6),
        ("raise BaseException('odd')", 1),
    ],
)
def test_what_ends_the_process_on_aws_ends_it_here(start: Start, statement: str, status: int) -> None:
    guest = ready(start(f"import os, sys\ndef handler(event, context):\n    {statement}"))
    with pytest.raises(Gone):
        guest.invoke()
    assert guest.exit_status() == status


def test_a_crash_shows_its_traceback_and_runs_exit_handlers(start: Start) -> None:
    source = """
        import atexit
        atexit.register(print, "farewell")
        def handler(event, context):
            raise KeyboardInterrupt("stop")
    """
    guest = ready(start(source))
    with pytest.raises(Gone):
        guest.invoke()
    assert guest.exit_status() == 1
    assert "KeyboardInterrupt: stop\n" in guest.logs()
    assert guest.logs().endswith("farewell\n")


def test_a_child_that_a_handler_forked_never_answers(start: Start) -> None:
    source = """
        import os
        def handler(event, context):
            child = os.fork()
            if child == 0:
                return "from the child"
            return os.waitpid(child, 0)[1]
    """
    guest = ready(start(source))
    for _ in range(3):
        assert guest.invoke().value == 0


def test_a_daemon_of_the_handler_does_not_hold_the_channel_open(start: Start, tmp_path: Path) -> None:
    source = """
        import os, time
        def handler(event, context):
            if os.fork() == 0:
                os.setsid()
                time.sleep(30)
                os._exit(0)
            os._exit(4)
    """
    guest = ready(start(source))
    with pytest.raises(Gone):
        guest.invoke()
    assert guest.exit_status() == 4


def test_rough_treatment_of_descriptors_and_streams_does_not_confuse_answers(start: Start) -> None:
    source = """
        import io, os, signal, sys, threading
        def handler(event, context):
            if event == "streams":
                sys.stdout.close(); sys.stderr = None; sys.stdout = io.StringIO()
                print("into nothing")
            if event == "numbers":
                os.closerange(0, 200)
            if event == "write":
                for fd in range(0, 200):
                    try:
                        os.write(fd, b"garbage")
                    except OSError:
                        pass
            if event == "rest":
                os.chdir("/"); sys.setrecursionlimit(200); os.environ.clear()
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                threading.Thread(target=lambda: None).start()
            return event
    """
    guest = ready(start(source))
    for event in ("streams", "numbers", "write", "rest", "normal"):
        assert guest.invoke(event).value == event


def test_the_platform_hanging_up_ends_the_process_at_once(start: Start) -> None:
    source = """
        import threading, time
        threading.Thread(target=time.sleep, args=(60,)).start()
        def handler(event, context): return 1
    """
    guest = ready(start(source))
    guest.host.close()
    assert guest.exit_status() == 0


def test_children_of_one_zygote_draw_different_random_numbers(version: str, tmp_path: Path) -> None:
    boot = BOOT.replace("child = os.fork()", "import random; random.seed(1); child = os.fork()")
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "app.py").write_text("import random\ndef handler(event, context): return random.random()")
    drawn = set()
    for _ in range(2):
        guest = GuestProcess([INTERPRETERS[version], "-c", boot], tmp_path / "task", {})
        drawn.add(ready(guest).invoke().value)
        guest.close()
    assert len(drawn) == 2


def test_the_runtime_runs_as_a_module_for_wrapper_scripts(version: str, tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "app.py").write_text("def handler(event, context): return event")
    guest = GuestProcess([INTERPRETERS[version], "-m", "lambent_runtime"], tmp_path / "task", {})
    assert ready(guest).invoke([1]).value == [1]
    guest.close()
    assert guest.exit_status() in (0, -9)


def test_importing_opens_no_descriptor_and_starts_no_thread(version: str) -> None:
    code = (
        "import os, threading; before = sorted(os.listdir('/proc/self/fd'));"
        "import lambent_runtime; lambent_runtime.preload();"
        "assert sorted(os.listdir('/proc/self/fd')) == before; assert threading.active_count() == 1"
    )
    environ = {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "guest" / "python")}
    subprocess.run([INTERPRETERS[version], "-W", "error", "-c", code], check=True, env=environ, timeout=PATIENCE_S)
