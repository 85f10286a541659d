"""Every operation of every service that we serve, against botocore as the oracle, in every protocol of the service."""

from collections.abc import Sequence
from typing import Any

import pytest
import wire_exceptions as exceptions
import wire_oracle as oracle
from botocore.model import OperationModel, ServiceModel
from wire_counts import COUNTS
from wire_samples import Samples

from lambent.errors import AwsError
from lambent.wire.http import Request
from lambent.wire.parse import Call, Wire
from lambent.wire.services import profile

pytestmark = pytest.mark.parametrize(("service", "protocol"), oracle.PAIRS)


def samples(kind: str, operation: OperationModel, protocol: str) -> Samples:
    return Samples(f"{kind} {operation.name}", empty_structures=protocol != "query")


def a_request(wire: Wire, model: ServiceModel, name: str, protocol: str) -> tuple[dict[str, Any], Call]:
    """The parameters that botocore sent, and what we read."""
    operation = model.operation_model(name)
    shape = operation.input_shape
    sent = samples("request", operation, protocol).structure(shape) if shape else {}
    request = oracle.request(operation, protocol, sent, profile(model.service_name).scope)
    return sent, wire.parse(request)


def test_every_request_of_botocore_is_read_as_it_was_meant(service: str, protocol: str) -> None:
    wire, model = oracle.lenient_wire(), oracle.load(service, protocol)
    wrong = {}
    for name in model.operation_names:
        try:
            sent, call = a_request(wire, model, name, protocol)
        except Exception as error:
            wrong[name] = repr(error)
            continue
        if (call.service, call.operation, call.handle.protocol) != (service, name, protocol):
            wrong[name] = f"taken for {call.service} {call.operation} in {call.handle.protocol}"
        elif call.parameters != sent:
            wrong[name] = f"{call.parameters} != {sent}"
    check("requests", (service, protocol), wrong, exceptions.REQUESTS, model.operation_names)


async def test_botocore_reads_every_result_as_it_was_meant(service: str, protocol: str) -> None:
    wire, model = oracle.lenient_wire(), oracle.load(service, protocol)
    wrong = {}
    for name in model.operation_names:
        try:
            ours, theirs = await a_result(wire, model, name, protocol)
        except Exception as error:
            wrong[name] = repr(error)
            continue
        if ours != theirs:
            wrong[name] = f"{theirs} != {ours}"
    check("results", (service, protocol), wrong, exceptions.RESULTS, model.operation_names)


async def a_result(wire: Wire, model: ServiceModel, name: str, protocol: str) -> tuple[Any, Any]:
    """The result that we sent, and what botocore read."""
    operation = model.operation_model(name)
    shape = operation.output_shape
    result = samples("result", operation, protocol).structure(shape) if shape else {}
    call = a_call(wire, model.service_name, name, protocol)
    events = None
    if operation.has_event_stream_output:
        stream = operation.get_event_stream_output()
        member = next(n for n, ref in shape.members.items() if ref.serialization.get("eventstream"))
        events = some_events(stream, Samples(name, empty_structures=True))
        response = wire.render(call, {**result, member: each(events)})
    else:
        response = wire.render(call, result)
    read = await oracle.parsed(operation, protocol, response, shape)
    if events is not None:
        read[member] = list(read[member])
        result[member] = [{name: value} for name, value in events]
    return result, {name: comparable(value) for name, value in read.items()}


def a_call(wire: Wire, service: str, name: str, protocol: str) -> Call:
    handle = wire.service(service).operation(name, protocol)
    return Call(service, name, {}, Request("POST", "/", "", {}, b""), "the-request-id", "", "", "", handle)


def some_events(stream: Any, values: Samples) -> list[tuple[str, dict[str, Any]]]:
    kinds = {name: ref for name, ref in stream.members.items() if not ref.metadata.get("exception")}
    return [(name, values.structure(ref)) for name, ref in kinds.items()]


async def each(events: list[tuple[str, Any]]) -> Any:
    for event in events:
        yield event


def comparable(value: Any) -> Any:
    return value.read() if isinstance(value, oracle.Streamed) else value


async def test_botocore_reads_every_error_as_it_was_meant(service: str, protocol: str) -> None:
    wire, model = oracle.lenient_wire(), oracle.load(service, protocol)
    wrong = {}
    names = [shape.name for shape in model.error_shapes]
    for name in names:
        try:
            await an_error(wire, model, name, protocol)
        except (AssertionError, AttributeError, KeyError, ValueError) as error:
            wrong[name] = repr(error)
    check("errors", (service, protocol), wrong, exceptions.ERRORS, names)


async def an_error(wire: Wire, model: ServiceModel, name: str, protocol: str) -> None:
    """Raises AssertionError when botocore reads another error than the one that we sent."""
    shape = model.shape_for(name)
    hidden = frozenset(member for member in shape.members if member.lower() in ("message", "type"))
    members = Samples(name, empty_structures=protocol != "query").structure(shape, without=hidden)
    operation = model.operation_model(model.operation_names[0])
    error = AwsError("the <message>", code=name, **members)
    response = wire.render_error(a_call(wire, model.service_name, operation.name, protocol), error, "the-id")
    said = (await oracle.parsed(operation, protocol, response, operation.output_shape))["Error"]
    assert said["Code"] == expected_code(model, shape, protocol)
    assert said["Message"] == "the <message>"
    assert response.status == oracle.error_status(model.service_name, name)
    read = await oracle.parsed(operation, protocol, response, shape)
    assert {key: value for key, value in read.items() if key not in hidden} == members


def expected_code(model: ServiceModel, shape: Any, protocol: str) -> str:
    """The shape's name in JSON and CBOR; in the others, and where a header translates it, the older code."""
    codes = profile(model.service_name).query_codes
    older = "awsQueryCompatible" in model.metadata or protocol in ("query", "rest-xml")
    return str(codes.get(shape.name, shape.error_code) if older else shape.name)


def check(
    what: str,
    pair: tuple[str, str],
    wrong: dict[str, str],
    table: dict[tuple[str, str], dict[str, str]],
    names: Sequence[str],
) -> None:
    """Fails for whatever is wrong and not excepted, and for whatever is excepted and not wrong."""
    excepted = table.get(pair, {})
    COUNTS.add(pair, what, len(names) - len(wrong), len(names))
    # One long text: pytest's own comparison of such dicts can take minutes.
    unexpected = [f"{name}: {why[:2000]}" for name, why in wrong.items() if name not in excepted]
    assert not unexpected, "\n".join(unexpected)
    assert [name for name in excepted if name not in wrong] == [], "these pass: take them out of the table"
