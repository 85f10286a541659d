"""Pages of events by filter patterns, out of what functions logged and what clients put."""

import asyncio
from types import SimpleNamespace

import pytest

from lambent.observe import log_groups
from lambent.observe.logbook import Logbook, LogStream
from lambent.services.logs import reading
from lambent.services.logs.filter_patterns import compile_filter
from lambent.services.logs.nouns import Group
from lambent.services.logs.reading import Wanted, page
from lambent.store.logs import LogsStore
from lambent.store.queue import open_queue

KEY = ("1", "us-east-1", "/aws/lambda/hello")
EVENTS = 12_000  # of either kind: two reads of the database, and several blocks of a file
RARE = {7: 'an "ERROR", äöü', 5_345: '{"level": "ERROR", "n": 1}', 5_346: '{"level": "\\u0045RROR"}', 11_999: "ERROR"}


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Of each millisecond one event that a client has put, and one that a function has logged."""
    directory = tmp_path_factory.mktemp("logs")
    book, database = Logbook(directory / "book", keep_bytes=64 << 20), open_queue(directory / "database")
    rows = []
    for number in range(EVENTS):
        message, at = RARE.get(number, f"line {number} of many"), 1_000_000 + number
        book.append(LogStream(KEY[0], KEY[1], "hello", "a stream"), at / 1000, f"{message}\n".encode())
        row = {"id": number + 1, "stream": "another", "at": at, "taken": at, "message": message}
        rows.append(row | dict(zip(("account", "region", "group_name"), KEY, strict=True)))
    asyncio.run(database.transaction(lambda tx: tx.write_many("log_event_add", rows)))
    book.settle()
    yield SimpleNamespace(store=LogsStore(database), now=0, places=lambda key: log_groups.places(book.root, *key))
    book.close()
    database.close()


def pages(logs, pattern, *, is_sifted=True, **more):
    """The events of all pages, how many pages there are, and how many events were looked at."""
    compiled, looked, found, count, after = compile_filter(pattern), [], [], 0, ""

    def wants(event):
        looked.append(event)
        return compiled.matches(event.message)

    while True:
        needles = compiled.needles if is_sifted else ()
        told = page(logs, Group(key=KEY, created=0), Wanted(wants=wants, needles=needles, after=after, **more))
        found, count, after = found + told.events, count + 1, told.reached
        if told.is_last:
            return found, count, len(looked)


PATTERNS = [
    "ERROR",
    '"an \\"ERROR\\""',
    "?äöü ?11998",
    '{ $.level = "ERROR" }',
    '[one, two="ERROR", ...]',
    "%ER+OR|11[0-9]98%",
    "of",
]


@pytest.mark.parametrize("is_forward", [True, False])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_search_that_leaves_out_what_cannot_match_finds_what_one_of_everything_finds(logs, pattern, is_forward):
    more = {"is_forward": is_forward, "since": 1_000_003, "until": 1_000_000 + EVENTS}
    found, _, _ = pages(logs, pattern, **more)
    assert found == pages(logs, pattern, is_sifted=False, **more)[0]
    assert found


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_nothing_is_lost_between_pages(logs, limit):
    found, count, _ = pages(logs, "ERROR", limit=limit)
    written = [message for message in RARE.values() if "ERROR" in message]
    assert [event.message for event in found] == [message for message in written for _ in range(2)]
    assert count > len(found) / limit


def test_of_events_without_the_words_of_a_pattern_hardly_any_is_decoded(logs):
    _, _, looked = pages(logs, "NOWHERE")
    assert looked < EVENTS / 100


def test_a_page_may_be_empty_and_yet_go_on(logs, monkeypatch):
    monkeypatch.setattr(reading, "LOOKED_THROUGH", 100)
    told = page(logs, Group(key=KEY, created=0), Wanted(wants=lambda event: False, needles=("NOWHERE",)))
    assert (told.events, told.is_last) == ([], False)
    found, count, _ = pages(logs, '{ $.level = "ERROR" }')
    assert (len(found), count > 2) == (4, True)
