"""What SQS is made of: queues as they are set up, messages as they lie in memory, and what they carry.

Source: Amazon SQS API Reference (2012-11-05) and Developer Guide ("Quotas").
"""

from collections.abc import Mapping
from typing import Any

import msgspec

MAX_BODY = 1_048_576  # bytes of a message, and of a batch
MOST_IN_FLIGHT = 120_000  # of one queue
DEDUPLICATION_S = 300.0
LONGEST_VISIBILITY_S = 43_200


class Redrive(msgspec.Struct, frozen=True):
    """A RedrivePolicy: where messages go that were received too often."""

    target: str  # ARN of the dead-letter queue
    most: int  # maxReceiveCount


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of a queue as its engine obeys them; times in seconds."""

    visibility_s: int = 30
    largest: int = MAX_BODY  # bytes
    retention_s: int = 345_600
    delay_s: int = 0
    wait_s: int = 0
    fifo: bool = False
    by_content: bool = False  # ContentBasedDeduplication
    dedup_by_group: bool = False  # DeduplicationScope is messageGroup
    redrive: Redrive | None = None
    redrive_permission: str = "allowAll"  # allowAll | denyAll | byQueue: who may name this queue as its own dead-letter
    redrive_sources: tuple[str, ...] = ()  # with byQueue: their ARNs


class StoredQueue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as it is stored."""

    number: int  # never given again
    account: str
    region: str
    name: str
    attributes: dict[str, str]  # those that somebody has set, as they came
    tags: dict[str, str] = {}
    created: float  # epoch seconds
    modified: float
    purged: float = 0.0  # of the last PurgeQueue

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{self.region}:{self.account}:{self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Account, region and name."""
        return self.account, self.region, self.name


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True):
    """The value of a message attribute: text or bytes, by its type."""

    DataType: str  # String, Number or Binary, perhaps with ".something"
    StringValue: str | None = None
    BinaryValue: bytes | None = None

    @property
    def size(self) -> int:
        return len(self.DataType.encode()) + len((self.StringValue or "").encode()) + len(self.BinaryValue or b"")

    def document(self) -> dict[str, Any]:
        """As the API shows it."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a message carries, as its sender gave it. Stored beside the body as JSON: only ever add fields."""

    body: str = ""
    attributes: dict[str, Attribute] = {}  # MessageAttributes
    trace: str = ""  # AWSTraceHeader
    sender: str = ""  # SenderId
    md5_attributes: str = ""  # of all attributes; "": there are none
    md5_system: str = ""
    source: str = ""  # ARN of the queue from which it came here as a dead letter

    @property
    def size(self) -> int:
        """Bytes that it counts for."""
        return len(self.body.encode()) + attributes_size(self.attributes)


def attributes_size(attributes: Mapping[str, Attribute]) -> int:
    """Names, types and values all count (Developer Guide, "Amazon SQS message quotas")."""
    return sum(len(name.encode()) + attribute.size for name, attribute in attributes.items())


class Message:
    """One message in memory. Mutable: what happens to it is written to disk by the ledger.

    It is waiting for its time (`due` lies ahead), ready, in flight (`flight` is set) or gone.
    """

    __slots__ = (
        "content", "dedup", "due", "first_received", "flight", "gone", "group", "id", "message_id", "receives", "sent",
        "size",
    )  # fmt: skip

    def __init__(
        self, number: int, message_id: str, *, sent: float, due: float, group: str = "", dedup: str = "", size: int = 0,
        receives: int = 0, first_received: float = 0.0, content: Content | None = None,
    ) -> None:  # fmt: skip
        self.id = number  # of the whole server, in order of acceptance
        self.message_id = message_id
        self.sent = sent  # epoch seconds
        self.due = due  # epoch seconds: not visible before
        self.receives = receives
        self.first_received = first_received
        self.group = group
        self.dedup = dedup
        self.size = size  # bytes
        self.content = content  # None: only on disk
        self.flight = b""  # of its last receipt handle; empty: not in flight
        self.gone = False

    def __repr__(self) -> str:
        return f"<Message {self.id} {self.message_id} received {self.receives} times>"

    @property
    def sequence(self) -> str:
        """SequenceNumber: 20 digits that grow with each message of a FIFO queue."""
        return f"{188 * 10**17 + self.id:020d}"
