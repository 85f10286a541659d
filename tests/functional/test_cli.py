"""The commands against a tiny endpoint of our own: what they send, what they print, how they fail."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lambent.cli.main import main

LOG = "START RequestId: 1\nhello\rthere\nREPORT RequestId: 1\tDuration: 1.00 ms\n"


class Fake(BaseHTTPRequestHandler):
    """Answers as the real endpoint does, and remembers what it was asked."""

    seen: list[tuple[str, str, dict[str, str], bytes]]

    def do_GET(self) -> None:
        self._remember(b"")
        if self.path == "/_lambent/status":
            self._answer(200, json.dumps({"version": "9", "pid": 1, "runtimes": [{"name": "python3.13"}]}).encode())
        elif self.path.startswith("/_lambent/logs/hello"):
            lines = [{"at": 1.0 + n, "sandbox": "s", "stream": "x", "message": f"line {n}"} for n in range(3)]
            self._answer(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        else:
            self._answer(404, b'{"__type": "ResourceNotFoundException", "Message": "no function missing"}')

    def do_POST(self) -> None:
        self._remember(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        log = {"X-Amz-Log-Result": base64.b64encode(LOG.encode()).decode()}
        if "/broken/" in self.path:
            self._answer(200, b'{"errorMessage": "no"}', {**log, "X-Amz-Function-Error": "Unhandled"})
        elif "/busy/" in self.path:
            error = {"x-amzn-ErrorType": "TooManyRequestsException", "x-amzn-RequestId": "r-1"}
            reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
            self._answer(429, json.dumps({"message": "Rate Exceeded.", "Reason": reason}).encode(), error)
        elif self.headers.get("X-Amz-Invocation-Type") == "Event":
            self._answer(202, b"", {"x-amzn-RequestId": "r-2"})
        elif "hello/" in self.path:
            known = {"Idempotency-Replayed": "true", "x-amzn-RequestId": "earlier"}
            self._answer(200, b'{"hello": "Ada"}', log | (known if "Idempotency-Key" in self.headers else {}))
        else:
            error = {"x-amzn-ErrorType": "ResourceNotFoundException"}
            self._answer(404, b'{"Type": "User", "Message": "Function not found: missing"}', error)

    def _remember(self, body: bytes) -> None:
        self.seen.append((self.command, self.path, {name.lower(): v for name, v in self.headers.items()}, body))

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing: the tests read standard error."""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str, dict[str, str], bytes]]]:
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    handler = type("Handler", (Fake,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("LAMBENT_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield handler.seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_invoke_prints_the_answer_and_the_log_apart(seen: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["invoke", "hello", "--payload", '{"name": "Ada"}']) == 0
    out, err = capfd.readouterr()
    assert out == '{"hello": "Ada"}'
    assert err.rstrip() == LOG.rstrip().replace("\r", "\n")
    method, path, headers, body = seen[0]
    assert (method, path, body) == ("POST", "/2015-03-31/functions/hello/invocations", b'{"name": "Ada"}')
    assert headers["x-amz-log-type"] == "Tail"
    assert "authorization" not in headers


def test_invoke_can_be_quiet(seen: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["invoke", "hello", "--quiet"]) == 0
    assert capfd.readouterr().err == ""
    assert seen[0][3] == b"{}"


def test_invoke_sends_an_idempotency_key_and_tells_whose_answer_came(
    seen: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "hello", "--idempotency-key", "order-1"]) == 0
    assert seen[0][2]["idempotency-key"] == "order-1"
    assert "the answer of request earlier; it did not run again" in capfd.readouterr().err
    assert main(["invoke", "hello"]) == 0
    assert "idempotency-key" not in seen[1][2]


def test_invoke_names_a_tenant(seen: list[Any]) -> None:
    assert main(["invoke", "hello", "--tenant-id", "blue", "--quiet"]) == 0
    assert main(["invoke", "hello", "--quiet"]) == 0
    assert [headers.get("x-amz-tenant-id") for _, _, headers, _ in seen] == ["blue", None]


def test_invoke_warns_of_a_key_that_the_function_has_not_opted_in_to(
    seen: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    main(["invoke", "broken", "--idempotency-key", "order-1", "--quiet"])
    assert "the key was ignored: broken has no tag lambent:idempotency" in capfd.readouterr().err
    main(["invoke", "broken", "--quiet"])
    assert "ignored" not in capfd.readouterr().err


def test_invoke_async_prints_the_request_id_and_nothing_else(
    seen: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "hello", "--async", "--payload", "[1]"]) == 0
    assert capfd.readouterr() == ("r-2\n", "")
    assert (seen[0][2]["x-amz-invocation-type"], seen[0][3]) == ("Event", b"[1]")
    assert "x-amz-log-type" not in seen[0][2]


def test_invoke_reads_the_event_from_a_file(seen: list[Any], tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("[1]")
    assert main(["invoke", "hello", "--event", str(tmp_path / "event.json")]) == 0
    assert seen[0][3] == b"[1]"


def test_invoke_reads_the_event_from_standard_input(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'"piped"')))
    assert main(["invoke", "hello", "--event", "-"]) == 0
    assert seen[0][3] == b'"piped"'


def test_invoke_names_an_event_file_that_is_not_there(seen: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["invoke", "hello", "--event", "/nonexistent.json"]) == 1
    assert "/nonexistent.json" in capfd.readouterr().err
    assert seen == []


def test_invoke_of_a_function_that_fails_exits_1(seen: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["invoke", "broken"]) == 1
    out, err = capfd.readouterr()
    assert out == '{"errorMessage": "no"}'
    assert "the function failed (Unhandled)" in err
    assert "REPORT" in err


def test_invoke_passes_arns_qualifiers_and_the_region(seen: list[Any]) -> None:
    arn = "arn:aws:lambda:eu-west-1:000000000000:function:hello"
    assert main(["invoke", arn, "--qualifier", "$LATEST", "--region", "eu-west-1"]) == 0
    _, path, headers, _ = seen[0]
    assert path.endswith("%3Afunction%3Ahello/invocations?Qualifier=%24LATEST")
    assert "/eu-west-1/lambda/aws4_request" in headers["authorization"]


def test_an_unknown_function_is_an_error_in_awss_words(seen: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["invoke", "missing"]) == 1
    assert "ResourceNotFoundException: Function not found: missing" in capfd.readouterr().err


def test_logs_are_printed_oldest_first(seen: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "hello", "--limit", "3", "--follow"]) == 0
    assert [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()] == ["line 0", "line 1", "line 2"]
    assert seen[0][1] == "/_lambent/logs/hello?limit=3&follow=1"


def test_logs_can_be_read_by_programs(seen: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "hello", "--json", "--since", "10m"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["message"] == "line 0"
    assert "since=" in seen[0][1]


def test_logs_are_asked_for_in_the_account_and_region_of_the_credentials(
    seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "111122223333")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert main(["logs", "hello", "--region", "eu-west-1"]) == 0
    assert seen[0][1] == "/_lambent/logs/hello?region=eu-west-1&account=111122223333"


def test_logs_of_an_unknown_function_exit_1(seen: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "missing"]) == 1
    assert "ResourceNotFoundException: no function missing" in capsys.readouterr().err


def test_status_and_runtimes_read_the_same_document(seen: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert main(["runtimes", "--json"]) == 0
    assert "python3.13" in capsys.readouterr().out
    assert [path for _, path, _, _ in seen] == ["/_lambent/status"] * 2


@pytest.mark.parametrize("words", [["status"], ["runtimes"], ["logs", "hello"], ["invoke", "hello"]])
def test_when_nobody_listens_the_command_says_how_to_start_the_server(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAMBENT_ENDPOINT", "http://127.0.0.1:1")
    assert main(words) == 1
    assert "lambent up" in capsys.readouterr().err


def test_a_url_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--endpoint-url", "4566"]) == 1
    assert "http://127.0.0.1:4566" in capsys.readouterr().err


def test_a_throttle_names_its_limit_and_where_to_ask_who_had_the_executions(
    seen: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "busy"]) == 1
    said = capfd.readouterr().err
    assert "TooManyRequestsException: Rate Exceeded. (ReservedFunctionConcurrentInvocationLimitExceeded)" in said
    assert "lambent explain r-1" in said
