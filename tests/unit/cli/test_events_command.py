"""`lambent events`: what it asks the server for, and how it shows the answers."""

import argparse
from typing import Any

import pytest

from lambent.cli import events
from lambent.cli.endpoint import CommandFailed
from lambent.cli.event_views import listed, shown
from lambent.cli.main import parser_of

KEPT = {
    "request_id": "8476a536", "name": "resize", "qualifier": "live", "received": 1_700_000_000.0,
    "failed": 1_700_000_180.0, "condition": "RetriesExhausted", "attempts": 3, "status": 200,
    "error_type": "ValueError", "undelivered": "",
}  # fmt: skip


class FakeServer:
    """Answers from a list, and remembers what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any]) -> None:
        self.answers, self.asked = list(answers), []
        monkeypatch.setattr(events, "_ask", self.ask)
        monkeypatch.setattr(events, "endpoint_of", lambda args: self)

    def ask(self, _: Any, method: str, path: str, query: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((method, path, query))
        return self.answers.pop(0)

    def owner(self) -> dict[str, str]:
        return {}

    def document(self, path: str) -> dict[str, Any]:
        assert path == "/_lambent/clock"
        return {"now": 1_700_000_000.0}


def parsed(*words: str) -> argparse.Namespace:
    return parser_of("events", events).parse_args(words)


def run(*words: str) -> int:
    return events.run(parsed(*words))


def test_the_list_is_asked_for_page_by_page_up_to_the_limit(monkeypatch, capsys):
    pages = [{"events": [KEPT] * 500, "next": 500}, {"events": [KEPT] * 100, "next": 600}]
    server = FakeServer(monkeypatch, *pages)
    assert run("list", "--limit", "600", "--function", "resize") == 0
    assert [query["limit"] for _, _, query in server.asked] == [500, 100]
    assert server.asked[1][2]["after"] == 500
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 601
    assert "--limit" in output.err


def test_ages_are_counted_from_the_time_of_the_server(monkeypatch):
    server = FakeServer(monkeypatch, {"events": [], "next": None})
    run("list", "--since", "10m")
    assert server.asked[0][2]["since"] == 1_700_000_000.0 - 600


def test_long_work_goes_on_until_the_server_says_that_it_is_done(monkeypatch, capsys):
    server = FakeServer(
        monkeypatch, {"replayed": 200, "next": 7, "last": 99}, {"replayed": 3, "next": None, "last": 99}
    )
    assert run("replay", "--function", "resize") == 0
    assert server.asked[1] == ("POST", "/replay", {"function": "resize", "after": 7, "last": 99})
    assert capsys.readouterr().out == "203 events replayed\n"


def test_everything_is_purged_only_with_yes_where_nobody_can_be_asked(monkeypatch, capsys):
    server = FakeServer(monkeypatch, {"purged": 1, "next": None, "last": 9})
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(CommandFailed, match="--yes"):
        run("purge")
    assert server.asked == []
    assert run("purge", "--yes") == 0
    assert server.asked == [("DELETE", "", {"all": 1, "kind": "kept"})]
    assert capsys.readouterr().out == "1 event purged\n"


def test_a_no_purges_nothing(monkeypatch):
    server = FakeServer(monkeypatch)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(CommandFailed, match="nothing was purged"):
        run("purge", "--kind", "outbox")
    assert server.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ("list", "x"), ("show",), ("show", "a", "b"), ("replay",), ("replay", "x", "--function", "f"),
        ("purge", "--kind", "waiting", "--yes"), ("purge", "x", "--function", "f"), ("purge", "x", "--kind", "outbox"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_refused_before_the_server_is_asked(monkeypatch, words):
    server = FakeServer(monkeypatch)
    with pytest.raises(CommandFailed):
        run(*words)
    assert server.asked == []


def test_a_kept_event_is_one_line_that_says_why():
    head, line = listed("kept", [KEPT]).splitlines()
    assert head.split() == ["FAILED", "FUNCTION", "CONDITION", "ATTEMPTS", "REQUEST", "ID", "WHY"]
    assert line.split() == ["2023-11-14", "22:16:20", "resize:live", "RetriesExhausted", "3", "8476a536", "ValueError"]


def test_what_could_not_be_delivered_is_the_reason_where_there_was_a_destination():
    assert "arn: too large" in listed("kept", [KEPT | {"undelivered": "arn: too large"}])


def test_an_event_that_nobody_has_refused_has_no_status_to_show():
    (_, line) = listed("kept", [KEPT | {"error_type": "", "condition": "ZeroReservedConcurrency"}]).splitlines()
    assert line.split()[-1] == "-"


@pytest.mark.parametrize("kind", ["kept", "waiting", "letters", "outbox"])
def test_an_empty_list_says_so(kind):
    assert listed(kind, []).count("\n") == 0


def test_an_empty_list_says_what_was_asked_for(monkeypatch, capsys):
    FakeServer(monkeypatch, {"events": [], "next": None})
    run("list", "--function", "nope", "--since", "1h")
    assert capsys.readouterr().out == "--function nope --since 1h: no failed events are kept\n"


def test_an_event_is_shown_with_payload_answer_and_messages():
    message = {
        "target": "arn:q", "operation": "SendMessage", "delivered": 1_700_000_190.0, "body": "{}",
        "parameters": {"MessageAttributes": {"ErrorCode": {"DataType": "Number", "StringValue": "200"}}},
    }  # fmt: skip
    kept = KEPT | {"payload": '{"a": 1}', "answer_base64": "/w=="}
    text = shown({"request_id": "8476a536", "kept": [kept], "waiting": None, "letters": [], "outbox": [message]})
    assert '{"a": 1}' in text
    assert "(base64)" in text
    assert "ErrorCode  200" in text
    assert "SendMessage to arn:q" in text
