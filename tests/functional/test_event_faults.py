"""Events that got a 202 survive `kill -9` at any instant: each ends in exactly one place; what ran twice is counted."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_server import ROOT

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

    def run(self, order: str, kill_after_s: float | None = None) -> None:
        """One child, killed after a while unless it is to end by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            words = line.split()
            if words[0] == "gone":
                return
            if words[0] == "child" and kill_after_s is not None:
                time.sleep(kill_after_s)
                os.kill(int(words[1]), signal.SIGKILL)
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
    with contextlib.closing(sqlite3.connect(directory / "data" / "queue" / "lambent.db")) as connection:
        return Counter(row[0] for row in connection.execute(f"SELECT request_id FROM {table}"))


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
        victim.run(str(seed + number), kill_after_s=chance.random() * 0.12)
    victim.run("drain")
    assert victim.said[-1] == "ended"

    accepted = victim.told("accepted")
    assert len(accepted) > KILLS  # it was at work between the kills
    left, letters, kept = (stored(tmp_path, table) for table in ("events", "letters", "kept"))
    assert not left
    ran = Counter(victim.told("ran"))
    for request_id in accepted:
        kind = request_id.partition("-")[0]
        assert letters[request_id] == (kind in ("destined", "dead")), request_id
        assert kept[request_id] == (kind == "kept"), request_id
        assert ran[request_id] >= 1, request_id
    assert max(letters.values()) == max(kept.values()) == 1
    # A second run is either that of an event which was taken when its server ended, or one that our own error repeated.
    interrupted = sum(map(int, victim.told("interrupted")))
    again = sum(ran.values()) - len(ran)
    assert again <= interrupted + sum(ran.values()) * 0.1
    assert all(int(line.split()[2]) <= CAP for line in victim.said if line.startswith("ran "))
