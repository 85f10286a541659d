"""A stream between a runtime and a client: order, bounds, who waits for whom, and how it ends."""

import asyncio
import json

import pytest

from lambent.sandbox.link import Reply
from lambent.sandbox.streamed import HIGH, LOW, PIECE, Flow, Gathered


class Source:
    """A runtime's connection that only remembers whether it is held."""

    def __init__(self) -> None:
        self.held = False
        self.told: list[str] = []

    def hold(self) -> None:
        self.held = True
        self.told.append("hold")

    def go_on(self) -> None:
        self.held = False
        self.told.append("go on")


def begun(limit: int = 1 << 30) -> tuple[Flow, Source]:
    flow, source = Flow(limit), Source()
    flow.begin("text/plain", source)
    return flow, source


async def rest(flow: Flow) -> bytes:
    pieces = []
    while (piece := await flow.next()) is not None:
        pieces.append(piece)
    return b"".join(pieces)


async def test_pieces_come_in_order_and_then_the_end():
    flow, _ = begun()
    flow.put(b"one ")
    assert await flow.next() == b"one "
    waiting = asyncio.ensure_future(rest(flow))
    await asyncio.sleep(0)
    flow.put(b"two ")
    flow.put(b"three")
    flow.end()
    assert not waiting.done()
    flow.close()
    assert await waiting == b"two three"
    assert flow.size == 13


async def test_small_pieces_that_wait_are_passed_on_together_and_large_ones_apart():
    flow, _ = begun()
    for _ in range(10):
        flow.put(b"x" * (PIECE // 4))
    flow.put(b"y" * (PIECE + 1))
    flow.close()
    sizes = []
    while (piece := await flow.next()) is not None:
        sizes.append(len(piece))
    assert sizes == [PIECE, PIECE, PIECE // 2, PIECE, 1]


async def test_a_runtime_is_held_while_the_client_takes_nothing_and_goes_on_when_it_has_taken_enough():
    flow, source = begun()
    while not source.held:
        flow.put(b"x" * 10_000)
    assert HIGH <= flow.size < HIGH + 10_000
    taken = 0
    while source.held:
        taken += len(await flow.next() or b"")
    assert flow.size - taken <= LOW
    assert source.told == ["hold", "go on"]


async def test_a_runtime_that_has_ended_is_let_go_and_never_told_again():
    flow, source = begun()
    flow.put(b"x" * HIGH)
    flow.end()
    flow.close()
    assert source.told == ["hold", "go on"]
    assert len(await rest(flow)) == HIGH
    assert source.told == ["hold", "go on"]


async def test_when_the_client_has_left_the_rest_is_only_counted():
    flow, source = begun()
    flow.put(b"x" * HIGH)
    flow.leave()
    assert not source.held
    for _ in range(100):
        flow.put(b"x" * HIGH)
    assert not source.held
    assert flow.size == 101 * HIGH
    flow.close()
    assert await flow.next() is None


async def test_who_waits_for_the_beginning_hears_of_an_end_without_one():
    flow = Flow()
    waiting = asyncio.ensure_future(flow.first())
    await asyncio.sleep(0)
    assert not waiting.done()
    flow.close()
    await waiting
    assert not flow.begun


async def test_a_stream_ends_at_its_limit_with_the_error_that_says_so():
    flow, _ = begun(limit=10)
    flow.put(b"123456")
    flow.put(b"789012")
    flow.put(b"345678")
    flow.close()
    assert await rest(flow) == b"1234567890"
    reply = flow.reply(b"", None)
    assert reply.error_type == "Function.ResponseSizeTooLarge"
    assert json.loads(reply.payload)["errorMessage"] == (
        "Response payload size (18 bytes) exceeded maximum allowed payload size (10 bytes)."
    )


async def test_what_a_function_says_of_its_failure_stands():
    flow, _ = begun()
    assert flow.reply(b"", None) == Reply(b"")
    assert flow.reply(b"{}", "Boom", last=True) == Reply(b"{}", "Boom", True)


@pytest.mark.parametrize("given", ["", "text\r\nX-Forged: 1", "é", " text/plain", "x" * 300])
async def test_a_content_type_that_no_header_can_carry_is_none(given):
    flow = Flow()
    flow.begin(given, Source())
    assert flow.content_type == ""


async def test_a_gathered_stream_is_one_answer_or_too_large_a_one():
    gathered = Gathered(limit=10)
    gathered.put(b"12345")
    gathered.put(b"67890")
    assert gathered.reply(b"", None) == Reply(b"1234567890")
    assert gathered.reply(b"{}", "Boom") == Reply(b"{}", "Boom")
    gathered.put(b"x")
    assert gathered.reply(b"", None).error_type == "Function.ResponseSizeTooLarge"
