"""How commands ask a server, and what they make of its answers."""

from typing import Any

import pytest

from lambent.cli.endpoint import CommandFailed, Endpoint


class Answer:
    """What `send` gives."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self._body = body

    def read(self) -> bytes:
        return self._body

    def getheader(self, name: str) -> None:
        return None


class Server(Endpoint):
    """Answers everything alike, and remembers what was asked."""

    def __init__(self, status: int = 200, body: bytes = b'{"answer": 42}') -> None:
        super().__init__("http://127.0.0.1:4566")
        self.asked: list[tuple[Any, ...]] = []
        self._answer = Answer(status, body)

    def send(self, *asked: Any) -> Any:
        self.asked.append(asked)
        return self._answer


def test_a_document_is_sent_as_json_and_none_as_no_body() -> None:
    server = Server()
    assert server.ask("POST", "/_lambent/clock/advance", {}) == {"answer": 42}
    assert server.ask("DELETE", "/_lambent/keys/AKIA") == server.document("/_lambent/status") == {"answer": 42}
    assert server.asked == [
        ("POST", "/_lambent/clock/advance", {"Content-Type": "application/json"}, b"{}"),
        ("DELETE", "/_lambent/keys/AKIA", {}, b""),
        ("GET", "/_lambent/status", {}, b""),
    ]


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, b'{"__type": "ValidationError", "message": "no such span"}', "ValidationError: no such span"),
        (502, b"Bad Gateway", "the server answered 502: Bad Gateway"),
        (200, b"<html>", "http://127.0.0.1:4566 answered something that is not JSON; is it Lambent"),
    ],
)
def test_what_is_no_document_fails_the_command(status: int, body: bytes, says: str) -> None:
    with pytest.raises(CommandFailed, match=says):
        Server(status, body).ask("POST", "/_lambent/clock/advance", {"by": "x"})


@pytest.mark.parametrize(
    "url", ["127.0.0.1:4566", "http://", "http://[::1", "http://::1:4566", "http://here:x", "ftp://a"]
)
def test_what_is_no_url_of_a_server_is_told_so(url: str) -> None:
    with pytest.raises(CommandFailed, match="is not the URL of a server; one looks like"):
        Endpoint(url)
