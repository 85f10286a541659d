"""`lambent explain`: the life of cold, throttled, retried, kept and delivered invocations, told after the fact.

One server on the virtual clock and one function, whose life is made in order; then the same ids are asked for again
after a restart.
"""

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import ROOT, Function, Server, clean_environment, close_connections, wait_until

SOURCE = """
    import os, time
    def handler(event, context):
        time.sleep(event.get("sleep", 0))
        if event.get("exit"):
            os._exit(event["exit"])
        if event.get("fail"):
            raise ValueError("as asked")
        return "done"
"""
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
FLAGS = ("--clock", "virtual", "--concurrency", "2", "--quiet")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator["World"]:
    world = World(tmp_path_factory.mktemp("explain") / "data")
    yield world
    world.server.stop()
    close_connections()


class World:
    """The server, its function, and the request ids of what has happened there."""

    def __init__(self, data: Path) -> None:
        self.server = Server(data, *FLAGS)
        self.function: Function = self.server.deploy(SOURCE, "explained")
        self.ids: dict[str, str] = {}
        self.ids["first"] = self.call()
        self.ids["exited"] = self.call({"exit": 3})
        self.ids["after an exit"] = self.call()
        self._be_busy()
        self.update(Timeout=1)
        self.ids["after an update"] = self.call({"sleep": 30})
        self.ids["after a time-out"] = self.call()
        self.post("advance", {"by": "11m"})
        self.ids["after a rest"] = self.call()
        self.ids["retried"] = self.send({"fail": 1})
        self.post("run-until-idle", {})
        self.server.client.put_function_event_invoke_config(
            FunctionName=self.function.name, MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": BUS}},
        )  # fmt: skip
        self.ids["delivered"] = self.send({"fail": 1})
        self.post("run-until-idle", {})
        self.sums = wait_until(self._counted)  # now: a restart forgets them

    def _counted(self) -> dict[str, float] | None:
        found = json.loads(self.server.get("/_lambent/metrics?function=explained&qualifier=&totals=1"))
        sums = {each["metric"]: each["total"]["sum"] for each in found["metrics"]}
        return sums if "ConcurrentExecutions" in sums else None

    def call(self, event: Any = None) -> str:
        answer = self.server.client.invoke(FunctionName=self.function.name, Payload=json.dumps(event or {}))
        answer["Payload"].read()
        return str(answer["ResponseMetadata"]["RequestId"])

    def send(self, event: Any) -> str:
        answer = self.server.client.invoke(
            FunctionName=self.function.name, Payload=json.dumps(event), InvocationType="Event"
        )
        return str(answer["ResponseMetadata"]["RequestId"])

    def update(self, **configuration: Any) -> None:
        client, name = self.server.client, self.function.name
        client.update_function_configuration(FunctionName=name, **configuration)
        wait_until(lambda: client.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")

    def post(self, what: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.server.endpoint}/_lambent/clock/{what}", json.dumps(body).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=60).close()

    def _be_busy(self) -> None:
        """Two calls that last, and one more, which there is no permit for."""
        kept: list[str] = []
        threads = [threading.Thread(target=lambda: kept.append(self.call({"sleep": 5}))) for _ in range(2)]
        for number, thread in enumerate(threads, 1):
            thread.start()
            wait_until(lambda number=number: self.server.status()["sandboxes"]["busy"] == number)
        with pytest.raises(ClientError) as caught:
            self.call()
        self.ids["throttled"] = caught.value.response["ResponseMetadata"]["RequestId"]
        for thread in threads:
            thread.join()
        told = {each: " ".join(self.texts(each)) for each in kept}
        self.ids["while busy"] = next(each for each in kept if "cold" in told[each])

    def document(self, request_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.server.get(f"/_lambent/explain/{request_id}"))
        return found

    def texts(self, request_id: str) -> list[str]:
        return [chapter["text"] for chapter in self.document(request_id)["life"]]

    def explain(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "lambent", "explain", "--endpoint-url", self.server.endpoint, *words],
            cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("first", "first call of this version on this node"),
        ("while busy", "1 sandbox was busy"),
        ("after an exit", "the last sandbox had ended: exit (exit status 3)"),
        ("after an update", "first call since the function was updated at 20"),
        ("after a time-out", "the last sandbox had ended: time-out"),
        ("after a rest", "its sandboxes had been idle for 600 s and were stopped"),
    ],
)
def test_a_cold_call_says_why_there_was_no_sandbox(world: World, call: str, reason: str) -> None:
    (cold,) = [text for text in world.texts(world.ids[call]) if text.startswith("cold")]
    assert f"cold, because: {reason}" in cold


def test_a_warm_call_has_no_reason_to_tell(world: World) -> None:
    warm = world.document(world.ids["exited"])
    assert [chapter["kind"] for chapter in warm["life"]] == ["received", "ran"]
    assert "failed with Runtime.ExitError" in warm["life"][1]["text"]


def test_a_throttled_call_says_who_held_the_permits(world: World) -> None:
    (received, throttled) = world.texts(world.ids["throttled"])
    assert received.startswith("received: a synchronous call")
    assert throttled.startswith("throttled (ConcurrentInvocationLimitExceeded): ")
    assert "explained (2)" in throttled


def test_a_retried_event_tells_each_attempt_when_the_next_was_due_and_where_it_is_kept(world: World) -> None:
    found = world.document(world.ids["retried"])
    kinds = [chapter["kind"] for chapter in found["life"]]
    assert kinds == ["accepted", "ran", "retry-at", "ran", "retry-at", "ran", "kept"]
    attempts = [text for text in world.texts(world.ids["retried"]) if text.startswith("attempt")]
    assert [text.split(":")[0] for text in attempts] == [
        f"attempt {number} ran for {text.split(' ')[4]} ms and failed with ValueError"
        for number, text in enumerate(attempts, 1)
    ]
    times = [chapter["at"] for chapter in found["life"] if chapter["kind"] == "ran"]
    assert times[1] - times[0] == pytest.approx(60, abs=5)
    assert times[2] - times[1] == pytest.approx(120, abs=5)
    assert "no on-failure destination, no dead-letter queue" in found["life"][-1]["text"]
    assert [now.split(" ")[0] for now in found["now"]] == ["kept"]
    assert [record["attempt"] for record in found["attempts"]] == [1, 2, 3]


def test_a_delivered_event_tells_where_its_record_went_and_lies_here_no_more(world: World) -> None:
    found = world.document(world.ids["delivered"])
    assert [chapter["kind"] for chapter in found["life"]] == ["accepted", "ran", "delivered"]
    assert found["life"][-1]["text"] == f"its record was delivered to {BUS}"
    assert found["now"] == []


def test_the_command_tells_it_line_by_line_in_utc(world: World) -> None:
    done = world.explain(world.ids["first"])
    assert done.returncode == 0, done.stderr
    first, function, received, cold, ran = done.stdout.splitlines()
    assert (first, function) == (world.ids["first"], f"of {world.document(first)['function']}")
    assert received[:4].isdigit()
    assert received[23] == "Z"
    assert "cold, because" in cold
    assert "billed" in ran


def test_an_unknown_id_is_an_error_that_says_what_was_searched(world: World) -> None:
    done = world.explain("no-such-id")
    assert done.returncode == 1
    for words in ("no-such-id", "the records of invocations (back to 20", "the journal", "kept", "outbox"):
        assert words in done.stderr


def test_metrics_count_what_happened(world: World) -> None:
    assert [world.sums[name] for name in ("Invocations", "Errors", "Throttles")] == [12, 6, 1]
    assert (world.sums["AsyncEventsReceived"], world.sums["AsyncEventsDropped"]) == (2, 2)


def test_after_a_power_cut_and_a_restart_the_same_is_told(world: World) -> None:
    before = {name: world.texts(request_id) for name, request_id in world.ids.items()}
    data = world.server.data
    world.server.stop()
    for torn in (max(data.glob("records/*.rec")), max(data.glob("journal/*.jnl"))):
        with open(torn, "ab") as file:
            file.write(b"\x01\x00half of an entry, as a power cut leaves it")
    world.server = Server(data, *FLAGS)
    assert {name: world.texts(request_id) for name, request_id in world.ids.items()} == before
