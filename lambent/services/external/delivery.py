"""What goes to other endpoints: letters of functions, and what services pass on, which becomes a letter of its own.

So whoever accepts something writes in the same step that it is to go there, and it is tried as letters are: again after
growing pauses, for as long as its sender wants.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable

import msgspec

from lambent.clock import Clock
from lambent.errors import Elsewhere, Undeliverable
from lambent.model import AGE_S, FORWARD, RETRIES, Ended, Letter
from lambent.services.external.calls import Calls
from lambent.services.external.messages import call_for
from lambent.services.post import Outgoing, Post
from lambent.store.ledger import Entry, Ledger
from lambent.store.letters import letter_columns

log = logging.getLogger("lambent")

AT_ONCE = 32
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Outgoing).decode

OutgoingOf = Callable[[Letter], Outgoing]


class ExternalTaker:
    """A taker of the post for what lies elsewhere. `posted` is told when there is something new to deliver."""

    def __init__(self, calls: Calls, clock: Clock, posted: Callable[[], None]) -> None:
        self.has = calls.has
        self._clock = clock
        self._posted = posted

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        now = self._clock.epoch()
        parts = (outgoing.source.split(":", 5) + [""] * 6)[:6]
        letter = Letter(
            request_id=str(uuid.uuid4()), account=outgoing.sender.account, region=parts[3], name=parts[5], kind=FORWARD,
            success=True, target=outgoing.target, body=_encode(outgoing), created=now, due=now,
            ended=Ended(received=now, failed=now),
            attributes={RETRIES: str(outgoing.retries), AGE_S: str(outgoing.age_s)},
        )  # fmt: skip
        return (Entry([("letter_add", letter_columns(letter))], len(letter.body), written=self._posted),)


class ExternalTarget:
    """A target of letters. `outgoing_of` is what one of a function says."""

    def __init__(self, calls: Calls, outgoing_of: OutgoingOf) -> None:
        self._calls = calls
        self._outgoing_of = outgoing_of
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def deliver(self, letter: Letter) -> bool:
        """Never in one step: one that was sent may be sent again after a crash."""
        outgoing = forwarded(letter) if letter.kind == FORWARD else self._outgoing_of(letter)
        operation, parameters = call_for(outgoing)
        async with self._slots:
            if operation == "send_message":
                parameters["QueueUrl"] = await self._calls.queue_url(outgoing.target)
            answer = await self._calls.ask(outgoing.target, operation, **parameters)
        if answer.get("FailedEntryCount"):
            failed = answer["Entries"][0]
            raise Elsewhere(f"{outgoing.target}: {failed.get('ErrorCode')}: {failed.get('ErrorMessage')}")
        return False


class Lost:
    """What no endpoint takes goes to the dead-letter queue of whoever passed it on, if that has one."""

    def __init__(self, post: Post, ledger: Ledger) -> None:
        self._post = post
        self._ledger = ledger

    async def tell(self, letter: Letter, why: str) -> None:
        try:
            dead = forwarded(letter).dead
            if dead is None:
                raise Undeliverable("it has no dead-letter queue")
            await self._ledger.enter(*self._post.entries(_explained(dead, why)))
        except Undeliverable as error:
            log.error("what %s passed on is lost: %s; %s", letter.name, why, error.message)


def _explained(dead: Outgoing, why: str) -> Outgoing:
    """With the reason, where the sender's messages have one."""
    if "ERROR_MESSAGE" not in dead.attributes:
        return dead
    told = {"ERROR_CODE": "SDK_CLIENT_ERROR", "ERROR_MESSAGE": why[:1024]}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items()}
    return msgspec.structs.replace(dead, attributes={**dead.attributes, **attributes})


def forwarded(letter: Letter) -> Outgoing:
    """What a service has passed on. Raises Undeliverable for what an older Lambent wrote in another way."""
    try:
        return _decode(letter.body)
    except msgspec.DecodeError as error:
        raise Undeliverable(f"it cannot be read: {error}") from error
