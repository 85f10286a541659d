"""The operations on log streams and events. Source: CloudWatch Logs API Reference; recordings of AWS (errors.tsv)."""

from collections.abc import Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.observe.log_groups import LogEvent
from lambent.pace import paced
from lambent.services.logs.engine import Logs
from lambent.services.logs.errors import exists_already, invalid, not_found
from lambent.services.logs.filter_patterns import compile_filter
from lambent.services.logs.group_operations import identified, named, own, paged
from lambent.services.logs.nouns import DAY_MS, Group, Stream, key_of, stream_arn
from lambent.services.logs.reading import OVERHEAD, PAGE_EVENTS, Wanted, page, seal, unseal
from lambent.services.logs.tails import Tail
from lambent.services.logs.watch import Watches
from lambent.wire.parse import Call

BATCH_BYTES = 1_048_576
OLDEST_MS = 14 * DAY_MS
NEWEST_MS = 2 * 3_600_000


async def create_log_stream(logs: Logs, call: Call) -> Document:
    group, name = await logs.group(named(call)), call.parameters["logStreamName"]
    if await _stream(logs, group, name) is not None:
        raise exists_already("log stream")
    await _with_row(logs, group)
    await logs.put_stream(Stream(key=group.key, name=name, created=logs.now))
    return {}


async def delete_log_stream(logs: Logs, call: Call) -> Document:
    group, name = await logs.group(named(call)), call.parameters["logStreamName"]
    found = await _stream(logs, group, name)
    if found is None:
        raise not_found("log stream")
    if name in await logs.logged_streams(group.key):
        raise NotImplementedYet(
            "Lambent cannot delete one stream of a function's log yet: delete its log group, or let the stream expire."
        )
    await logs.delete_stream(found)
    return {}


async def _stream(logs: Logs, group: Group, name: str) -> Stream | None:
    return logs.stream(group.key, name) or (await logs.streams(group.key)).get(name)


async def _with_row(logs: Logs, group: Group) -> None:
    if not group.has_row:
        await logs.put_group(group)


async def describe_log_streams(logs: Logs, call: Call) -> Document:
    asked, group = call.parameters, await logs.group(identified(call))
    prefix, by_time = asked.get("logStreamNamePrefix") or "", asked.get("orderBy") == "LastEventTime"
    if prefix and by_time:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    found = [each for name, each in (await logs.streams(group.key)).items() if name.startswith(prefix)]
    found.sort(
        key=lambda stream: (stream.last_at if by_time else 0, stream.name), reverse=bool(asked.get("descending"))
    )
    shown, more = paged(call, found, lambda stream: stream.name)
    return {"logStreams": [_described(stream) for stream in shown]} | more


def _described(stream: Stream) -> Document:
    times = {
        "firstEventTimestamp": stream.first_at, "lastEventTimestamp": stream.last_at, "lastIngestionTime": stream.taken
    }  # fmt: skip
    return {name: at for name, at in times.items() if at} | {
        "logStreamName": stream.name, "creationTime": stream.created, "arn": stream_arn(stream.key, stream.name),
        "uploadSequenceToken": f"{stream.taken:056d}", "storedBytes": 0,  # of streams AWS says 0 since 2019
    }  # fmt: skip


async def put_log_events(logs: Logs, call: Call) -> Document:
    asked, group = call.parameters, await logs.group(named(call))
    events = [(event["timestamp"], event["message"]) for event in asked["logEvents"]]
    stream = await _stream(logs, group, asked["logStreamName"])
    if stream is None:
        raise not_found("log stream")
    size = sum(len(message.encode("utf-8", "replace")) + OVERHEAD for _, message in events)
    if size > BATCH_BYTES:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES}")
    moments = [at for at, _ in events]
    if moments != sorted(moments):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    expired, oldest, newest = group.begins(logs.now), logs.now - OLDEST_MS, logs.now + NEWEST_MS
    taken = [event for event in events if max(expired, oldest) <= event[0] <= newest]
    if taken and taken[-1][0] - taken[0][0] > DAY_MS:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    if taken:
        await logs.put_events(group, stream, taken)
    counts = {
        "tooOldLogEventEndIndex": sum(at < oldest for at in moments),
        "expiredLogEventEndIndex": sum(at < expired for at in moments),
    }
    rejected = {name: count for name, count in counts.items() if count}
    if moments[-1] > newest:
        rejected["tooNewLogEventStartIndex"] = sum(at <= newest for at in moments)
    return {"nextSequenceToken": f"{logs.now:056d}"} | ({"rejectedLogEventsInfo": rejected} if rejected else {})


async def get_log_events(logs: Logs, call: Call) -> Document:
    """Of one stream. Without a token: the newest, unless it is asked for those at the head."""
    asked, group = call.parameters, await logs.group(identified(call))
    name = asked["logStreamName"]
    if await _stream(logs, group, name) is None:
        raise not_found("log stream")
    is_forward, after = bool(asked.get("startFromHead")), ""
    token = asked.get("nextToken")
    if token:
        is_forward, after = unseal(token)
    found = await logs.apart(
        page, logs, group, _wanted(call, lambda event: event.stream == name, is_forward=is_forward, after=after)
    )
    events = found.events if is_forward else found.events[::-1]
    first, last = (events[0].id, events[-1].id) if events else (after, after)
    if not events and found.reached:  # only others' were looked through
        first = last = found.reached
    return {
        "events": [{"timestamp": each.at, "message": each.message, "ingestionTime": each.taken} for each in events],
        "nextForwardToken": seal(True, last), "nextBackwardToken": seal(False, first),
    }  # fmt: skip


def _wanted(
    call: Call,
    wants: Callable[[LogEvent], bool],
    *,
    is_forward: bool,
    after: str,
    includes_end: bool = False,
    needles: tuple[str, ...] = (),
) -> Wanted:
    asked = call.parameters
    since, until = asked.get("startTime") or 0, asked.get("endTime")
    return Wanted(
        since=since, until=Wanted().until if until is None else min(Wanted().until, until + includes_end),
        limit=asked.get("limit") or PAGE_EVENTS, is_forward=is_forward, after=after, wants=wants, needles=needles,
    )  # fmt: skip


async def filter_log_events(logs: Logs, call: Call) -> Document:
    asked, group = call.parameters, await logs.group(identified(call))
    names, prefix = frozenset(asked.get("logStreamNames") or ()), asked.get("logStreamNamePrefix") or ""
    if names and prefix:
        raise invalid("Parameters logStreamNames and logStreamNamePrefix are mutually exclusive")
    if names and names - (await logs.streams(group.key)).keys():
        raise not_found("log stream")
    pattern = compile_filter(asked.get("filterPattern") or "")
    matches = pattern.matches

    def wants(event: LogEvent) -> bool:
        return (not names or event.stream in names) and event.stream.startswith(prefix) and matches(event.message)

    is_forward, after = asked.get("startFromHead") is not False, ""
    if asked.get("nextToken"):
        is_forward, after = unseal(asked["nextToken"])
    wanted = _wanted(call, wants, is_forward=is_forward, after=after, includes_end=True, needles=pattern.needles)
    found = await logs.apart(page, logs, group, wanted)
    shown = [
        {"logStreamName": each.stream, "timestamp": each.at, "message": each.message, "ingestionTime": each.taken,
         "eventId": each.id}
        for each in found.events
    ]  # fmt: skip
    more = {} if found.is_last else {"nextToken": seal(is_forward, found.reached)}
    return {"events": shown, "searchedLogStreams": []} | more


async def test_metric_filter(logs: Logs, call: Call) -> Document:
    """Which of some messages a filter pattern means, and the values that it names."""
    messages, extract = call.parameters["logEventMessages"], compile_filter(call.parameters["filterPattern"]).extract
    found = await logs.apart(lambda: [extract(message) for message in paced(messages)])
    matches = [
        {"eventNumber": place + 1, "eventMessage": message, "extractedValues": values}
        for place, (message, values) in enumerate(zip(messages, found, strict=True))
        if values is not None
    ]
    return {"matches": matches}


async def start_live_tail(logs: Logs, watches: Watches, call: Call) -> Document:
    asked = call.parameters
    groups = {own(call, key_of(each, call.account, call.region)): each for each in asked["logGroupIdentifiers"]}
    if (asked.get("logStreamNames") or asked.get("logStreamNamePrefixes")) and len(groups) > 1:
        raise invalid("Log streams can be named only for one log group.")
    if asked.get("logStreamNames") and asked.get("logStreamNamePrefixes"):
        raise invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
    for key in groups:
        await logs.group(key)
    tail = Tail(asked, groups)
    return {"responseStream": logs.tails.follow(tail, call.request_id, logs.changed, watches.ready)}
