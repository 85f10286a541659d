"""Frames over a real socket pair, with the test as the runtime: honest, cut into pieces, or hostile."""

import asyncio
import itertools
import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.sandbox import channel
from lambent.sandbox.channel import ChannelLink
from lambent.sandbox.link import InitDone, InitSpec, LinkClosed, Reply

TOKEN = bytes(range(16))
NO_TOKEN = bytes(16)
META = {"id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "deadline": 1_700_000_000_000}


def frame(kind: int, meta: bytes = b"", body: bytes = b"", token: bytes = TOKEN) -> bytes:
    return channel.HEADER.pack(kind, len(meta), len(body), token) + meta + body


RESULT = frame(channel.RESULT, b"", b'{"ok": true}')


class Guest:
    """The runtime's end of the channel."""

    def __init__(self, link: ChannelLink, sock: socket.socket) -> None:
        self.link = link
        self.sock = sock

    @classmethod
    async def start(cls, told: InitSpec | None = None) -> "Guest":
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        return cls(await ChannelLink.open(ours, told), theirs)

    async def hear(self) -> tuple[int, dict, bytes, bytes]:
        """One frame: kind, meta, body and token."""
        header = await self._read(channel.HEADER.size)
        kind, meta, body, token = channel.HEADER.unpack(header)
        return kind, json.loads(await self._read(meta)), await self._read(body), token

    async def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += await asyncio.get_running_loop().sock_recv(self.sock, size - len(data))
        return data

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            await asyncio.get_running_loop().sock_sendall(self.sock, piece)
            await turns(3)

    def invoke(self, payload: bytes = b"{}", token: bytes = TOKEN) -> asyncio.Task[Reply]:
        return asyncio.ensure_future(self.link.invoke(token, META, payload))

    def close(self) -> None:
        self.link.close()
        self.sock.close()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def guest():
    guest = await Guest.start()
    yield guest
    guest.close()
    await turns()


async def test_an_invocation_is_told_with_its_token_and_answered_with_its_result(guest):
    call = guest.invoke(b'{"name": "Ada"}')
    assert await guest.hear() == (channel.INVOKE, META, b'{"name": "Ada"}', TOKEN)
    await guest.say(RESULT)
    assert await call == Reply(b'{"ok": true}')
    assert not guest.link.closed


async def test_init_hands_over_everything_and_is_over_when_the_runtime_is_ready(guest):
    spec = InitSpec(environ={"TZ": ":UTC"}, handler="app.handler", log_format="JSON", log_level="INFO")
    init = asyncio.ensure_future(guest.link.init(spec))
    kind, meta, _, token = await guest.hear()
    assert (kind, token) == (channel.INIT, NO_TOKEN)
    assert meta == {
        "environ": {"TZ": ":UTC"},
        "handler": "app.handler",
        "task_root": "/var/task",
        "opt": "/opt",
        "log_format": "JSON",
        "log_level": "INFO",
        "extensions": [],
        "extension_environ": {},
        "exec_wrapper": None,
        "command": [],
        "working_directory": "",
    }
    await guest.say(frame(channel.READY, b"{}", b"", NO_TOKEN))
    assert await init == InitDone()


async def test_a_runtime_that_is_gone_before_it_is_told_anything_is_missed_by_init_only():
    """It ended while it was parked: its end is the function's error, told by whoever hears how it ended."""
    spec = InitSpec(environ={}, handler="app.handler")
    ours, theirs = socket.socketpair()
    theirs.close()
    link = await ChannelLink.open(ours, spec)
    with pytest.raises(LinkClosed):
        await link.init(spec)
    assert link.closed
    link.close()


async def test_a_runtime_can_be_told_what_to_become_before_anybody_waits_for_it():
    spec = InitSpec(environ={}, handler="app.handler")
    guest = await Guest.start(told=spec)
    assert (await guest.hear())[0] == channel.INIT
    await guest.say(frame(channel.READY, b"{}", b"", NO_TOKEN))
    assert await guest.link.init(spec) == InitDone()
    call = guest.invoke()
    assert (await guest.hear())[0] == channel.INVOKE
    await guest.say(RESULT)
    assert (await call).payload == b'{"ok": true}'
    guest.link.close()
    guest.sock.close()


async def test_a_failed_init_is_told_with_its_type_and_its_document(guest):
    init = asyncio.ensure_future(guest.link.init(InitSpec(environ={}, handler="app.handler")))
    await guest.say(
        frame(channel.INIT_ERROR, b'{"type": "Runtime.InvalidEntrypoint"}', b'{"errorMessage": "x"}', NO_TOKEN)
    )
    assert await init == InitDone("Runtime.InvalidEntrypoint", b'{"errorMessage": "x"}')


@pytest.mark.parametrize(
    ("meta", "kind"),
    [
        (b'{"type": "ValueError"}', "ValueError"),
        (b"{}", "Runtime.Unknown"),
        (b'{"type": ""}', "Runtime.Unknown"),  # an error without a name must not pass for an answer
        (b'{"type": null}', "Runtime.Unknown"),
        (b"no json", "Runtime.Unknown"),
        (b"[1]", "Runtime.Unknown"),
        (b"", "Runtime.Unknown"),
    ],
)
async def test_an_error_is_an_error_whatever_its_meta_says(guest, meta, kind):
    call = guest.invoke()
    await guest.say(frame(channel.ERROR, meta, b'{"errorMessage": "boom"}'))
    assert await call == Reply(b'{"errorMessage": "boom"}', kind)


@pytest.mark.parametrize("cut", range(1, len(RESULT)))
async def test_an_answer_cut_in_two_at_any_byte_is_the_same_answer(guest, cut):
    call = guest.invoke()
    await guest.say(RESULT[:cut], RESULT[cut:])
    assert await call == Reply(b'{"ok": true}')
    again = guest.invoke(token=NO_TOKEN[:-1] + b"\x01")
    await guest.say(frame(channel.RESULT, b"", b"2", NO_TOKEN[:-1] + b"\x01"))
    assert await again == Reply(b"2")


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=200), meta=st.binary(max_size=50), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_an_answer_in_any_pieces_is_the_same_answer(body, meta, cuts):
    data = frame(channel.RESULT, meta, body)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]

    async def exchange() -> Reply:
        guest = await Guest.start()
        try:
            call = guest.invoke()
            await guest.say(*(data[start:end] for start, end in itertools.pairwise(places) if end > start))
            return await call
        finally:
            guest.close()
            await turns()

    assert asyncio.run(exchange()) == Reply(body)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(min_size=1, max_size=120))
def test_noise_never_becomes_an_answer(data):
    async def exchange() -> str:
        guest = await Guest.start()
        try:
            call = guest.invoke()
            await guest.say(data)
            guest.sock.close()
            with pytest.raises(LinkClosed) as caught:
                await call
            return str(caught.value)
        finally:
            guest.close()
            await turns()

    assert asyncio.run(exchange())


async def refused(guest: Guest, call: asyncio.Task[Reply], why: str) -> None:
    with pytest.raises(LinkClosed, match=why):
        await call
    assert guest.link.closed
    with pytest.raises(LinkClosed, match="the runtime is gone"):
        await guest.link.invoke(TOKEN, META, b"{}")


async def test_an_answer_with_another_token_is_no_answer(guest):
    call = guest.invoke()
    await guest.say(frame(channel.RESULT, b"", b'"forged"', bytes(16)))
    await refused(guest, call, "answers no invocation")


async def test_a_wrong_token_is_seen_before_the_rest_of_the_frame_comes(guest):
    forged = frame(channel.RESULT, b"", b"x" * 100, bytes(16))
    call = guest.invoke()
    await guest.say(forged[:10], forged[10:28])
    await refused(guest, call, "answers no invocation")


async def test_two_answers_at_once_are_none(guest):
    call = guest.invoke()
    await guest.say(RESULT + RESULT)
    await refused(guest, call, "more than one answer")


async def test_a_byte_behind_the_answer_is_too_much(guest):
    call = guest.invoke()
    await guest.say(RESULT + b"x")
    await refused(guest, call, "more than one answer")


async def test_a_second_answer_that_comes_later_ends_the_runtime_but_not_the_first_answer(guest):
    call = guest.invoke()
    await guest.say(RESULT)
    assert await call == Reply(b'{"ok": true}')
    await guest.say(frame(channel.RESULT, b"", b'"second"'))
    assert guest.link.closed


async def test_what_a_runtime_says_unasked_ends_it(guest):
    await guest.say(RESULT)
    assert guest.link.closed
    with pytest.raises(LinkClosed):
        await guest.link.invoke(TOKEN, META, b"{}")


@pytest.mark.parametrize(
    "header",
    [
        channel.HEADER.pack(channel.RESULT, 0, channel.LARGEST_BODY + 1, TOKEN),
        channel.HEADER.pack(channel.RESULT, channel.LARGEST_META + 1, 0, TOKEN),
        channel.HEADER.pack(channel.RESULT, 2**32 - 1, 2**32 - 1, TOKEN),
    ],
)
@pytest.mark.parametrize("cut", [0, 10])
async def test_an_answer_that_would_fill_memory_is_refused_by_its_header_alone(guest, header, cut):
    call = guest.invoke()
    await guest.say(*filter(None, (header[:cut], header[cut:])))
    await refused(guest, call, "answers no invocation")


@pytest.mark.parametrize("kind", [0, channel.INIT, channel.READY, channel.INIT_ERROR, 23, 255])
async def test_a_frame_of_the_wrong_type_is_no_answer(guest, kind):
    call = guest.invoke()
    await guest.say(frame(kind))
    await refused(guest, call, f"type {kind}")


async def test_a_runtime_that_closes_its_channel_ends_the_call(guest):
    call = guest.invoke()
    await guest.say(RESULT[:-1])
    guest.sock.close()
    await refused(guest, call, "closed its channel")


async def test_closing_ends_the_call_that_waits_and_tells_listeners_once(guest):
    heard = []
    guest.link.on_closed.append(lambda: heard.append("closed"))
    call = guest.invoke()
    await turns()
    guest.link.close()
    guest.link.close()
    await refused(guest, call, "channel was closed")
    assert heard == ["closed"]


async def test_six_megabytes_each_way_arrive_whole(guest):
    payload, answer = b"p" * 6_291_456, b"a" * 6_291_556
    call = guest.invoke(payload)
    _, _, body, _ = await guest.hear()
    assert body == payload
    await guest.say(frame(channel.RESULT, b"", answer))
    assert (await call).payload == answer


async def test_a_payload_that_the_kernel_takes_in_pieces_arrives_whole(guest):
    guest.link._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    payload = bytes(range(256)) * 250
    call = guest.invoke(payload)
    await turns()
    assert (await guest.hear())[2] == payload
    await guest.say(RESULT)
    assert await call == Reply(b'{"ok": true}')
