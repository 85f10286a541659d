"""What is passed on to other endpoints, without any endpoint."""

from typing import Any

import pytest

from lambent.clock import FixedClock
from lambent.errors import Elsewhere, Undeliverable
from lambent.model import FORWARD, Letter
from lambent.principal import Principal
from lambent.services.external.delivery import ExternalTaker, ExternalTarget, Lost, forwarded
from lambent.services.external.messages import call_for
from lambent.services.post import Outgoing, Post
from lambent.store.ledger import Entry
from lambent.store.letters import letter_columns, letter_from

QUEUE = "arn:aws:sqs:eu-west-1:222222222222:orders"
DEAD = "arn:aws:sqs:eu-west-1:111111111111:dead"


def outgoing(target: str = QUEUE, **changes: Any) -> Outgoing:
    sender = Principal(service="sns.amazonaws.com", account="111111111111")
    usual = {"body": b'{"a":1}', "sender": sender, "source": "arn:aws:sns:eu-west-1:111111111111:topic"}
    return Outgoing(target=target, **(usual | changes))


class FakeCalls:
    """Everything is elsewhere; `answer` is what is answered, or the error that is raised."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.answer: dict[str, Any] | Exception = {}

    def has(self, arn: str) -> bool:
        return True

    async def queue_url(self, arn: str) -> str:
        return f"https://elsewhere/{arn.rpartition(':')[2]}"

    async def ask(self, arn: str, operation: str, **parameters: Any) -> dict[str, Any]:
        self.asked.append((arn, operation, parameters))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


def as_letter(calls: FakeCalls, given: Outgoing) -> Letter:
    """As the taker writes it and the postman reads it."""
    (entry,) = ExternalTaker(calls, FixedClock(100.0), lambda: None).entries(given)
    ((query, row),) = entry.rows
    assert query == "letter_add"
    return letter_from({"id": 1, **row})


def test_what_is_passed_on_is_read_back_as_it_was(calls):
    given = outgoing(
        attributes={"b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}, group="g", dedup="d", dead=outgoing(DEAD)
    )
    letter = as_letter(calls, given)
    assert (letter.kind, letter.name, letter.account, letter.target) == (FORWARD, "topic", "111111111111", QUEUE)
    assert forwarded(letter) == given


def test_a_message_for_a_queue_is_sent_with_all_that_it_has():
    attributes = {"a": {"DataType": "String", "StringValue": "x", "BinaryValue": None}}
    operation, parameters = call_for(outgoing(QUEUE + ".fifo", attributes=attributes, group="g", dedup="d", trace="t"))
    assert (operation, parameters) == (
        "send_message",
        {
            "MessageBody": '{"a":1}',
            "MessageAttributes": {"a": {"DataType": "String", "StringValue": "x"}},
            "MessageGroupId": "g",
            "MessageDeduplicationId": "d",
            "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "t"}},
        },
    )


@pytest.mark.parametrize(
    ("target", "more", "wanted"),
    [
        (
            "arn:aws:sns:eu-west-1:1:t", {"subject": "s", "dedup": "not for standard topics"},
            ("publish", {"TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": '{"a":1}', "Subject": "s"}),
        ),
        (
            "arn:aws:s3:::bucket", {"key": "k"},
            ("put_object", {"Bucket": "bucket", "Key": "k", "Body": b'{"a":1}', "ContentType": "application/json"}),
        ),
        (
            "arn:aws:lambda:eu-west-1:1:function:f", {},
            ("invoke", {"FunctionName": "arn:aws:lambda:eu-west-1:1:function:f", "InvocationType": "Event",
                        "Payload": b'{"a":1}'}),
        ),
        (
            "arn:aws:events:eu-west-1:1:event-bus/b", {"detail_type": "d", "event_source": "e", "resources": ("r",)},
            ("put_events", {"Entries": [{"Source": "e", "DetailType": "d", "Detail": '{"a":1}', "Resources": ["r"],
                                         "EventBusName": "arn:aws:events:eu-west-1:1:event-bus/b"}]}),
        ),
    ],
)  # fmt: skip
def test_each_service_is_called_as_its_clients_call_it(target, more, wanted):
    assert call_for(outgoing(target, **more)) == wanted


async def test_a_letter_is_delivered_by_one_call(calls):
    target = ExternalTarget(calls, lambda letter: outgoing())
    gone = await target.deliver(as_letter(calls, outgoing()))
    assert not gone
    assert calls.asked == [(QUEUE, "send_message", {"MessageBody": '{"a":1}', "QueueUrl": "https://elsewhere/orders"})]


async def test_an_event_that_a_bus_has_refused_is_not_delivered(calls):
    calls.answer = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]}
    target = ExternalTarget(calls, lambda letter: outgoing())
    with pytest.raises(Elsewhere, match="InternalFailure: later"):
        await target.deliver(as_letter(calls, outgoing("arn:aws:events:eu-west-1:1:event-bus/b")))


class FakeTaker:
    def __init__(self) -> None:
        self.taken: list[Outgoing] = []

    def entries(self, given: Outgoing) -> tuple[Entry, ...]:
        self.taken.append(given)
        return ()


class FakeLedger:
    async def enter(self, *entries: Entry) -> None: ...


@pytest.mark.parametrize("explained", [True, False])
async def test_what_no_endpoint_takes_goes_to_the_senders_dead_letters(calls, explained):
    post, taker = Post(), FakeTaker()
    post.takers["sqs"] = taker
    attributes = {"ERROR_MESSAGE": {"DataType": "String", "StringValue": "?"}} if explained else {}
    await Lost(post, FakeLedger()).tell(as_letter(calls, outgoing(dead=outgoing(DEAD, attributes=attributes))), "why")
    (taken,) = taker.taken
    assert taken.target == DEAD
    assert taken.attributes.get("ERROR_MESSAGE", {}).get("StringValue") == ("why" if explained else None)


async def test_what_has_no_dead_letter_queue_is_told_in_the_log(calls, caplog):
    await Lost(Post(), FakeLedger()).tell(as_letter(calls, outgoing()), "the queue is gone")
    assert "what topic passed on is lost: the queue is gone" in caplog.text


def test_what_cannot_be_read_is_undeliverable(calls):
    letter = letter_from({"id": 1, **letter_columns(as_letter(calls, outgoing())), "body": b"\xff\xff"})
    with pytest.raises(Undeliverable, match="cannot be read"):
        forwarded(letter)
