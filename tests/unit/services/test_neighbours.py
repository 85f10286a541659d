"""How a call of a service that is not ours gets to whoever answers it, and back. The answerer is a stand-in here."""

from collections.abc import Callable
from typing import Any

import pytest

from lambent.errors import NotImplementedYet
from lambent.services import neighbours
from lambent.services.neighbours import HOSTS, Answered, Neighbours
from lambent.settings import load as settings_of
from lambent.wire.http import Request
from lambent.wire.parse import Call, Wire

OURS = {"lambda", "s3", "sqs", "sns", "sts", "scheduler", "events", "logs", "application-autoscaling"}
CREDENTIAL = "AWS4-HMAC-SHA256 Credential=111122223333/20260101/eu-west-1/ssm/aws4_request, SignedHeaders=host"


@pytest.fixture
def call() -> Call:
    headers = {
        "authorization": CREDENTIAL, "x-amz-target": "AmazonSSM.GetParameter", "host": "127.0.0.1:4566",
        "content-type": "application/x-amz-json-1.1", "x-moto-account-id": "999999999999",
    }  # fmt: skip
    return Wire(settings_of({}, {})).parse(Request("POST", "/", "", headers, b'{"Name": "/a"}'))


def answering(*answer: Any) -> tuple[Neighbours, list[tuple[str, Call]]]:
    """Neighbours of whom each gives this answer, and what they were asked."""
    asked: list[tuple[str, Call]] = []

    def dispatch(address: str, call: Call) -> Answered:
        asked.append((address, call))
        return answer  # type: ignore[return-value]

    return Neighbours(lambda: dispatch), asked


async def test_an_answer_goes_out_as_it_is_but_for_its_framing(call: Call) -> None:
    found, asked = answering(400, {"Content-Type": "x", "Content-Length": 7, "X-Amzn-RequestId": "theirs"}, "näher")
    response = await found.answer(call)
    assert (response.status, response.body) == (400, "näher".encode())
    assert response.headers == [("Content-Type", "x"), ("X-Amzn-RequestId", "theirs")]
    assert asked == [("https://ssm.eu-west-1.amazonaws.com/", call)]


async def test_an_answer_without_a_request_id_gets_one(call: Call) -> None:
    found, _ = answering(200, {}, b"")
    assert (await found.answer(call)).headers == [("x-amzn-RequestId", call.request_id)]


def test_whose_resources_are_meant_is_not_what_the_client_says_but_who_it_was_believed_to_be(call: Call) -> None:
    sent = neighbours.headers(call.request, call.account)
    assert sent["x-moto-account-id"] == "111122223333"
    assert "host" not in sent
    assert sent["x-amz-target"] == "AmazonSSM.GetParameter"


def raising(error: Exception) -> Callable[..., Any]:
    def fails(*_: Any) -> Any:
        raise error

    return fails


async def test_without_moto_a_refusal_says_what_to_install(call: Call) -> None:
    with pytest.raises(NotImplementedYet, match=r"ssm:GetParameter .*pip install 'lambent\[neighbours\]'") as caught:
        await Neighbours(raising(ModuleNotFoundError("No module named 'moto'"))).answer(call)
    assert caught.value.status == 501


async def test_what_moto_has_not_either_is_named(call: Call) -> None:
    found = Neighbours(lambda: raising(NotImplementedError("The get_parameter action has not been implemented")))
    with pytest.raises(NotImplementedYet, match=r"ssm:GetParameter .* not even moto"):
        await found.answer(call)


async def test_what_answers_is_brought_in_once_and_not_before_it_is_needed(call: Call) -> None:
    loaded: list[str] = []

    def load() -> neighbours.Dispatch:
        loaded.append("again")
        return lambda address, call: (200, {}, b"")

    found = Neighbours(load)
    assert loaded == []
    await found.answer(call)
    await found.answer(call)
    assert loaded == ["again"]


def test_no_service_of_ours_is_given_to_a_neighbour() -> None:
    assert not OURS & set(HOSTS)
