"""Streamed answers over a real socket pair, with the test as the runtime: honest, cut into pieces, or hostile."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_channel import META, RESULT, TOKEN, Guest, frame, turns

from lambent.sandbox import channel
from lambent.sandbox.link import LinkClosed, Reply
from lambent.sandbox.stream_frames import CHUNK, END, LARGEST_CHUNK
from lambent.sandbox.streamed import HIGH, Flow

END_WELL = frame(END)


def chunk(data: bytes, meta: bytes = b"") -> bytes:
    return frame(CHUNK, meta, data)


@pytest.fixture
async def guest() -> AsyncIterator[Guest]:
    guest = await Guest.start()
    yield guest
    guest.close()
    await turns()


def stream(guest: Guest, flow: Flow) -> "asyncio.Task[Reply]":
    return asyncio.ensure_future(guest.link.stream(TOKEN, META, b"{}", flow))


async def filled(flow: Flow) -> None:
    while flow.size < HIGH:  # noqa: ASYNC110 - a flow tells nobody but its client
        await asyncio.sleep(0)


async def everything(flow: Flow) -> bytes:
    flow.close()
    said = b""
    while (piece := await flow.next()) is not None:
        said += piece
    return said


async def test_chunks_are_heard_as_they_come_and_the_end_when_it_comes(guest: Guest) -> None:
    flow = Flow()
    call = stream(guest, flow)
    await guest.hear()
    await guest.say(chunk(b"one ", b'{"content_type":"text/plain"}'))
    await flow.first()
    assert (flow.content_type, await flow.next()) == ("text/plain", b"one ")
    assert not call.done()
    await guest.say(chunk(b"two") + END_WELL)
    assert await call == Reply(b"")
    assert await everything(flow) == b"two"


async def test_a_stream_that_fails_is_replied_with_its_error_document(guest: Guest) -> None:
    flow = Flow()
    call = stream(guest, flow)
    await guest.hear()
    await guest.say(chunk(b"begun") + frame(END, b'{"type":"ValueError","last":true}', b'{"errorMessage":"x"}'))
    assert await call == Reply(b'{"errorMessage":"x"}', "ValueError", True)
    assert await everything(flow) == b"begun"


async def test_who_asked_for_no_stream_gets_one_answer(guest: Guest) -> None:
    for _ in range(2):
        call = guest.invoke()
        await guest.hear()
        await guest.say(chunk(b"one "), chunk(b"two"), END_WELL)
        assert await call == Reply(b"one two")
    call = guest.invoke()
    await guest.hear()
    await guest.say(RESULT)
    assert (await call).payload == b'{"ok": true}'


async def test_a_runtime_that_does_not_stream_answers_who_asked_for_a_stream(guest: Guest) -> None:
    flow = Flow()
    call = stream(guest, flow)
    await guest.hear()
    await guest.say(RESULT)
    assert await call == Reply(b'{"ok": true}')
    assert not flow.begun


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8), st.lists(st.integers(1, 60), max_size=80))
async def test_however_a_stream_is_cut_into_pieces_it_is_heard_whole(pieces: list[bytes], cuts: list[int]) -> None:
    guest = await Guest.start()
    flow = Flow()
    call = stream(guest, flow)
    await guest.hear()
    data = b"".join(chunk(piece) for piece in pieces) + END_WELL
    for size in cuts:
        await guest.say(data[:size])
        data = data[size:]
    await guest.say(data)
    assert await call == Reply(b"")
    assert await everything(flow) == b"".join(pieces)
    guest.close()
    await turns()


@pytest.mark.parametrize(
    "said",
    [
        chunk(b"a") + frame(CHUNK, b"", b"b", bytes(16)),
        chunk(b"a") + frame(END, token=bytes(range(1, 17))),
        chunk(b"a") + RESULT,
        chunk(b"a") + frame(channel.ERROR, b'{"type":"X"}', b"{}"),
        chunk(b"a") + END_WELL + END_WELL,
        chunk(b"a") + END_WELL + RESULT,
        chunk(b"a") + b"garbage that is long enough to be a header",
        channel.HEADER.pack(CHUNK, 0, LARGEST_CHUNK + 1, TOKEN),
        channel.HEADER.pack(CHUNK, 1 << 31, 0, TOKEN),
        frame(CHUNK, b"", b"a", bytes(16)),
        END_WELL,
    ],
)
async def test_garbage_within_a_stream_ends_the_link(guest: Guest, said: bytes) -> None:
    call = stream(guest, Flow())
    await guest.hear()
    await guest.say(said)
    with pytest.raises(LinkClosed):
        await asyncio.wait_for(call, 10)
    assert guest.link.closed


async def test_a_chunk_behind_the_end_is_no_answer_to_the_next_invocation(guest: Guest) -> None:
    call = stream(guest, Flow())
    await guest.hear()
    await guest.say(chunk(b"a"), END_WELL)
    await call
    await guest.say(chunk(b"late"))
    assert guest.link.closed


async def test_a_runtime_that_goes_away_within_a_stream_is_noticed(guest: Guest) -> None:
    flow = Flow()
    call = stream(guest, flow)
    await guest.hear()
    await guest.say(chunk(b"begun"))
    guest.sock.close()
    with pytest.raises(LinkClosed):
        await asyncio.wait_for(call, 10)
    assert await everything(flow) == b"begun"


async def test_a_runtime_waits_when_nobody_takes_what_it_says(guest: Guest) -> None:
    flow = Flow()
    call = stream(guest, flow)
    await guest.hear()
    much = chunk(b"x" * 100_000) * 100 + END_WELL
    saying = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(guest.sock, much))
    await filled(flow)
    await turns(100)
    assert flow.size < 3 * HIGH
    assert not saying.done()
    taken = 0
    while taken < 100 * 100_000:
        taken += len(await flow.next() or b"")
    assert await call == Reply(b"")
    await saying


async def test_who_is_held_can_be_ended_all_the_same(guest: Guest) -> None:
    flow = Flow()
    call = stream(guest, flow)
    await guest.hear()
    saying = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(guest.sock, chunk(b"x" * 100_000) * 100))
    await filled(flow)
    guest.link.close()
    with pytest.raises(LinkClosed):
        await call
    await asyncio.gather(saying, return_exceptions=True)
    flow.leave()
