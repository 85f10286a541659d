"""Frames of event streams, pagination tokens, and what is loaded when."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from lambent.errors import AwsError
from lambent.settings import Settings
from lambent.wire import markers
from lambent.wire.http import Request
from lambent.wire.parse import Wire

STREAM = Request("POST", "/2021-11-15/functions/f/response-streaming-invocations", "", {}, b"{}")


async def events() -> AsyncIterator[tuple[str, Any]]:
    yield "PayloadChunk", b"part one, "
    yield "PayloadChunk", {"Payload": b"part two"}
    yield "InvokeComplete", {"ErrorCode": "Unhandled", "LogResult": "bG9n"}


async def test_a_streamed_invocation_is_a_series_of_frames_that_botocore_reads() -> None:
    wire = Wire(Settings())
    response = wire.render(wire.parse(STREAM), {"StatusCode": 200, "ExecutedVersion": "1", "EventStream": events()})
    assert dict(response.headers)["Content-Type"] == "application/vnd.amazon.eventstream"
    assert not isinstance(response.body, bytes)
    buffer = EventStreamBuffer()
    async for piece in response.body:
        buffer.add_data(piece)
    frames = [(each.headers[":event-type"], each.headers[":content-type"], each.payload) for each in buffer]
    assert frames == [
        ("PayloadChunk", "application/octet-stream", b"part one, "),
        ("PayloadChunk", "application/octet-stream", b"part two"),
        ("InvokeComplete", "application/json", b'{"ErrorCode":"Unhandled","LogResult":"bG9n"}'),
    ]


def test_a_marker_comes_back_as_the_position_it_was_made_of() -> None:
    token = markers.seal("lambda:ListFunctions:1:us-east-1", ["a", "ü"])
    assert markers.unseal("lambda:ListFunctions:1:us-east-1", token) == ["a", "ü"]


def test_a_page_has_a_marker_if_there_is_more_and_the_next_one_begins_after_its_last() -> None:
    assert markers.more("one", ["a", "b"], 2, str) == {}
    assert markers.after("one", {}) == ""
    found = markers.more("one", ["a", "b", "c"], 2, str)
    assert markers.after("one", {"Marker": found["NextMarker"]}) == "b"
    with pytest.raises(AwsError, match="Invalid pagination token provided"):
        markers.after("two", {"Marker": found["NextMarker"]})


@pytest.mark.parametrize("change", ["", "x", "!", "another scope"])
def test_a_marker_that_was_tampered_with_is_refused(change: str) -> None:
    token = markers.seal("one", ["a"])
    scope = "two" if change == "another scope" else "one"
    with pytest.raises(AwsError) as caught:
        markers.unseal(scope, {"": "", "x": "x" + token[1:], "!": token + "!"}.get(change, token))
    assert caught.value.code == "InvalidParameterValueException"


def test_a_service_may_refuse_a_marker_in_its_own_words() -> None:
    with pytest.raises(AwsError, match="The specified nextToken is invalid"):
        markers.unseal(
            "a", "b", refuse=AwsError("The specified nextToken is invalid.", code="InvalidParameterException")
        )


def test_importing_wire_loads_neither_botocore_nor_a_model() -> None:
    script = "import sys, lambent.wire.parse; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


async def test_closing_the_frames_of_a_stream_closes_what_its_events_come_from() -> None:
    closed = []

    async def endless() -> AsyncIterator[tuple[str, Any]]:
        try:
            while True:
                yield "PayloadChunk", b"x"
        finally:
            closed.append(True)

    wire = Wire(Settings())
    response = wire.render(wire.parse(STREAM), {"StatusCode": 200, "EventStream": endless()})
    assert not isinstance(response.body, bytes)
    assert await anext(response.body)
    await response.body.aclose()  # type: ignore[attr-defined]
    assert closed == [True]
