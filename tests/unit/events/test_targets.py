"""Targets of letters: the same tests over each, and what is particular to functions."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from event_samples import NOW, event
from letter_samples import BUCKET, BUS, FUNCTION, QUEUE, TOPIC, letter

from lambent.clock import FixedClock
from lambent.errors import ResourceConflict, ResourceNotFound, StoreError, Undeliverable
from lambent.events.intake import Intake
from lambent.events.messages import id_of
from lambent.events.targets import LambdaTarget, Target, Targets
from lambent.iam.credentials import assumed_role
from lambent.invoke.resolve import Resolver
from lambent.model import Event, Letter, Version
from lambent.services.post import Outgoing, Post
from lambent.store.database import Database
from lambent.store.ledger import Entry, Ledger
from lambent.store.letters import Letters, letter_columns
from lambent.store.queue import Queue, open_queue
from lambent.triggers import LetterTarget


class NobodyRuns:
    """A dispatcher that leaves everything in the queue."""

    def expect(self, event: Event) -> bool:
        return False

    def arrived(self, event: Event, taken: bool, *, stored: bool) -> None:
        pass


def load(account: str, region: str, name: str, qualifier: str | None) -> Version:
    """One function, `mender`, with an alias."""
    if name != "mender" or qualifier not in (None, "live"):
        raise ResourceNotFound(f"Function not found: arn:aws:lambda:{region}:{account}:function:{name}")
    return Version(
        account=account, region=region, name=name, version="$LATEST", revision="1", runtime="python3.13",
        handler="app.handler", code_digest="00",
    )  # fmt: skip


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_queue(tmp_path / "queue")
    yield database
    database.close()


ROLE = "arn:aws:iam::111111111111:role/sender"


class Stage:
    """A target, the letters that it takes, and a look at what has arrived."""

    def __init__(self, kind: str, db: Database) -> None:
        self.db, self.queue = db, Queue(db)
        self.taken: list[bytes] = []
        clock, post = FixedClock(NOW + 300), Post()
        post.takers["sqs"] = self
        self.targets = {
            "function": LambdaTarget(Intake(self.queue, NobodyRuns()), Resolver(load), clock),
            "service": LetterTarget(post, Ledger(db)),
        }
        self.target: Target = self.targets[kind]
        self.arn = FUNCTION if kind == "function" else QUEUE
        self.kind = kind

    async def post(self, letter: Letter) -> Letter:
        """As the queue stores it when its event has ended."""
        await self.db.write("letter_add", **letter_columns(letter))
        return Letters(self.db).of_request(letter.request_id)[-1]

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        """As the service takes it."""
        return (Entry([], written=lambda: self.taken.append(outgoing.body)),)

    def arrived(self, letter: Letter) -> list[bytes]:
        if self.kind == "service":
            return self.taken
        found = self.queue.find(id_of(letter))
        return [] if found is None else [found.payload]


@pytest.fixture(params=["function", "service"])
def stage(request: pytest.FixtureRequest, db: Database) -> Stage:
    return Stage(request.param, db)


async def test_what_is_delivered_has_arrived_when_deliver_returns(stage):
    sent = await stage.post(letter(stage.arn))
    await stage.target.deliver(sent)
    assert stage.arrived(sent) == [sent.body]
    assert json.loads(sent.body)["requestPayload"] == {"a": 1}


async def test_the_letter_goes_in_the_transaction_in_which_it_arrives(stage):
    assert await stage.target.deliver(await stage.post(letter(stage.arn))) is True
    assert Letters(stage.db).count() == 0


async def test_what_is_too_large_will_never_be_taken_and_nothing_arrives(stage):
    sent = await stage.post(letter(stage.arn, event=event(attempts=3, payload=b"1" * 1_048_577)))
    with pytest.raises(Undeliverable, match="larger than the 1048576"):
        await stage.target.deliver(sent)
    assert stage.arrived(sent) == []


async def test_a_disk_that_takes_nothing_is_no_reason_to_give_up(stage):
    sent = await stage.post(letter(stage.arn))
    await stage.db.transaction(lambda tx: None)
    stage.db.close()
    with pytest.raises(StoreError):
        await stage.target.deliver(sent)


async def test_two_letters_of_one_event_both_arrive(stage):
    first, second = await stage.post(letter(stage.arn)), await stage.post(letter(stage.arn, now=NOW + 500))
    await asyncio.gather(stage.target.deliver(first), stage.target.deliver(second))
    assert len(stage.arrived(first)) + (len(stage.arrived(second)) if stage.kind == "function" else 0) == 2


# -- functions


@pytest.fixture
def function(db: Database) -> Stage:
    return Stage("function", db)


async def test_the_new_event_is_of_the_target_and_dates_from_its_acceptance(function):
    sent = await function.post(letter(f"{FUNCTION}:live", event=event(attempts=3, trace="Root=1-a")))
    await function.target.deliver(sent)
    found = function.queue.find(id_of(sent))
    assert found is not None
    assert (found.name, found.qualifier, found.attempts) == ("mender", "live", 0)
    assert (found.received, found.due) == (NOW + 300, NOW + 300)
    assert found.trace.startswith("Root=1-a;Lineage=")
    assert found.request_id != sent.request_id


@pytest.mark.parametrize(
    "arn", [FUNCTION.replace("mender", "gone"), f"{FUNCTION}:7", "arn:aws:lambda:eu-west-1:111111111111:function:a b"]
)
async def test_a_function_that_is_not_there_will_never_take_it(function, arn):
    with pytest.raises(Undeliverable):
        await function.target.deliver(await function.post(letter(arn)))


async def test_a_function_that_is_not_ready_is_tried_again(db):
    def pending(*_: object) -> Version:
        raise ResourceConflict("The function is currently in the following state: Pending")

    target = LambdaTarget(Intake(Queue(db), NobodyRuns()), Resolver(pending), FixedClock())
    with pytest.raises(ResourceConflict):
        await target.deliver(letter(FUNCTION))


async def test_a_chain_that_has_come_round_too_often_is_cut(db):
    target = LambdaTarget(Intake(Queue(db), NobodyRuns()), Resolver(load), FixedClock(), stopped=lambda event: True)
    with pytest.raises(Undeliverable, match="recursive"):
        await target.deliver(letter(FUNCTION))
    assert Queue(db).backlogs() == []


async def test_a_function_that_may_not_be_invoked_by_the_role_of_the_other_is_undeliverable(db):
    asked = []

    def may(principal, action, ref):
        asked.append((principal, action, ref.arn))
        return False

    def found(account, region, name, qualifier):
        return msgspec.structs.replace(load(account, region, "mender", qualifier), role=ROLE)

    target = LambdaTarget(Intake(Queue(db), NobodyRuns()), Resolver(found), FixedClock(), may=may)
    with pytest.raises(Undeliverable, match="because no resource-based policy allows"):
        await target.deliver(letter(FUNCTION))
    assert Queue(db).backlogs() == []
    (who, action, arn) = asked[0]
    assert who == assumed_role(ROLE, letter(FUNCTION).name, "111111111111")
    assert (action, arn) == ("lambda:InvokeFunction", FUNCTION)


async def test_a_function_of_another_account_is_not_invoked_where_nobody_can_be_asked(db):
    target = LambdaTarget(Intake(Queue(db), NobodyRuns()), Resolver(load), FixedClock())
    with pytest.raises(Undeliverable, match="because no resource-based policy allows"):
        await target.deliver(letter(FUNCTION.replace("111111111111", "222222222222")))


async def test_a_function_with_tenants_takes_no_records(db):
    def tenants(*where):
        return msgspec.structs.replace(load(*where), per_tenant=True)

    target = LambdaTarget(Intake(Queue(db), NobodyRuns()), Resolver(tenants), FixedClock())
    with pytest.raises(Undeliverable, match="Add a valid tenant ID"):
        await target.deliver(letter(FUNCTION))


# -- the registry


def test_each_service_has_its_target_and_an_unknown_one_is_named(function):
    target = function.target
    targets = Targets({"sqs": target})
    targets.add(dict.fromkeys(("sns", "events", "s3"), target))
    assert [targets.of(arn) for arn in (QUEUE, TOPIC, BUS, BUCKET)] == [target] * 4
    with pytest.raises(Undeliverable, match=r"arn:aws:kinesis:.* events, s3, sns, sqs"):
        targets.of("arn:aws:kinesis:eu-west-1:111111111111:stream/x")
