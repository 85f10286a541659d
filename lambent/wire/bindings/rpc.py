"""RPC: every member in the body, the operation's name in a header or the path (json, rpc-v2-cbor)."""

from typing import Any

from lambent.wire import eventstream
from lambent.wire.bindings import Reader, Writer
from lambent.wire.formats import Format
from lambent.wire.http import Request, Response
from lambent.wire.query import Query
from lambent.wire.shapes import OperationModel


def reader(operation: OperationModel, form: Format) -> Reader:
    """Compiles the way from a body to the operation's parameters."""
    if operation.input is None:
        return lambda request, labels, query: {}
    load, decode = form.load, form.decoder(operation.input)

    def read(request: Request, labels: list[str], query: Query) -> dict[str, Any]:
        parameters: dict[str, Any] = decode(load(request.body))
        return parameters

    return read


def writer(operation: OperationModel, form: Format, headers: list[tuple[str, str]]) -> Writer:
    """Compiles the way from the operation's result to a response."""
    if operation.output is None:
        return lambda result, request_id: Response(200, _headers(form, headers, request_id), b"")
    events = eventstream.member_of(operation.output)
    if events is not None:
        return _event_writer(operation, form, headers, events)
    encode = form.encode_body(operation.output, "")
    return lambda result, request_id: Response(200, _headers(form, headers, request_id), encode(result))


def _headers(form: Format, more: list[tuple[str, str]], request_id: str) -> list[tuple[str, str]]:
    return [("x-amzn-RequestId", request_id), ("Content-Type", form.content_type), *more]


def _event_writer(operation: OperationModel, form: Format, more: list[tuple[str, str]], member: str) -> Writer:
    """The members that are not events travel in a first frame, the initial response."""
    assert operation.output is not None
    encode = form.encode_body(operation.output, "")
    events = eventstream.Events(operation.output.members[member], form)

    def write(result: dict[str, Any], request_id: str) -> Response:
        rest = {name: value for name, value in result.items() if name != member}
        first = events.initial_response(encode(rest))
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", eventstream.CONTENT_TYPE), *more]
        return Response(200, headers, events.stream(result.get(member), first))

    return write
