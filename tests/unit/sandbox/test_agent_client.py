"""The front end's side of the node agent, with the test at the other end of the socket."""

import asyncio
import os
import select
import socket

import pytest
from sandbox_samples import hello

from lambent.errors import AgentGone, SandboxError
from lambent.sandbox import agent_client, protocol
from lambent.sandbox.agent_client import AgentClient
from lambent.sandbox.protocol import Assign, Assigned, Counts, Ended, Prepare, Prepared, Refused, Started, Stop


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Agent:
    """The other end, spoken by hand."""

    def __init__(self) -> None:
        ours, self.sock = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.sock.setblocking(False)
        self.times_gone = 0
        self.client = AgentClient(ours, hello(), self._gone)
        self.ends: list[Ended] = []

    def _gone(self) -> None:
        self.times_gone += 1

    def hear(self) -> protocol.Order:
        return protocol.order(self.sock.recv(protocol.LARGEST))

    def say(self, message: protocol.Answer, fds: list[int] | None = None) -> None:
        protocol.send(self.sock, message, fds)

    def assign(self) -> asyncio.Task[agent_client.Given]:
        wish = self.client.assign(lambda ask: Assign(ask, "python3.13", "/code", (), 128, 512), self.ends.append)
        return asyncio.ensure_future(wish)

    def close(self) -> None:
        self.client.close()
        self.sock.close()


@pytest.fixture
async def agent():
    agent = Agent()
    yield agent
    agent.close()


@pytest.fixture
def pipe():
    """A pipe whose write end is given away: it reads as ended when the last copy is closed."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    os.close(read)


def is_open(read: int) -> bool:
    """Whether somebody still holds the write end."""
    try:
        return os.read(read, 1) != b""
    except BlockingIOError:
        return True


async def test_an_order_is_answered_by_the_answer_with_its_number(agent):
    first = asyncio.ensure_future(agent.client.prepare("python3.13", 4))
    second = asyncio.ensure_future(agent.client.counts())
    await turns()
    assert agent.hear() == Prepare(1, "python3.13", 4)
    assert agent.hear() == protocol.Ask(2)
    agent.say(Counts(2, {"python3.13": 4}, 7))
    agent.say(Prepared(1))
    assert (await second).sandboxes == 7
    assert await first is None


async def test_what_the_agent_refuses_is_raised_in_its_words(agent):
    prepare = asyncio.ensure_future(agent.client.prepare("python3.13", 4))
    assign = agent.assign()
    await turns()
    agent.say(Prepared(1, "no such interpreter"))
    agent.say(Refused(2, "no room"))
    with pytest.raises(SandboxError, match="no such interpreter"):
        await prepare
    with pytest.raises(SandboxError, match="no room"):
        await assign


async def test_an_assigned_husk_comes_with_its_descriptors(agent, pipe):
    read, write = pipe
    wish = agent.assign()
    await turns()
    assert agent.hear() == Assign(1, "python3.13", "/code", (), 128, 512)
    agent.say(Assigned(1, "h1", ("log",)), [write])
    os.close(write)
    given = await wish
    os.write(given.fds["log"], b"x")
    assert os.read(read, 1) == b"x"
    assert not os.get_inheritable(given.fds["log"])
    os.close(given.fds["log"])


async def test_the_end_of_a_sandbox_is_told_once(agent):
    wish = agent.assign()
    await turns()
    agent.say(Assigned(1, "h1", ()))
    await wish
    agent.say(Ended("h1", 9, True))
    agent.say(Ended("h1", 9, True))
    agent.say(Ended("unknown", None, False))
    await turns()
    assert agent.ends == [Ended("h1", 9, True)]


async def test_an_end_that_comes_right_behind_the_assignment_is_not_lost(agent):
    wish = agent.assign()
    await turns()
    agent.say(Assigned(1, "h1", ()))
    agent.say(Ended("h1", 256, False))  # both are there before whoever asked gets a turn
    await wish
    await turns()
    assert agent.ends == [Ended("h1", 256, False)]


async def test_what_is_assigned_to_one_who_has_left_is_closed_and_stopped(agent, pipe):
    read, write = pipe
    wish = agent.assign()
    await turns()
    agent.hear()
    wish.cancel()
    await turns()
    agent.say(Assigned(1, "h1", ("log",)), [write])
    os.close(write)
    await turns()
    assert not is_open(read)
    assert agent.hear() == Stop("h1")


async def test_what_is_assigned_in_the_moment_of_leaving_is_closed_and_stopped(agent, pipe):
    read, write = pipe
    wish = agent.assign()
    await turns()
    agent.hear()
    agent.say(Assigned(1, "h1", ("log",)), [write])
    os.close(write)
    agent.client._hear()
    wish.cancel()
    await asyncio.wait([wish])
    assert wish.cancelled()
    assert not is_open(read)
    assert agent.hear() == Stop("h1")


async def test_when_the_agent_dies_every_pending_order_fails_and_every_sandbox_has_ended(agent):
    wish = agent.assign()
    await turns()
    agent.say(Assigned(1, "h1", ()))
    await wish
    pending = [asyncio.ensure_future(agent.client.counts()), agent.assign()]
    await turns()
    agent.sock.close()
    for order in pending:
        with pytest.raises(AgentGone):
            await order
    assert [(news.husk, news.status) for news in agent.ends] == [("h1", None)]
    assert (agent.client.gone, agent.times_gone) == (True, 1)
    with pytest.raises(AgentGone):
        await agent.client.counts()
    agent.client.stop("h1")  # nobody is there to hear it, and nobody needs to


async def test_orders_wait_in_turn_while_the_agent_does_not_listen(agent):
    for number in range(2_000):
        agent.client.stop(f"h{number}")
    assert agent.client._backlog, "the socket took everything: the test shows nothing"
    heard = []
    while len(heard) < 2_000:
        try:
            heard.append(agent.hear().husk)
        except BlockingIOError:
            await asyncio.sleep(0)
    assert heard == [f"h{number}" for number in range(2_000)]
    agent.client.started("h1")
    assert agent.hear() == Started("h1"), "nothing is held back once the backlog is gone"


async def test_connecting_gives_up_when_waiting_has_become_useless(tmp_path):
    def check() -> None:
        raise AgentGone("the node agent ended with status 1")

    with pytest.raises(AgentGone, match="status 1"):
        await AgentClient.connect(str(tmp_path / "no.sock"), lambda: None, check)


async def test_connecting_takes_the_agents_greeting(tmp_path):
    path = str(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(1)
        connecting = asyncio.ensure_future(AgentClient.connect(path, lambda: None, lambda: None))
        await asyncio.sleep(0)
        theirs, _ = listener.accept()
        protocol.send(theirs, hello())
        client = await connecting
        assert client.hello == hello()
        client.close()
        theirs.close()


async def test_an_agent_that_dies_instead_of_greeting_is_followed_by_the_next_one(tmp_path):
    path = str(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(2)
        connecting = asyncio.ensure_future(AgentClient.connect(path, lambda: None, lambda: None))
        await asyncio.sleep(0)
        listener.accept()[0].close()  # a killed agent's socket still took this connection
        while not select.select([listener], [], [], 0)[0]:  # noqa: ASYNC110 - nothing tells when the kernel has it
            await asyncio.sleep(0)
        theirs, _ = listener.accept()
        protocol.send(theirs, hello())
        client = await connecting
        assert client.hello == hello()
        client.close()
        theirs.close()


async def test_nobody_waits_for_an_agent_that_will_not_come(tmp_path):
    def check():
        raise AgentGone("it ended with status 1")

    with pytest.raises(AgentGone, match="status 1"):
        await AgentClient.connect(str(tmp_path / "agent.sock"), lambda: None, check)
