"""What AWS's own conformance tests for durable SDKs expect of Lambda: histories event by event, results and errors.

The requirements are AWS's (durable_conformance.json), the handlers ours (conformance_app.py). All of them run at once,
on the virtual clock: a second passes when nothing runs, so that the order of events is the one that AWS has.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import durable_samples as samples
import pytest
from durable_samples import Executions
from real_server import Server, clean_environment, wait_until

HERE = Path(__file__).parent
REQUIREMENTS = json.loads((HERE / "durable_conformance.json").read_text())["requirements"]
QUIET_WITHIN_S = 300.0  # of real time: all of them begin at once, three at a time
LONGEST_S = 40  # that an execution of these takes, with retries of an invocation that has crashed
_NAME = re.compile(r"\$\{(\w+)\}")
_GENERATED = re.compile(r"\$\{GEN_STR:\d+\}")


class Run:
    """One requirement that is being tried."""

    def __init__(self, executions: Executions, name: str) -> None:
        self.executions = executions
        self.required = REQUIREMENTS[name]
        self.bound: dict[str, Any] = {
            key: key.replace("_", "")[-8:] if _GENERATED.fullmatch(text) else text
            for key, text in self.required.get("variables", {}).items()
        }
        self.callbacks: dict[str, list[dict[str, Any]]] = {}  # what is to be done with each, by its name
        for action in self.filled(self.required.get("callbacks", [])):
            self.callbacks.setdefault(action["CallbackName"], []).append(action)
        self.waited_s = dict.fromkeys(self.callbacks, 0)
        payload = {"case": name, "input": self.filled(self.required["input"])}
        self.arn = executions.client.invoke(
            FunctionName=executions.function.name, Qualifier="$LATEST", InvocationType="Event",
            Payload=json.dumps(payload),
        )["DurableExecutionArn"]  # fmt: skip

    def filled(self, value: Any) -> Any:
        """With variables where they are named."""
        if isinstance(value, dict):
            return {key: self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if isinstance(value, str):
            return _NAME.sub(lambda match: str(self.bound.get(match[1], match[0])), value)
        return value

    def act(self) -> None:
        """Whoever is outside does the next thing with each callback, if it is time."""
        started = self._started() if any(self.callbacks.values()) else []
        for name, actions in self.callbacks.items():
            ids = [callback for callback, its_name in started if name in ("*", its_name)]
            if not actions or not ids:
                continue
            self.waited_s[name] += 1
            if self.waited_s[name] > actions[0].get("Delay", 0):
                self.waited_s[name] = 0
                self._send(actions.pop(0), ids[-1])

    def _started(self) -> list[tuple[str, str | None]]:
        events = self.executions.history(self.arn)
        return [
            (each["CallbackStartedDetails"]["CallbackId"], each.get("Name"))
            for each in events
            if each["EventType"] == "CallbackStarted"
        ]

    def _send(self, action: dict[str, Any], callback: str) -> None:
        client, given = self.executions.client, action.get("Payload")
        if action["Operation"] == "heartbeat":
            client.send_durable_execution_callback_heartbeat(CallbackId=callback)
        elif action["Operation"] == "failure":
            client.send_durable_execution_callback_failure(CallbackId=callback, Error=given)
        else:
            result = {} if given is None else {"Result": json.dumps(given).encode()}
            client.send_durable_execution_callback_success(CallbackId=callback, **result)

    def check(self, required: Any, found: Any, path: str) -> None:
        """As AWS's matcher has it: {} and "*" are anything, ${…} the same wherever it stands."""
        if required in ({}, "*"):
            return
        if isinstance(required, dict):
            assert isinstance(found, dict), path
            for key in required:
                assert key in found, f"{path}.{key} is missing in {found}"
                self.check(required[key], found[key], f"{path}.{key}")
        elif isinstance(required, str) and (pattern := re.fullmatch(r"\$\{/(.+)/\}", required)):
            assert re.search(pattern[1], str(found)), path
        elif isinstance(required, str) and (name := _NAME.fullmatch(required)):
            assert self.bound.setdefault(name[1], found) == found, path
        else:
            assert self.filled(required) == found, path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """All requirements, tried."""
    data = tmp_path_factory.mktemp("conformance") / "data"
    server = Server(data, "--clock", "virtual", environ=clean_environment())
    try:
        source = (HERE / "conformance_app.py").read_bytes()
        targets = {
            each: samples.deploy(server, source, Environment={"Variables": {"CASE": case}}, **more).name
            for each, (case, more) in TARGETS.items()
        }
        named = {f"TARGET_{each.upper()}": f"{name}:$LATEST" for each, name in targets.items()}
        function = samples.deploy(server, source, Environment={"Variables": named})
        for name in (function.name, *targets.values()):  # more environments than processors help nobody
            server.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)
        executions = Executions(function)
        found = {name: Run(executions, name) for name in REQUIREMENTS}
        _let_them_run(server, [each for each in found.values() if "result" in each.required])
        yield found
    finally:
        server.stop()


# Functions that others invoke: which case each is, and what else they are.
TARGETS: dict[str, tuple[str, dict[str, Any]]] = {
    "echo": ("echo", {}),
    "error": ("error", {}),
    "tenants": ("echo", {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}),
}


def _let_them_run(server: Server, runs: list[Run]) -> None:
    """Second by second: until nothing runs, what those outside do, and the next second."""
    for _ in range(LONGEST_S):
        wait_until(lambda: _is_quiet(server), QUIET_WITHIN_S)
        listed = server.client.list_durable_executions_by_function(
            FunctionName=runs[0].executions.function.name, Statuses=["RUNNING"]
        )["DurableExecutions"]
        running = {each["DurableExecutionArn"] for each in listed}
        runs = [each for each in runs if each.arn in running]
        if not runs:
            return
        for each in runs:
            each.act()
        wait_until(lambda: _is_quiet(server), QUIET_WITHIN_S)
        samples.advance(server, "1s")


def _is_quiet(server: Server) -> bool:
    counts = server.status()["durable"]
    return not (counts["invoking"] or counts["waiting"])


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_lambda_does_what_aws_requires(runs: dict[str, Run], name: str) -> None:
    run = runs[name]
    found = run.executions.get(run.arn)
    history = {each["EventId"]: each for each in run.executions.history(run.arn)}
    required = run.required.get("result", {})
    told = [(each["EventType"], each.get("Name")) for each in history.values()]
    assert found["Status"] == required.get("ExecutionStatus", found["Status"]), told
    if "Result" in required:
        assert json.loads(found["Result"]) == run.filled(required["Result"])
    for event in run.required["history"]:
        assert event["EventId"] in history, told
        run.check(event, history[event["EventId"]], f"{name}/{event['EventId']}")
