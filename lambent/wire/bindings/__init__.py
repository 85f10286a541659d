"""Where the members of a shape travel: one file for each way of using HTTP, knowing nothing of how bytes look."""

from typing import Any, Protocol

from lambent.wire.http import Request, Response
from lambent.wire.query import Query


class Reader(Protocol):
    """Takes an operation's parameters out of a request; compiled once for each operation."""

    def __call__(self, request: Request, labels: list[str], query: Query) -> dict[str, Any]: ...


class Writer(Protocol):
    """Puts an operation's result into a response; compiled once for each operation."""

    def __call__(self, result: dict[str, Any], request_id: str) -> Response: ...
