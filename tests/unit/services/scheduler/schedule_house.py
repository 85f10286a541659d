"""EventBridge Scheduler without a socket: its operations, a real database, a clock that is moved by hand, and a service
to which everything can be delivered ("sqs")."""

from lambent.errors import Undeliverable
from lambent.services.post import Post
from lambent.services.scheduler.engine import Scheduler
from lambent.services.scheduler.registry import handle
from lambent.store.ledger import Entry, Ledger
from lambent.store.queue import open_queue
from lambent.store.scheduler import SchedulerStore
from lambent.wire.http import Request
from lambent.wire.parse import Call

ACCOUNT, REGION = "111111111111", "eu-west-1"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sender"


class Takes:
    """Remembers what was written; refuses what is for a queue that is called gone."""

    def __init__(self):
        self.taken = []

    def entries(self, outgoing):
        if outgoing.target.endswith(":gone"):
            raise Undeliverable(f"there is no queue {outgoing.target}")
        return (Entry([], written=lambda: self.taken.append(outgoing)),)


class House:
    """`again` is the same server after a restart."""

    def __init__(self, directory, clock):
        self.directory, self.clock, self.takes = directory, clock, Takes()
        self._open()

    def _open(self):
        self.database = open_queue(self.directory)
        self.ledger, post = Ledger(self.database), Post()
        post.takers["sqs"] = self.takes
        self.scheduler = Scheduler(SchedulerStore(self.database), self.ledger, post, self.clock)
        self.scheduler.start()

    async def again(self):
        await self.close()
        self._open()

    async def close(self):
        self.scheduler.close()
        await self.ledger.close()
        self.database.close()

    async def __call__(self, operation, **parameters):
        request = Request("POST", "/", "", {}, b"")
        call = Call("scheduler", operation, parameters, request, "id", "", ACCOUNT, REGION, None)
        return await handle(self.scheduler, call)

    def schedule(self, operation="CreateSchedule", *, text="tick", **changes):
        """A schedule that sends the text to the queue every minute, or what is asked for instead."""
        usual = {
            "Name": "schedule", "ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": QUEUE, "RoleArn": ROLE, "Input": text},
        }  # fmt: skip
        return self(operation, **(usual | changes))

    @property
    def bodies(self):
        """What was delivered since the last look, as text."""
        taken, self.takes.taken = self.takes.taken, []
        return [outgoing.body.decode() for outgoing in taken]
