"""The services that trigger functions, and what these and functions pass on to each other: a piece of app."""

from collections.abc import Awaitable, Callable
from functools import partial

from lambent import mapping_sources
from lambent.clock import RealClock
from lambent.control.control import Control
from lambent.events.delivery import Delivery
from lambent.events.engine import Engine
from lambent.events.messages import message_for
from lambent.mapping_sources import MappingSources
from lambent.model import Document, Letter
from lambent.observe.logbook import Logbook
from lambent.principal import root_of
from lambent.services.events.engine import EventBridge
from lambent.services.events.registry import handle as handle_events
from lambent.services.events.taker import BusTaker
from lambent.services.external import rules
from lambent.services.external.calls import Calls
from lambent.services.external.delivery import ExternalTaker, ExternalTarget, Lost
from lambent.services.external.objects import ExternalObjects
from lambent.services.logs.engine import Logs
from lambent.services.logs.registry import handle as handle_logs
from lambent.services.logs.watch import Watches
from lambent.services.post import FunctionTaker, Outgoing, Post
from lambent.services.s3.code import CodeObjects
from lambent.services.s3.engine import S3
from lambent.services.s3.reaper import Reaper
from lambent.services.s3.registry import handle as handle_s3
from lambent.services.s3.taker import BucketTaker
from lambent.services.scheduler.engine import Scheduler
from lambent.services.scheduler.registry import handle as handle_schedules
from lambent.services.sns.engine import Sns
from lambent.services.sns.registry import handle as handle_sns
from lambent.services.sns.taker import TopicTaker
from lambent.services.sqs import move_tasks
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.ledger import MessageLedger
from lambent.services.sqs.registry import handle as handle_sqs
from lambent.services.sqs.taker import QueueTaker
from lambent.store.buckets import Buckets
from lambent.store.eventbridge import EventBridgeStore
from lambent.store.ledger import Entry, Ledger
from lambent.store.logs import LogsStore
from lambent.store.object_files import ObjectFiles
from lambent.store.s3 import S3Store
from lambent.store.scheduler import SchedulerStore
from lambent.store.sns import SnsStore
from lambent.store.sqs import SqsStore
from lambent.wire.parse import Call

Answers = Callable[[Call], Awaitable[Document]]


class LetterTarget:
    """Destinations and dead-letter queues of functions, where they are of this server: the letter goes in the step in
    which the message comes, so that there is one of them, never none or both."""

    def __init__(self, post: Post, ledger: Ledger) -> None:
        self._post = post
        self._ledger = ledger

    async def deliver(self, letter: Letter) -> bool:
        outgoing = outgoing_of(letter)
        await self._ledger.enter(*self._post.entries(outgoing), Entry([("letter_end", {"id": letter.id})]))
        return True


def outgoing_of(letter: Letter) -> Outgoing:
    """A letter of a function as the services pass things on. Raises Undeliverable."""
    message = message_for(letter)
    header = message.parameters.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {})
    return Outgoing(
        target=letter.target, body=message.body, sender=root_of(letter.account),
        trace=str(header.get("StringValue", "")),
        source=f"arn:aws:lambda:{letter.region}:{letter.account}:function:{letter.name}",
        attributes=message.parameters.get("MessageAttributes", {}), key=message.parameters.get("Key", ""),
        detail_type=message.parameters.get("DetailType", ""), event_source=message.parameters.get("Source", ""),
        resources=tuple(message.parameters.get("Resources", ())),
    )  # fmt: skip


class Triggers:
    """The services that functions are triggered by and deliver to. `answers` are their operations, by botocore's names.

    Each service that is added here takes what others pass on (`post.takers`), and the letters of functions with it.
    """

    def __init__(
        self, control: Control, engine: Engine, delivery: Delivery, work: mapping_sources.Engine,
        notes: mapping_sources.Notes, *, base: Callable[[], str], logbook: Logbook,
    ) -> None:  # fmt: skip
        """`work` runs functions for the pollers of mappings, which tell `notes`; `base` is this server's address."""
        database, clock, may, key = engine.database, control.clock, control.permits.may, control.secret
        self.external = Calls(rules.load(control.settings.external), control.settings.region)
        self.ledger = MessageLedger(database)
        self.post = Post()
        self.sqs = Sqs(SqsStore(database), self.ledger, clock, key)
        functions = self.post.takers["lambda"] = FunctionTaker(engine.entry, work.resolve, may, clock)
        self.post.takers["sqs"] = QueueTaker(self.sqs)
        self.sns = Sns(
            SnsStore(database), self.ledger, self.post, clock, directory=control.settings.data_dir, base=base
        )
        self.post.takers["sns"] = TopicTaker(self.sns)
        self.events = EventBridge(EventBridgeStore(database), self.ledger, self.post, clock)
        self.post.takers["events"] = BusTaker(self.events)
        self.scheduler = Scheduler(SchedulerStore(database), self.ledger, self.post, clock)
        files = ObjectFiles(control.settings.data_dir / "s3")
        self.s3 = S3(S3Store(database), files, self.ledger, self.post, clock)
        self.reaper = Reaper(self.s3)
        self.post.takers["s3"] = BucketTaker(self.s3)
        control.objects = ExternalObjects(
            self.external, CodeObjects(self.s3, Buckets(control.settings.code_buckets))
        )  # fmt: skip
        self.logs = Logs(
            LogsStore(database), self.ledger, self.post, clock, real=RealClock(), logbook=logbook,
            allowed=functions.check,
        )  # fmt: skip
        self.watches = Watches(self.logs)
        self.answers: dict[str, Answers] = {
            "s3": partial(handle_s3, self.s3),
            "sqs": partial(handle_sqs, self.sqs),
            "sns": partial(handle_sns, self.sns),
            "events": partial(handle_events, self.events),
            "scheduler": partial(handle_schedules, self.scheduler),
            "logs": partial(handle_logs, self.logs, self.watches),
        }
        self._reach_out(control, delivery)
        self.sources = control.sources = MappingSources(control, self.sqs, self.external, work, notes)
        letters = LetterTarget(self.post, self.ledger)
        delivery.targets.add({service: letters for service in self.post.takers if service != "lambda"})

    def _reach_out(self, control: Control, delivery: Delivery) -> None:
        """What the setting `external` names lies elsewhere, for whoever sends something there."""
        self.post.abroad = ExternalTaker(self.external, control.clock, delivery.posted)
        target = ExternalTarget(self.external, outgoing_of)
        delivery.targets.abroad = lambda arn: target if self.external.has(arn) else None
        delivery.postman.lost = Lost(self.post, self.ledger).tell
        control.elsewhere = self.external.has

    def start(self) -> None:
        """Before the first request."""
        self.s3.start()
        self.sqs.start()
        move_tasks.resume(self.sqs)
        self.sns.start()
        self.events.start()
        self.scheduler.start()
        self.logs.start()
        self.watches.start()
        self.sources.start()

    def hush(self) -> None:
        """The server is about to stop: whoever waits for something is told that there is nothing."""
        self.sqs.hush()
        self.logs.tails.end()

    async def close(self, patience_s: float) -> None:
        """Batches that run get so many seconds to come to their end."""
        await self.sources.pollers.close(patience_s)
        self.scheduler.close()
        await self.watches.close()
        self.logs.close()
        await self.events.close()
        await self.sns.close()
        self.reaper.close()
        await self.s3.close()
        await self.sqs.close()
        await self.ledger.close()
