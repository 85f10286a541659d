"""What happens after the answer: settling, failing, crashing and removing code."""

import asyncio
import hashlib

import pytest
from control_client import Client, RefusedError, creation, make_zip

from lambent.control import deployment
from lambent.control.control import Control
from lambent.control.testing import MemoryCapacity
from lambent.errors import AgentGone, RuntimeMissing

OLD, NEW = make_zip(), make_zip("x = 2")


def digest(package):
    return hashlib.sha256(package).hexdigest()


async def configuration(client, **qualifier):
    return await client("GetFunctionConfiguration", FunctionName="hello", **qualifier)


async def test_the_engine_is_made_ready_before_a_function_is_active(client, capacity):
    capacity.hold()
    await client("CreateFunction", **creation(MemorySize=256, Environment={"Variables": {"AA": "1"}}))
    shown = await configuration(client)
    assert (shown["State"], shown["StateReasonCode"]) == ("Pending", "Creating")
    capacity.let_go()
    await client.control.settled()
    (version,) = capacity.prepared
    assert (version.name, version.runtime, version.memory_mb) == ("hello", "python3.13", 256)
    assert (version.code_digest, version.state) == (digest(OLD), "Pending")
    assert version.environment == {}, "the engine gets them sealed"
    assert await capacity.open([(version.sealed_environment, version.function_arn)]) == [{"AA": "1"}]


@pytest.mark.parametrize(
    ("failure", "code", "reason"),
    [
        (RuntimeMissing("Python 3.13 went away."), "InvalidRuntime", "Python 3.13 went away."),
        (AgentGone("The agent died."), "InternalError", "The agent died."),
    ],
)
async def test_a_function_that_cannot_run_is_failed_with_the_reason(client, capacity, failure, code, reason):
    capacity.failure = failure
    await client.create()
    shown = await configuration(client)
    assert (shown["State"], shown["StateReasonCode"], shown["StateReason"]) == ("Failed", code, reason)


async def test_a_failed_update_says_so_and_the_next_one_may_succeed(client, capacity):
    await client.create()
    capacity.failure = AgentGone("The agent died.")
    await client("UpdateFunctionConfiguration", FunctionName="hello", Timeout=9)
    await client.control.settled()
    shown = await configuration(client)
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Failed")
    assert (shown["LastUpdateStatusReason"], shown["LastUpdateStatusReasonCode"]) == (
        "The agent died.",
        "InternalError",
    )
    capacity.failure = None
    await client("UpdateFunctionConfiguration", FunctionName="hello", Timeout=10)
    await client.control.settled()
    assert (await configuration(client))["LastUpdateStatus"] == "Successful"


async def test_a_failed_function_is_mended_by_an_update(client, capacity):
    capacity.failure = AgentGone("The agent died.")
    await client.create()
    capacity.failure = None
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=NEW)
    await client.control.settled()
    shown = await configuration(client)
    assert (shown["State"], "StateReason" in shown) == ("Active", False)


async def test_a_bug_in_the_engine_does_not_keep_a_function_pending(client, capacity, caplog):
    capacity.failure = ZeroDivisionError("oops")
    await client.create()
    shown = await configuration(client)
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "InternalError")
    assert "oops" not in shown["StateReason"]
    assert "deploying hello" in caplog.text


async def test_a_function_deleted_while_it_is_made_stays_deleted(client, capacity):
    capacity.hold()
    await client("CreateFunction", **creation())
    await client("DeleteFunction", FunctionName="hello")
    capacity.let_go()
    await client.control.settled()
    with pytest.raises(RefusedError, match="Function not found"):
        await configuration(client)


async def test_a_function_made_anew_is_not_settled_by_its_predecessor_s_deployment(client, capacity):
    capacity.hold()
    await client("CreateFunction", **creation())
    await client("DeleteFunction", FunctionName="hello")
    await client("CreateFunction", **creation(Description="second"))
    capacity.let_go()
    await client.control.settled()
    shown = await configuration(client)
    assert (shown["State"], shown["Description"]) == ("Active", "second")


async def restarted(control, clock):
    """The control plane as it comes up after kill -9: nothing but the disk is the same."""
    again = Control(
        control.stores,
        MemoryCapacity(),
        clock,
        control.settings,
        architecture="x86_64",
        sleep=asyncio.sleep,
    )
    await deployment.resume(again)
    await again.settled()
    return again


async def test_what_a_crash_interrupted_is_taken_up_at_the_next_start(client, control, capacity, clock):
    await client.create("updated")
    capacity.hold()
    await client("CreateFunction", **creation(Publish=True))
    await client("UpdateFunctionConfiguration", FunctionName="updated", Timeout=9)
    await control.close()
    again = Client(await restarted(control, clock))
    for name in ("hello", "hello:1", "updated"):
        shown = await again("GetFunctionConfiguration", FunctionName=name)
        assert (name, shown["State"], shown["LastUpdateStatus"]) == (name, "Active", "Successful")


async def test_code_left_behind_by_a_crash_is_removed_at_the_next_start(client, control, clock):
    await client.create()
    await control.code.add(NEW)
    await restarted(control, clock)
    assert control.code.digests() == [digest(OLD)]


async def test_code_goes_when_the_calls_that_run_it_must_have_ended(client, control, waits):
    await client.create(Timeout=60)
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=NEW)
    await control.settled()
    assert waits == [70]
    assert control.code.digests() == [digest(NEW)]


async def test_code_that_another_version_or_function_uses_stays(client, control):
    await client.create(Publish=True)
    await client.create("other")
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=NEW)
    await control.settled()
    await client("DeleteFunction", FunctionName="hello")
    await control.settled()
    assert control.code.digests() == [digest(OLD)]
    assert control.code.zip(digest(OLD)).read_bytes() == OLD


async def test_code_refused_after_it_was_stored_goes_at_once(client, control):
    await client.create()
    answers = await asyncio.gather(
        *(client("CreateFunction", **creation("new", Code={"ZipFile": NEW})) for _ in range(2)), return_exceptions=True
    )
    assert len([answer for answer in answers if isinstance(answer, RefusedError)]) == 1
    await client("DeleteFunction", FunctionName="new")
    await control.settled()
    assert control.code.digests() == [digest(OLD)]


async def test_code_that_is_just_being_stored_is_not_taken_for_garbage(client, control):
    """A function goes while another with the same code comes, over and over."""
    for _ in range(10):
        await client.create("old")
        await asyncio.gather(
            client("DeleteFunction", FunctionName="old"),
            client("CreateFunction", **creation("new")),
            return_exceptions=True,
        )
        await control.settled()
        assert control.code.zip(digest(OLD)).exists()
        await client("DeleteFunction", FunctionName="new")
        await control.settled()
        assert control.code.digests() == []


async def test_code_stays_while_a_call_reads_it_however_far_the_product_s_clock_has_come(
    client, control, capacity, monkeypatch
):
    monkeypatch.setattr("lambent.control.blobs.LOOK_EVERY_S", 0)
    await client.create()
    capacity.read.add(digest(OLD))
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=NEW)
    for _ in range(50):
        await asyncio.sleep(0)
    assert set(control.code.digests()) == {digest(OLD), digest(NEW)}
    capacity.read.clear()
    await control.settled()
    assert control.code.digests() == [digest(NEW)]
