"""What queues, topics, buckets, buses and schedules have accepted survives `kill -9` of the server, of the agent and of
both: it is delivered or a dead letter, in its order, and nothing half is left."""

import contextlib
import datetime
import hashlib
import json
import os
import random
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from real_server import Server, alive, wait_until
from test_event_faults import kill_something
from trigger_world import World

Serve = Callable[..., Server]
KILLS = int(os.environ.get("LAMBENT_SERVER_KILLS", "10"))


class Message(NamedTuple):
    """One that lies in a queue."""

    message_id: str
    group: str
    body: str


def rows(data: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(data / "queue" / "lambent.db")) as connection:
        return connection.execute(query).fetchall()


def queues(data: Path) -> dict[str, list[Message]]:
    """What lies in each queue, in the order of acceptance."""
    found: dict[str, list[Message]] = defaultdict(list)
    query = "SELECT name, message_id, group_id, content FROM sqs_messages m JOIN sqs_queues q ON q.number = m.queue"
    for name, message_id, group, content in rows(data, query + " ORDER BY m.id"):
        found[name].append(Message(message_id, group, json.loads(content)["body"]))
    return found


def in_groups(messages: list[Message]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = defaultdict(list)
    for each in messages:
        found[each.group].append(each)
    return found


def check_messages(world: World, found: dict[str, list[Message]]) -> None:
    """Standard queues, topics and PutEvents: all that was acknowledged is somewhere."""
    dead = {body for each in found["dead"] for body in bodies_in(each)}
    seen = {json.loads(each.body)[1] for each in found["seen"]}
    assert set(world.work.acknowledged) <= seen | dead
    assert {body for body in world.work.acknowledged if body.endswith("poison")} <= dead
    assert set(world.published.acknowledged) <= seen | dead
    copies = Counter(each.body for each in found["topic"])
    assert set(world.published.acknowledged) <= set(copies)
    put = Counter(json.loads(each.body)["id"] for each in found["put"])
    assert set(world.events.acknowledged) <= set(put)
    assert max(copies.values()) == max(put.values()) == 1  # a queue here gets what is passed on in the same step
    left = {each.body for each in found["consumed"]}
    assert set(world.consumed.acknowledged) <= left | world.consumer.tried
    assert not left & world.consumer.deleted
    assert not world.consumer.came_back


def bodies_in(letter: Message) -> list[str]:
    """What a dead letter tells of: itself, or what the event had that a function failed on."""
    if not letter.body.startswith("{"):
        return [letter.body]
    return [each["Sns"]["Message"] for each in json.loads(letter.body)["requestPayload"]["Records"]]


def check_order(world: World, found: dict[str, list[Message]]) -> None:
    """FIFO: each group as it was sent, without a gap, and no number under two message ids."""
    for group, messages in in_groups(found["topic.fifo"]).items():
        told = [json.loads(each.body) for each in messages]
        assert [each["Message"] for each in told] == [str(n) for n in range(1, len(told) + 1)], group
        ids = world.told.acknowledged[group]
        assert [each["MessageId"] for each in told][: len(ids)] == ids
    for order in world.orders:
        for group, ids in order.acknowledged.items():
            seen = [json.loads(each.body) for each in in_groups(found["seen.fifo"])[group]]
            last = 0
            for _, number in seen:
                assert int(number) <= last + 1, (group, seen)  # once more is allowed, further on is not
                last = max(last, int(number))
            assert last >= len(ids)
            assert len({tuple(each) for each in seen}) == last, group
            assert [message_id for message_id, _ in dict.fromkeys(map(tuple, seen))][: len(ids)] == ids
    for numbered in (*world.orders, world.told):
        assert numbered.doubled == []
        assert all(each == sorted(set(each)) for each in numbered.sequences.values())


def check_schedules(world: World, ticks: list[Message], now: float) -> None:
    """Each time that has come was fired once."""
    planner, fired = world.planner, Counter(each.body for each in ticks)
    assert max(fired.values()) == 1
    by_name: dict[str, list[str]] = defaultdict(list)
    for each in ticks:
        name, moment = each.body.split()
        by_name[name].append(moment)
    for name, due in planner.acknowledged.items():
        if name in planner.deleted:
            assert by_name[name] == [], name
        elif name not in planner.doubtful:
            assert by_name[name] == [iso(due)], name
    assert all(len(by_name[name]) <= 1 for name in planner.tried)
    for name, first in world.rates.items():
        wanted = {iso(moment) for moment in range(first, int(now), 60)}
        assert wanted <= set(by_name[name]) <= wanted | {iso(moment) for moment in range(first, int(now) + 60, 60)}, (
            name
        )


def iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_notices(world: World, found: dict[str, list[Message]]) -> None:
    """The queue and the bus were told of each object that was put, and of each that was deleted."""
    records = [each for message in found["bucket"] for each in json.loads(message.body).get("Records", [])]
    events = [json.loads(message.body) for message in found["bridge"]]
    by_queue = Counter(
        (each["eventName"].split(":")[0], each["s3"]["object"]["key"].replace("%2F", "/"),
         each["s3"]["object"].get("eTag", "")) for each in records
    )  # fmt: skip
    by_bus = Counter(
        ("ObjectCreated" if each["detail-type"] == "Object Created" else "ObjectRemoved",
         each["detail"]["object"]["key"], each["detail"]["object"].get("etag", "")) for each in events
    )  # fmt: skip
    for told in (by_queue, by_bus):
        for name, key in (each for uploader in world.uploaders for each in uploader.keys.items()):
            assert {("ObjectCreated", name, etag) for etag in key.put} <= set(told), name
            assert sum(n for (kind, at, _), n in told.items() if (kind, at) == ("ObjectRemoved", name)) >= key.removed


def check_objects(world: World) -> None:
    """Each is what the last answer promised, or what was tried after it; and whole."""
    s3 = world.aws["s3"]
    listed = [
        each for page in s3.get_paginator("list_objects_v2").paginate(Bucket="bucket") for each in page["Contents"]
    ]
    there = {each["Key"]: each["ETag"].strip('"') for each in listed}
    for name, key in (each for uploader in world.uploaders for each in uploader.keys.items()):
        if name not in there:
            assert None in key.may_be, name
            continue
        got = s3.get_object(Bucket="bucket", Key=name)
        digest = hashlib.md5(got["Body"].read()).hexdigest()
        assert got["ETag"].strip('"') == there[name]
        assert (there[name], digest) in [tuple(each) for each in key.may_be if each], name


def strand_file(data: Path) -> None:
    """What a kill leaves between the file of an object and its row: an instant too short to be met often."""
    directory = next(each for each in (data / "s3").iterdir() if each.name != "new")  # the server's own, to remove from
    (directory / f"{directory.name}{'0' * 30}").write_bytes(b"half")


def check_files(world: World) -> None:
    """No file is there that no object needs, once uploads that were not completed are aborted."""
    s3, data = world.aws["s3"], world.server.data
    for each in s3.list_multipart_uploads(Bucket="bucket").get("Uploads", []):
        s3.abort_multipart_upload(Bucket="bucket", Key=each["Key"], UploadId=each["UploadId"])
    abouts = [json.loads(each) for (each,) in rows(data, "SELECT about FROM s3_objects")]
    needed = {part["file"] for about in abouts for part in about.get("parts", []) if part.get("file")}
    assert needed == {name for (name,) in rows(data, "SELECT name FROM s3_files")}
    wait_until(lambda: {path.name for path in (data / "s3").glob("*/*")} == needed)


@pytest.mark.root
def test_kills_of_server_agent_and_both_lose_nothing_that_any_service_accepted(serve: Serve) -> None:
    seed = int(os.environ.get("LAMBENT_SEED", random.randrange(1_000_000)))
    print(f"LAMBENT_SEED={seed} LAMBENT_SERVER_KILLS={KILLS}")
    chance = random.Random(seed)
    server = serve()
    world = World(server, chance)
    world.work_all()
    family = {}
    try:
        for _ in range(KILLS):
            time.sleep(chance.random())
            family |= server.family()
            what = chance.choice(("server", "agent", "both"))
            kill_something(server, what)
            if what != "agent":
                server = world.server = serve("--port", str(server.port), data=server.data)
    finally:
        world.crowd.stop()
    wait_until(world.is_calm)
    ended = time.time()
    family |= server.family()
    server.stop()

    assert world.crowd.surprises == []
    found = queues(server.data)
    print({name: len(messages) for name, messages in found.items()})
    at_work = ("seen", "seen.fifo", "topic", "topic.fifo", "put", "bucket", "bridge", "ticks", "dead")
    assert all(found[name] for name in at_work)
    check_messages(world, found)
    check_order(world, found)
    check_schedules(world, found["ticks"], ended)
    check_notices(world, found)
    strand_file(server.data)
    world.server = again = serve("--port", str(server.port), data=server.data)
    check_objects(world)
    check_files(world)
    family |= again.family()
    assert again.stop() == 0
    assert alive(family) == {}
    assert again.cgroups() == []
    assert str(again.data) not in Path("/proc/self/mountinfo").read_text()
