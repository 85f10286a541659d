"""Clients of every service that triggers something, which go on whatever happens to the server.

What was answered with a 200 is noted; nobody was promised anything of the rest. Each client is one thread, and what it
notes is read when it has ended.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import itertools
import json
import os
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from real_server import client

ARN = "arn:aws:{}:us-east-1:000000000000:{}"
LARGE = os.urandom(7 * 1024 * 1024)
SIZES = (1_000, 60_000, 66_000, 700_000, 3_000_000)  # on both sides of what is kept in a row
PART = 5 * 1024 * 1024  # the smallest that has another behind it


def sqs_arn(name: str) -> str:
    return ARN.format("sqs", name)


class Crowd:
    """All clients of one server; `surprises` are refusals, of which there should be none."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.surprises: list[str] = []
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, service: str, step: Callable[[Any, int], None], *, pause_s: float, again: bool = False) -> None:
        """Have `step(client, number)` done over and over; `again`: with the same number until it has succeeded."""
        thread = threading.Thread(target=self._work, args=(service, step, pause_s, again))
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _work(self, service: str, step: Callable[[Any, int], None], pause_s: float, again: bool) -> None:
        own = client(self.endpoint, service=service)
        numbers = itertools.count(1)
        number = next(numbers)
        while not self._stopped.wait(pause_s):
            done = self._succeeds(step, own, number)
            number = number if again and not done else next(numbers)
            time.sleep(0 if done else 0.1)  # the server that is starting needs the processor
        own.close()

    def _succeeds(self, step: Callable[[Any, int], None], own: Any, number: int) -> bool:
        try:
            step(own, number)
        except BotoCoreError:  # nobody was there, or has gone before the answer
            return False
        except ClientError as error:
            self.surprises.append(f"{error.operation_name}: {error}")
            return False
        return True


class Numbered:
    """What is sent in numbered groups: the answered messages of a group are 1, 2, 3 and so on. Some are sent again, as
    by a client that has forgotten the answer."""

    def __init__(self, name: str, groups: int) -> None:
        self.acknowledged: dict[str, list[str]] = defaultdict(list)  # group -> message ids, in order
        self.sequences: dict[str, list[int]] = defaultdict(list)
        self.doubled: list[str] = []  # those that were not taken for the first one
        self._name = name
        self._groups = groups

    def send(self, url: str) -> Callable[[Any, int], None]:
        """To a FIFO queue."""
        return lambda sqs, number: self._note(
            number, lambda **named: sqs.send_message(QueueUrl=url, MessageBody=named.pop("body"), **named)
        )

    def publish(self, topic: str) -> Callable[[Any, int], None]:
        """To a FIFO topic."""
        return lambda sns, number: self._note(
            number, lambda **named: sns.publish(TopicArn=topic, Message=named.pop("body"), **named)
        )

    def _note(self, number: int, call: Callable[..., Any]) -> None:
        group = f"{self._name}-{number % self._groups}"
        ids = self.acknowledged[group]
        if ids and number % 4 == 0:
            said = self._numbered(call, group, len(ids))
            self.doubled += [f"{group}/{len(ids)}"] if said["MessageId"] != ids[-1] else []
        said = self._numbered(call, group, len(ids) + 1)
        ids.append(said["MessageId"])
        self.sequences[group].append(int(said["SequenceNumber"]))

    def _numbered(self, call: Callable[..., Any], group: str, number: int) -> Any:
        return call(body=str(number), MessageGroupId=group, MessageDeduplicationId=f"{group}/{number}")


class Sender:
    """What is sent once, each with a name of its own."""

    def __init__(self, name: str) -> None:
        self.acknowledged: list[str] = []
        self._name = name

    def send(self, url: str) -> Callable[[Any, int], None]:
        def step(sqs: Any, number: int) -> None:
            body = f"{self._name}-{number}" + ("-poison" if number % 20 == 0 else "")
            sqs.send_message(QueueUrl=url, MessageBody=body)
            self.acknowledged.append(body)

        return step

    def send_three(self, url: str) -> Callable[[Any, int], None]:
        def step(sqs: Any, number: int) -> None:
            bodies = {str(n): f"{self._name}-{number}-{n}" for n in range(3)}
            entries = [{"Id": key, "MessageBody": body} for key, body in bodies.items()]
            said = sqs.send_message_batch(QueueUrl=url, Entries=entries)
            self.acknowledged += [bodies[each["Id"]] for each in said["Successful"]]

        return step

    def publish(self, topic: str) -> Callable[[Any, int], None]:
        def step(sns: Any, number: int) -> None:
            sns.publish(TopicArn=topic, Message=f"{self._name}-{number}")
            self.acknowledged.append(f"{self._name}-{number}")

        return step

    def put_events(self, events: Any, number: int) -> None:
        entry = {"Source": "faults", "DetailType": "t", "Detail": json.dumps({"number": number})}
        said = events.put_events(Entries=[entry] * 3)
        self.acknowledged += [each["EventId"] for each in said["Entries"] if "EventId" in each]


class Consumer:
    """Receives and deletes; what it deleted with a 200 must never come again."""

    def __init__(self, url: str) -> None:
        self.deleted: set[str] = set()
        self.tried: set[str] = set()  # perhaps deleted
        self.came_back: list[str] = []
        self._url = url

    def step(self, sqs: Any, number: int) -> None:
        found = sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        self.came_back += [each["Body"] for each in found if each["Body"] in self.deleted]
        if not found:
            return
        bodies = {str(n): each["Body"] for n, each in enumerate(found)}
        self.tried |= set(bodies.values())
        entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(found)]
        said = sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        self.deleted |= {bodies[each["Id"]] for each in said.get("Successful", [])}


class Content(NamedTuple):
    """What an object was to hold."""

    etag: str
    digest: str  # of the whole


class Key:
    """What a client did to one key. The last that was answered counts, or one that was tried after it."""

    def __init__(self) -> None:
        self.may_be: list[Content | None] = [None]  # None: it is not there
        self.put: list[str] = []  # ETags that were answered
        self.removed = 0  # deletions that were answered, of what was there for certain

    @contextlib.contextmanager
    def trying(self, content: Content | None) -> Iterator[None]:
        """Left without an error, it is so."""
        self.may_be.append(content)
        yield
        there = None not in self.may_be[:-1]
        self.may_be = [content]
        if content is not None:
            self.put.append(content.etag)
        elif there:
            self.removed += 1


class Uploader:
    """Puts, overwrites and deletes objects in one bucket, some in parts; two of these share no key."""

    def __init__(self, bucket: str, name: str, chance: random.Random) -> None:
        self.keys: dict[str, Key] = {f"{name}/{number}": Key() for number in range(25)}
        self._bucket = bucket
        self._chance = chance

    def step(self, s3: Any, number: int) -> None:
        key = self._chance.choice(list(self.keys))
        kind = self._chance.random()
        if kind < 0.12:
            self._put_in_parts(s3, key)
        elif kind < 0.3:
            with self.keys[key].trying(None):
                s3.delete_object(Bucket=self._bucket, Key=key)
        else:
            self._put(s3, key)

    def _body(self, size: int) -> bytes:
        start = self._chance.randrange(len(LARGE) - size)
        return LARGE[start : start + size]

    def _put(self, s3: Any, key: str) -> None:
        body = self._body(self._chance.choice(SIZES))
        digest = hashlib.md5(body).hexdigest()
        with self.keys[key].trying(Content(digest, digest)):
            assert s3.put_object(Bucket=self._bucket, Key=key, Body=body)["ETag"] == f'"{digest}"'

    def _put_in_parts(self, s3: Any, key: str) -> None:
        body = self._body(PART + 70_000)
        parts = body[:PART], body[PART:]
        digests = b"".join(hashlib.md5(part).digest() for part in parts)
        named = {"Bucket": self._bucket, "Key": key}
        named["UploadId"] = s3.create_multipart_upload(**named)["UploadId"]
        etags = [s3.upload_part(**named, PartNumber=n, Body=part)["ETag"] for n, part in enumerate(parts, 1)]
        listed = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
        etag = f"{hashlib.md5(digests).hexdigest()}-2"
        with self.keys[key].trying(Content(etag, hashlib.md5(body).hexdigest())):
            s3.complete_multipart_upload(**named, MultipartUpload={"Parts": listed})


class Planner:
    """Makes schedules for single times that are near, and deletes some before their time."""

    def __init__(self, queue: str) -> None:
        self.acknowledged: dict[str, float] = {}  # name -> when it is due, epoch seconds
        self.tried: set[str] = set()
        self.deleted: set[str] = set()  # well before their time
        self.doubtful: set[str] = set()  # perhaps deleted
        self.last_s = 0.0
        self._queue = queue

    def target(self, name: str) -> dict[str, str]:
        text = f"{name} <aws.scheduler.scheduled-time>"
        return {"Arn": sqs_arn(self._queue), "RoleArn": "arn:aws:iam::000000000000:role/scheduler", "Input": text}

    def step(self, scheduler: Any, number: int) -> None:
        name, moment = f"once-{uuid.uuid4().hex}", int(time.time()) + 3 + number % 3
        self.tried.add(name)
        self.last_s = max(self.last_s, moment)
        when = datetime.datetime.fromtimestamp(moment, datetime.UTC).replace(tzinfo=None).isoformat()
        scheduler.create_schedule(
            Name=name, ScheduleExpression=f"at({when})", FlexibleTimeWindow={"Mode": "OFF"}, Target=self.target(name),
            ActionAfterCompletion="DELETE" if number % 2 else "NONE",
        )  # fmt: skip
        self.acknowledged[name] = moment
        if number % 5 == 0:
            self._delete(scheduler, name, moment)

    def _delete(self, scheduler: Any, name: str, moment: int) -> None:
        self.doubtful.add(name)
        try:
            scheduler.delete_schedule(Name=name)
        except scheduler.exceptions.ResourceNotFoundException:
            return  # it has fired meanwhile, and with that it was to go
        if time.time() < moment:
            self.deleted.add(name)
            self.doubtful.discard(name)
