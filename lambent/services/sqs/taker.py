"""Queues as targets of other services. A queue that is not theirs to use, or not there, takes nothing."""

from lambent.errors import AwsError, Undeliverable
from lambent.services.post import Outgoing
from lambent.services.sqs import access, contents
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.nouns import Content
from lambent.services.sqs.queue import Queue
from lambent.services.sqs.sending import check_dedup
from lambent.store.ledger import Entry


class QueueTaker:
    """What is for a queue becomes a message: the body as it is, with its attributes and its trace."""

    def __init__(self, sqs: Sqs) -> None:
        self._sqs = sqs

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        queue = self._sqs.by_arn(outgoing.target)
        if queue is None:
            raise Undeliverable(f"there is no queue {outgoing.target}")
        try:
            self._demand(queue, outgoing)
            content = self._content(queue, outgoing)
        except AwsError as error:
            raise Undeliverable(error.message) from error
        dedup = outgoing.dedup if queue.settings.fifo else ""
        return (self._sqs.sending.pass_on(queue, content, group=outgoing.group, dedup=dedup),)

    def _demand(self, queue: Queue, outgoing: Outgoing) -> None:
        """A service needs an Allow of the queue's policy, unless it acts for the owner's own role or account."""
        conditions = {"aws:SourceArn": outgoing.source, "aws:SourceAccount": outgoing.sender.account}
        access.demand(outgoing.sender, outgoing.sender.account, "SendMessage", queue, conditions)

    def _content(self, queue: Queue, outgoing: Outgoing) -> Content:
        asked = {
            "MessageBody": outgoing.body.decode("utf-8", "replace"),
            "MessageAttributes": outgoing.attributes,
            "MessageGroupId": outgoing.group or None,
            "MessageDeduplicationId": (queue.settings.fifo and outgoing.dedup) or None,
        }
        if outgoing.trace:
            header = {"DataType": "String", "StringValue": outgoing.trace}
            asked["MessageSystemAttributes"] = {"AWSTraceHeader": header}
        check_dedup(queue, asked)
        return contents.content(asked, queue.settings, outgoing.sender.user_id or outgoing.sender.account)
