"""A server of durable functions without sandboxes: functions are Python, and time is moved by hand."""

import asyncio
import types
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from lambent.clock import VirtualClock
from lambent.durable.checkpoints import checkpoint_durable_execution, get_durable_execution_state
from lambent.durable.engine import Executions
from lambent.durable.nouns import Execution, State
from lambent.errors import ResourceNotFound
from lambent.invoke.durable import Finished, Start
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.model import Durability, Invocation, Outcome, Version
from lambent.store.durable_executions import Write
from lambent.store.queue import open_queue

START, DAY_S = 1_768_000_000.0, 86_400.0
ACCOUNT, REGION = "111111111111", "eu-west-1"

Workflow = Callable[["Context"], Awaitable[Any]]


class Suspended(Exception):
    """The workflow waits."""


class Context:
    """What AWS's SDK does for a workflow, in few words: one operation after the other, each known by its id."""

    def __init__(self, world: "World", event: dict[str, Any]) -> None:
        self.world = world
        self.arn: str = event["DurableExecutionArn"]
        self.token: str = event["CheckpointToken"]
        self.known = {each["Id"]: each for each in event["InitialExecutionState"]["Operations"]}
        self.marker: str = event["InitialExecutionState"]["NextMarker"]

    @property
    def given(self) -> Any:
        itself = next(each for each in self.known.values() if each["Type"] == "EXECUTION")
        return msgspec.json.decode(itself["ExecutionDetails"]["InputPayload"])

    async def checkpoint(self, *updates: dict[str, Any], client_token: str = "") -> dict[str, Any]:
        asked = {"DurableExecutionArn": self.arn, "CheckpointToken": self.token, "Updates": list(updates)}
        call: Any = types.SimpleNamespace(parameters=asked | ({"ClientToken": client_token} if client_token else {}))
        answer = await checkpoint_durable_execution(self.world.executions, call)
        self.known |= {each["Id"]: each for each in answer["NewExecutionState"]["Operations"]}
        self.token = answer.get("CheckpointToken", "")
        if not self.token and updates[-1:] and updates[-1]["Type"] != "EXECUTION":
            raise Suspended
        return answer

    async def state(self, marker: str, most: int) -> dict[str, Any]:
        asked = {"DurableExecutionArn": self.arn, "CheckpointToken": self.token, "Marker": marker, "MaxItems": most}
        call: Any = types.SimpleNamespace(parameters=asked)
        return await get_durable_execution_state(self.world.executions, call)

    async def step(self, name: str, work: Callable[[int], Any]) -> Any:
        """`work` is given how many attempts there were; an error is tried again in a second."""
        known = self.known.get(name, {"Status": "", "StepDetails": {"Attempt": 0}})
        if known["Status"] == "SUCCEEDED":
            return msgspec.json.decode(known["StepDetails"]["Result"])
        if known["Status"] == "PENDING":
            raise Suspended
        base = {"Id": name, "Type": "STEP", "Name": name}
        if known["Status"] != "STARTED":
            await self.checkpoint(base | {"Action": "START"})
        try:
            result = work(known["StepDetails"]["Attempt"])
        except ValueError as error:
            again = {"Action": "RETRY", "StepOptions": {"NextAttemptDelaySeconds": 1}}
            await self.checkpoint(base | again | {"Error": {"ErrorMessage": str(error)}})
            raise Suspended from None
        await self.checkpoint(base | {"Action": "SUCCEED", "Payload": msgspec.json.encode(result).decode()})
        return result

    async def wait(self, name: str, seconds: int) -> None:
        await self._pending(name, {"Type": "WAIT", "WaitOptions": {"WaitSeconds": seconds}})

    async def invoke(self, name: str, function: str, given: Any) -> Any:
        options = {"Type": "CHAINED_INVOKE", "ChainedInvokeOptions": {"FunctionName": function}}
        done = await self._pending(name, options | {"Payload": msgspec.json.encode(given).decode()})
        details = done["ChainedInvokeDetails"]
        return msgspec.json.decode(details["Result"]) if done["Status"] == "SUCCEEDED" else details["Error"]

    async def callback(self, name: str, **options: int) -> dict[str, Any]:
        return await self._pending(name, {"Type": "CALLBACK", "CallbackOptions": options})

    async def _pending(self, name: str, update: dict[str, Any]) -> dict[str, Any]:
        """The operation, once it is over."""
        if name not in self.known:
            await self.checkpoint({"Id": name, "Action": "START", **update})
        known: dict[str, Any] = self.known[name]
        if known["Status"] == "STARTED":
            raise Suspended
        return known


class World:
    """Attributes are to be changed by tests: `room` for invocations, functions by name."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = VirtualClock(START)
        self.room = 1_000
        self.workflows: dict[str, Workflow] = {}
        self.plain: dict[str, Callable[[Any], Any]] = {}
        self.answers: list[
            Outcome | Exception
        ] = []  # in the place of what a workflow would answer, one after the other
        self.config = Durability(600, 2)
        self.born = 1.0
        self.ran: list[Invocation] = []
        self.writes = 0
        self.dies_at = 0  # the server is gone before this write
        self.dead = asyncio.Event()
        self.admission = types.SimpleNamespace(room=lambda *_: self.room)
        self.open()

    # -- the server

    def open(self) -> None:
        self.database = open_queue(self.directory)
        invoker: Any = self
        self.executions = Executions(
            self.database, invoker, Resolver(self._load), Loops(), clock=self.clock, born=lambda *_: self.born
        )
        self._write = self.executions.store.write
        self.executions.store.write = self._counted  # type: ignore[method-assign]

    async def crash(self) -> None:
        """And start again."""
        self.executions.driver._closing = True
        await self.close()
        self.dead.clear()
        self.dies_at = 0
        self.open()
        await self.executions.start()

    async def close(self) -> None:
        await self.executions.close(0.0)
        self.database.close()

    async def _counted(self, *writes: Write) -> None:
        self.writes += 1
        if self.writes == self.dies_at or self.dead.is_set():
            self.dead.set()
            await asyncio.Event().wait()
        await self._write(*writes)

    def _load(self, account: str, region: str, name: str, qualifier: str | None) -> Version:
        if name not in self.workflows and name not in self.plain:
            raise ResourceNotFound(f"Function not found: {name}")
        return Version(
            account=account, region=region, name=name, version=qualifier or "$LATEST", revision="r", code_digest="0",
            runtime="python3.13", handler="app.handler", durable=self.config if name in self.workflows else None,
        )  # fmt: skip

    # -- the path of invocations

    async def invoke(self, invocation: Invocation) -> Outcome:
        self.ran.append(invocation)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        name, event = invocation.version.name, msgspec.json.decode(invocation.payload)
        if name in self.plain:
            return Outcome(payload=msgspec.json.encode(self.plain[name](event)))
        try:
            result = await self.workflows[name](Context(self, event))
        except Suspended:
            return pending()
        return Outcome(
            payload=msgspec.json.encode({"Status": "SUCCEEDED", "Result": msgspec.json.encode(result).decode()})
        )

    # -- what tests do

    def asked(self, given: Any = None, name: str = "", function: str = "flow") -> Start:
        version = self._load(ACCOUNT, REGION, function, "1")
        return Start(version, "1", msgspec.json.encode(given), "request-1", "Root=1-2-3", name=name)

    async def accept(self, given: Any = None, name: str = "", function: str = "flow") -> int:
        """The number of an execution that begins now."""
        arn = await self.executions.accept(self.asked(given, name, function))
        document = self.executions.store.of_id(arn.rpartition("/")[2])
        assert document is not None
        return msgspec.json.decode(document, type=Execution).number

    async def run(self, given: Any = None, name: str = "") -> Finished:
        """One for whose end somebody waits, while time passes as it is needed."""
        task = asyncio.get_running_loop().create_task(self.executions.run(self.asked(given, name)))
        await asyncio.sleep(0)
        await self.settle(task.done)
        return await task

    async def over(self, number: int) -> State:
        """Let time pass until the execution has ended."""
        await self.settle(lambda: self.state(number).execution.over)
        return self.state(number)

    async def settle(self, done: Callable[[], bool]) -> None:
        for _ in range(2_000):
            if done() or self.dead.is_set():
                return
            await self._pass_time()
        raise AssertionError("it does not come to its end")

    async def _pass_time(self) -> None:
        """Time stands still while somebody is at work, and a server that has died is at work for ever."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self.clock.run_until_idle(DAY_S)), loop.create_task(self.dead.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.002)

    def state(self, number: int) -> State:
        state = self.executions.book.read(number)
        assert state is not None
        return state

    def history(self, number: int) -> list[dict[str, Any]]:
        return [msgspec.json.decode(each) for each in self.executions.store.events(number, 0, 10_000)]

    def types(self, number: int) -> list[str]:
        return [each["type"] for each in self.history(number)]


def pending() -> Outcome:
    return Outcome(payload=b'{"Status":"PENDING"}')


def failing(message: str = "no luck") -> Outcome:
    thrown = msgspec.json.encode({"errorMessage": message, "errorType": "Oops"})
    return Outcome(payload=thrown, function_error="Unhandled", error_type="Oops")
