"""Whatever is asked: never a 500, never a hang, never a changed state after a refusal. The long run is scripts/fuzz."""

import asyncio
import random

import fuzz_run
import pytest
from fuzz_house import Finding, House, fetch
from fuzz_requests import Asked, Requests, model, well_formed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.control.registry import operations
from lambent.errors import AwsError, ResourceConflict
from lambent.settings import Settings
from lambent.wire.http import Response
from lambent.wire.parse import Wire

SERVICES = ("lambda", "application-autoscaling", "sts")


@pytest.fixture
async def house(tmp_path):
    async with fuzz_run.house(tmp_path) as built:
        yield built


async def test_no_request_is_answered_with_a_fault_or_changes_what_it_is_refused(house):
    """The same requests each time, so that it fails for changes of the code only."""
    report = await fuzz_run.run(1500, 7, SERVICES, socket=False, tell=print)
    assert list(report.findings.values()) == []
    assert report.statuses[200] > 100
    assert report.statuses[400] > 100


async def test_nor_is_one_that_comes_through_the_http_edge(house):
    report = await fuzz_run.run(400, 11, ("lambda",), socket=True, tell=print)
    assert list(report.findings.values()) == []
    assert report.statuses[200] > 20


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_a_request_that_hypothesis_makes_up_is_read_or_refused_in_words(drawn: random.Random) -> None:
    """What hypothesis finds it makes small; the wire alone is asked, since that is where nonsense must end."""
    wire = Wire(Settings())
    requests = Requests(drawn, {}, spoiled=1.0)
    for _ in range(2):
        asked = requests.next()
        try:
            call = wire.parse(asked.request)
        except AwsError as error:
            said = error.message, wire.render_error(asked.request, error, "id").status
        else:
            said = call.operation, 400
        assert said[0]
        assert 400 <= said[1] < 500


async def test_the_fuzzer_asks_for_every_operation_of_the_model():
    requests = Requests(random.Random(1), {})
    asked = {requests.next().operation for _ in range(3000)}
    assert asked == set(model("lambda").operation_names)
    assert set(operations) <= asked


async def test_the_fuzzer_sees_a_fault(house: House):
    async def broken(request):
        return Response(500, [("x-amzn-errortype", "ServiceException")], b'{"Message":"x"}')

    with pytest.raises(Finding, match="500"):
        await house.ask(listing(), broken)


async def test_the_fuzzer_sees_a_changed_state_after_a_refusal(house: House):
    async def disorderly(request):
        await house.frontdoor.answer(well_formed("lambda", "DeleteFunction", {"FunctionName": "beta"}))
        return house.frontdoor.wire.render_error(request, ResourceConflict("no"), "id")

    with pytest.raises(Finding, match="but it changed"):
        await house.ask(listing(), disorderly)


async def test_the_fuzzer_sees_a_hang(house: House, monkeypatch):
    monkeypatch.setattr("fuzz_house.PATIENCE_S", 0.01)
    with pytest.raises(Finding, match="no answer"):
        await house.ask(listing(), lambda request: asyncio.sleep(60))  # type: ignore[arg-type,return-value]


async def test_what_comes_through_the_edge_is_what_the_front_door_says(house: House):
    asked = listing()
    through, direct = await fetch(house.endpoint)(asked.request), await house.frontdoor.answer(asked.request)
    assert (through.status, through.body) == (direct.status, direct.body)


def listing() -> Asked:
    return Asked("lambda", "ListFunctions", well_formed("lambda", "ListFunctions", {}))
