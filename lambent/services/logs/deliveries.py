"""What a function is given for a subscription filter. Pure; compressing takes time, so it is for threads.

Source: CloudWatch Logs User Guide, "Real-time processing of log data with subscriptions"; lambda-semantics.md §15.
"""

import base64
import gzip
import itertools
from collections.abc import Iterator, Sequence

import msgspec

from lambent.observe.log_groups import LogEvent
from lambent.pace import paced
from lambent.services.logs.filter_patterns import compile_filter
from lambent.services.logs.nouns import Filter, Key

MOST_BYTES = 512 * 1024  # of one delivery before it is compressed: even what cannot be is then less than 1 MB
_encode = msgspec.json.Encoder().encode


def payloads(key: Key, rule: Filter, events: Sequence[LogEvent]) -> list[bytes]:
    """The events of a function for what a filter wants of these: each of one stream, none too large."""
    matches = compile_filter(rule.pattern).matches
    found = (event for event in paced(events) if matches(event.message))
    wanted = sorted(found, key=lambda event: (event.stream, event.id))
    return [
        _payload(key, rule, stream, part)
        for stream, group in itertools.groupby(wanted, key=lambda event: event.stream)
        for part in _parts(group)
    ]


def _parts(events: Iterator[LogEvent]) -> Iterator[list[LogEvent]]:
    part: list[LogEvent] = []
    size = 0
    for event in events:
        more = len(event.message.encode("utf-8", "replace")) + 128
        if part and size + more > MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(event)
        size += more
    if part:
        yield part


def _payload(key: Key, rule: Filter, stream: str, events: list[LogEvent]) -> bytes:
    document = {
        "messageType": "DATA_MESSAGE",
        "owner": key[0],
        "logGroup": key[2],
        "logStream": stream,
        "subscriptionFilters": [rule.name],
        "logEvents": [{"id": event.id, "timestamp": event.at, "message": event.message} for event in events],
    }
    data = base64.b64encode(gzip.compress(_encode(document), mtime=0)).decode()
    return _encode({"awslogs": {"data": data}})
