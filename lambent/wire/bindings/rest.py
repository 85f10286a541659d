"""REST: members in the path, the query, headers, the status, and the rest in the body or in one payload member."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from lambent.errors import LambentError
from lambent.wire import eventstream
from lambent.wire.bindings import Reader, Writer
from lambent.wire.faults import malformed
from lambent.wire.formats import Convert, Format, text
from lambent.wire.formats.tree import in_body
from lambent.wire.http import Request, Response
from lambent.wire.query import Query, parse
from lambent.wire.shapes import OperationModel, Shape


class Bound(NamedTuple):
    """A member that travels outside the body: its name, the name on the wire, and how to convert it."""

    member: str
    wire: str
    convert: Convert


def reader(operation: OperationModel, form: Format) -> Reader:
    """Compiles the way from a request to the operation's parameters."""
    shape = operation.input
    if shape is None:
        return lambda request, labels, query: {}
    by_label = {bound.wire: bound for bound in _at(shape, "uri", text.decoder)}
    path = [(by_label[name].member, by_label[name].convert) for name in re.findall(r"\{([^}+]+)\+?\}", operation.uri)]
    fixed = parse(operation.uri.partition("?")[2])
    from_query = _query_reader(shape, frozenset(fixed))
    from_headers = _header_reader(shape)
    from_body = _body_reader(shape, form)

    def read(request: Request, labels: list[str], query: Query) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        for number, (member, convert) in enumerate(path):
            parameters[member] = convert(labels[number])
        if query:
            from_query(query, parameters)
        from_headers(request.headers, parameters)
        if request.body:
            from_body(request.body, parameters)
        return parameters

    return read


def _at(shape: Shape, location: str, convert: Callable[[Shape], Convert]) -> list[Bound]:
    return [
        Bound(name, ref.wire_name(name), convert(ref))
        for name, ref in shape.members.items()
        if ref.traits.get("location") == location
    ]


def _query_reader(shape: Shape, fixed: frozenset[str]) -> Callable[[Query, dict[str, Any]], None]:
    bound = _at(shape, "querystring", _query_decoder)
    rest = [each for each in bound if shape.members[each.member].type == "map"]
    single = [each for each in bound if each not in rest]
    known = {each.wire for each in single} | fixed

    def read(query: Query, parameters: dict[str, Any]) -> None:
        for member, wire, convert in single:
            values = query.get(wire)
            if values is not None:
                parameters[member] = convert(values)
        for member, _, convert in rest:
            others = {name: values for name, values in query.items() if name not in known}
            if others:
                parameters[member] = convert(others)

    return read


def _query_decoder(shape: Shape) -> Convert:
    if shape.type == "list":
        item = text.decoder(shape.member)
        return lambda values: [item(value) for value in values]
    if shape.type == "map":
        many = shape.value.type == "list"
        return lambda others: {name: values if many else values[0] for name, values in others.items()}
    single = text.decoder(shape)
    return lambda values: single(values[0])


def _header_reader(shape: Shape) -> Callable[[dict[str, str], dict[str, Any]], None]:
    bound = [(member, wire.lower(), convert) for member, wire, convert in _at(shape, "header", _header_decoder)]
    prefixes = [(each.member, each.wire.lower()) for each in _at(shape, "headers", lambda ref: str)]

    def read(headers: dict[str, str], parameters: dict[str, Any]) -> None:
        for member, wire, convert in bound:
            if wire in headers:
                parameters[member] = convert(headers[wire])
        for member, prefix in prefixes:
            found = {name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)}
            if found:
                parameters[member] = found

    return read


def _header_decoder(shape: Shape) -> Convert:
    return text.header_list_decoder(shape) if shape.type == "list" else text.decoder(shape)


def _body_reader(shape: Shape, form: Format) -> Callable[[bytes, dict[str, Any]], None]:
    payload = shape.traits.get("payload")
    if payload is None:
        return _whole_body_reader(shape, form)
    convert = _payload_decoder(shape.members[payload], form)

    def read(body: bytes, parameters: dict[str, Any]) -> None:
        parameters[payload] = convert(body)

    return read


def _whole_body_reader(shape: Shape, form: Format) -> Callable[[bytes, dict[str, Any]], None]:
    if not in_body(shape):
        return lambda body, parameters: None
    load, decode = form.load, form.decoder(shape)
    return lambda body, parameters: parameters.update(decode(load(body)))


def _payload_decoder(shape: Shape, form: Format) -> Convert:
    if shape.type == "blob":
        return lambda body: body
    if shape.type == "string":
        return _utf8
    if shape.traits.get("eventstream"):
        return lambda body: body
    load, decode = form.load, form.payload(shape)
    return lambda body: decode(load(body))


def _utf8(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise malformed("The body is not valid UTF-8") from None


def writer(operation: OperationModel, form: Format, id_headers: tuple[str, ...], blob_type: str, root: str) -> Writer:
    """Compiles the way from the operation's result to a response."""
    write = parts_writer(operation.output, form, blob_type, root)
    default_status = operation.success_status
    bodiless = operation.method == "HEAD"

    def respond(result: dict[str, Any], request_id: str) -> Response:
        headers = [(name, request_id) for name in id_headers]
        status, body = write(result, headers)
        status = status or default_status
        if bodiless or status == 204:
            body = b""
        return Response(status, headers, body)

    return respond


PartsWriter = Callable[[dict[str, Any], list[tuple[str, str]]], tuple[int, Any]]


def parts_writer(shape: Shape | None, form: Format, blob_type: str, root: str) -> PartsWriter:
    """Compiles a function that adds a result's headers to a list and returns the status (0: none bound) and body."""
    if shape is None:
        return lambda result, headers: (0, b"")
    places = {name: _place(name, ref) for name, ref in shape.members.items()}
    write_body = _body_writer(shape, form, blob_type, root)

    def write(result: dict[str, Any], headers: list[tuple[str, str]]) -> tuple[int, Any]:
        status, in_the_body = 0, {}
        for name, value in result.items():
            if value is None:
                continue
            place, wire, convert = places.get(name) or _no_member(shape, name)
            if place == "header":
                headers.append((wire, convert(value)))
            elif place == "body":
                in_the_body[name] = value
            elif place == "status":
                status = value
            else:
                headers.extend((wire + key, item) for key, item in value.items())
        return status, write_body(in_the_body, headers)

    return write


def _no_member(shape: Shape, name: str) -> tuple[str, str, Convert]:
    raise LambentError(f"the shape {shape.name} has no member {name!r}; it has: {', '.join(shape.members)}")


def _place(name: str, ref: Shape) -> tuple[str, str, Convert]:
    location = ref.traits.get("location")
    if location == "header":
        convert = text.header_list_encoder(ref) if ref.type == "list" else text.encoder(ref, "rfc822")
        return "header", ref.wire_name(name), convert
    if location == "headers":
        return "headers", ref.wire_name(""), str
    return ("status" if location == "statusCode" else "body"), name, str


BodyWriter = Callable[[dict[str, Any], list[tuple[str, str]]], Any]


def _body_writer(shape: Shape, form: Format, blob_type: str, root: str) -> BodyWriter:
    payload = shape.traits.get("payload")
    if payload is None:
        return _whole_body_writer(shape, form, root)
    ref = shape.members[payload]
    if ref.traits.get("eventstream"):
        return _event_writer(payload, eventstream.Events(ref, form))
    if ref.type in ("blob", "string"):
        return _raw_writer(payload, blob_type if ref.type == "blob" else "text/plain", own_type=_has_type_header(shape))
    encode = form.encode_body(ref, ref.wire_name(ref.name))

    def write(values: dict[str, Any], headers: list[tuple[str, str]]) -> Any:
        if payload not in values:
            return b""
        headers.append(("Content-Type", form.content_type))
        return encode(values[payload])

    return write


def _whole_body_writer(shape: Shape, form: Format, root: str) -> BodyWriter:
    if not in_body(shape):
        return lambda values, headers: b""
    encode = form.encode_body(shape, root)

    def write(values: dict[str, Any], headers: list[tuple[str, str]]) -> bytes:
        headers.append(("Content-Type", form.content_type))
        return encode(values)

    return write


def _has_type_header(shape: Shape) -> bool:
    """Whether a result may bring a Content-Type of its own, as S3's objects do."""
    members = shape.members.items()
    return any(r.traits.get("location") == "header" and r.wire_name(n).lower() == "content-type" for n, r in members)


def _raw_writer(payload: str, content_type: str, *, own_type: bool) -> BodyWriter:
    def write(values: dict[str, Any], headers: list[tuple[str, str]]) -> Any:
        body = values.get(payload, b"")
        if not own_type or not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content_type))
        return body.encode() if isinstance(body, str) else body

    return write


def _event_writer(payload: str, events: eventstream.Events) -> BodyWriter:
    def write(values: dict[str, Any], headers: list[tuple[str, str]]) -> Any:
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", eventstream.CONTENT_TYPE))
        return events.stream(values.get(payload))

    return write
