"""Events that got a 202 survive `kill -9` at any instant: each ends in exactly one place; what ran twice is counted."""

import contextlib
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from real_server import ROOT, Function, Server, client, wait_until

Serve = Callable[..., Server]
KILLS = int(os.environ.get("LAMBENT_KILLS", "200"))
CAP = 5


class Victim:
    """The program of event_victim.py, and all that its children have said."""

    def __init__(self, directory: Path) -> None:
        self.said: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("event_victim.py"), str(directory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def run(self, order: str, kill_after_s: float | None = None, *, since: str = "child") -> None:
        """One child, killed a while after it has said the word `since`, unless it is to end by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            words = line.split()
            if words[0] == "gone":
                return
            if words[0] == "child":
                pid = int(words[1])
            if words[0] == since and kill_after_s is not None:
                time.sleep(kill_after_s)
                os.kill(pid, signal.SIGKILL)
            self.said.append(line.rstrip("\n"))

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def told(self, kind: str) -> list[str]:
        return [line.split()[1] for line in self.said if line.startswith(kind + " ")]


def stored(directory: Path, table: str) -> Counter[str]:
    """How often each request id stands in a table of the queue."""
    with contextlib.closing(sqlite3.connect(directory / "queue" / "lambent.db")) as connection:
        return Counter(row[0] for row in connection.execute(f"SELECT request_id FROM {table}"))


def in_queues(directory: Path) -> Counter[str]:
    """How often each request id is told of by a message of any queue."""
    with contextlib.closing(sqlite3.connect(directory / "queue" / "lambent.db")) as connection:
        contents = [json.loads(row[0]) for row in connection.execute("SELECT content FROM sqs_messages")]
    return Counter(
        content["attributes"]["RequestID"]["StringValue"]
        if content["attributes"]
        else json.loads(content["body"])["requestContext"]["requestId"]
        for content in contents
    )


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    victim = Victim(tmp_path)
    yield victim
    victim.stop()


def test_two_hundred_kills_lose_no_accepted_event_and_end_none_twice(tmp_path: Path, victim: Victim) -> None:
    seed = int(os.environ.get("LAMBENT_SEED", random.randrange(1_000_000)))
    print(f"LAMBENT_SEED={seed} LAMBENT_KILLS={KILLS}")
    chance = random.Random(seed)
    for number in range(KILLS):
        # Every third while it starts, as far as it comes then; the others when it is at work.
        since = "interrupted" if number % 3 else "child"
        victim.run(str(seed + number), kill_after_s=chance.random() * 0.1, since=since)
    victim.run("drain")
    assert victim.said[-1] == "ended"

    accepted = victim.told("accepted")
    assert len(accepted) > KILLS // 4  # it was at work between the kills, however busy the machine is
    left, letters, kept = (stored(tmp_path / "data", table) for table in ("events", "letters", "kept"))
    sent = in_queues(tmp_path / "data")
    assert not left
    assert not letters
    after: dict[str, set[str]] = {}
    for line in victim.said:
        if line.startswith("after "):
            after.setdefault(line.split()[1], set()).add(line.split()[2])
    ran = Counter(victim.told("ran"))
    for request_id in accepted:
        kind = request_id.partition("-")[0]
        assert sent[request_id] == (kind in ("destined", "dead")), request_id
        assert len(after.get(request_id, ())) == (kind == "chained"), request_id
        assert kept[request_id] == (kind == "kept"), request_id
        assert ran[request_id] >= 1, request_id
    assert max(sent.values()) == max(kept.values()) == 1
    # A second run is either that of an event which was taken when its server ended, or one that our own error repeated.
    interrupted = sum(map(int, victim.told("interrupted")))
    again = sum(ran.values()) - len(ran)
    assert again <= interrupted + sum(ran.values()) * 0.1
    assert all(int(line.split()[2]) <= CAP for line in victim.said if line.startswith("ran "))


HANDLER = """
    import time
    def handler(event, context):
        began = time.time()
        time.sleep(0.02)
        print(f"run {context.aws_request_id} {began!r} {time.time()!r}", flush=True)
        if not event["succeeds"]:
            raise ValueError("it never does")
"""
RESERVED = 3
SERVER_KILLS = int(os.environ.get("LAMBENT_SERVER_KILLS", "12"))


class Producers:
    """Clients that send events all the time, whatever happens to the server; `accepted` are those with a 202."""

    def __init__(self, endpoint: str, names: list[str]) -> None:
        self.accepted: dict[str, str] = {}  # request id -> function
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(endpoint, name)) for name in names]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _send(self, endpoint: str, name: str) -> None:
        lambda_client = client(endpoint)
        payload = json.dumps({"succeeds": name == "destined"})
        while not self._stopped.wait(0.02):
            try:
                answer = lambda_client.invoke(FunctionName=name, InvocationType="Event", Payload=payload)
            except (BotoCoreError, ClientError):
                continue  # nobody was promised anything
            assert answer["StatusCode"] == 202
            self.accepted[answer["ResponseMetadata"]["RequestId"]] = name
        lambda_client.close()


def deploy_three(server: Server) -> list[str]:
    """Functions whose events end in a destination, in a dead-letter queue, and in the kept list."""
    names = ["destined", "dead", "kept"]
    sqs = client(server.endpoint, service="sqs")
    for queue in ("dead", "done"):
        sqs.create_queue(QueueName=queue)
    for name in names:
        dead = {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}} if name == "dead" else {}
        server.deploy(HANDLER, name=name, **dead)
        destination = {"Destination": "arn:aws:sqs:us-east-1:000000000000:done"}
        server.client.put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=0,
            DestinationConfig={"OnSuccess": destination} if name == "destined" else {},
        )  # fmt: skip
        server.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=RESERVED)
    return names


def kill_something(server: Server, what: str) -> None:
    """The agent comes back by itself; the server has to be started again."""
    try:
        agent = server.status()["agent_pid"]
    except OSError:
        agent = None
    if what in ("agent", "both") and agent:
        with contextlib.suppress(ProcessLookupError):
            os.kill(agent, signal.SIGKILL)
    if what in ("server", "both"):
        server.kill()


def most_at_once(server: Server, name: str) -> int:
    """How many runs of a function that came to their end overlapped, by their own clocks."""
    runs = [line.split()[2:] for line in Function(server, name).logs() if line.startswith("run ")]
    edges = sorted(edge for began, ended in runs for edge in ((float(began), 1), (float(ended), -1)))
    return max(itertools.accumulate(change for _, change in edges))


@pytest.mark.root
def test_kills_of_server_agent_and_both_lose_no_event_that_got_a_202(tmp_path: Path, serve: Serve) -> None:
    seed = int(os.environ.get("LAMBENT_SEED", random.randrange(1_000_000)))
    print(f"LAMBENT_SEED={seed} LAMBENT_SERVER_KILLS={SERVER_KILLS}")
    chance = random.Random(seed)
    server = serve()
    names = deploy_three(server)
    producers = Producers(server.endpoint, names)
    try:
        for _ in range(SERVER_KILLS):
            time.sleep(chance.random() * 0.6)
            what = chance.choice(("server", "agent", "both"))
            kill_something(server, what)
            if what != "agent":
                server = serve("--port", str(server.port), data=server.data)
    finally:
        producers.stop()
    wait_until(lambda: not any(server.status()["events"][kind] for kind in ("waiting", "running")))
    assert max(most_at_once(server, name) for name in names) <= RESERVED
    server.stop()

    found = {table: stored(server.data, table) for table in ("events", "letters", "kept")}
    found["messages"] = in_queues(server.data)
    assert not found["events"]
    assert len(producers.accepted) > SERVER_KILLS
    for request_id, name in producers.accepted.items():
        sent = found["messages"][request_id] + found["letters"][request_id]
        assert (sent, found["kept"][request_id]) == ((0, 1) if name == "kept" else (1, 0)), (request_id, name)
