"""A life is told in order of time, each thing once, whatever the records and the journal each know of it."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lambent.model import Record
from lambent.observe import sentences
from lambent.observe.journal import Entry
from lambent.observe.life import ORDER, Life, life

ARN = "arn:aws:lambda:eu-west-1:111111111111:function:hello:$LATEST"
QUEUE = "arn:aws:sqs:eu-west-1:111111111111:failures"


def record(**changes) -> Record:
    plain = Record(100.0, "r1", ARN, "s1", "success", None, False, 0.5, None, 1.5, 2, 128, 31, 1.2, 15, 7)
    return msgspec.structs.replace(plain, **changes)


def attempt(number: int, tried: float, **changes) -> Record:
    return record(attempt=number, tried=tried, **changes)


def texts(told: Life) -> list[str]:
    return [chapter.text for chapter in told.chapters]


def test_a_warm_call_came_and_ran():
    assert texts(life("r1", [record()], [])) == [
        "received: a synchronous call with 15 bytes",
        "it ran for 1.50 ms and succeeded: billed 2 ms, 31 of 128 MB used, in sandbox s1",
    ]


def test_a_cold_call_says_why_and_how_long_its_init_took():
    told = life("r1", [record(cold=True, init_ms=80.0, reason="all 3 sandboxes were busy")], [])
    assert texts(told)[1] == "cold, because: all 3 sandboxes were busy; its init took 80.00 ms"


def test_a_clone_says_that_it_was_restored():
    told = life("r1", [record(cold=True, initialization="snap-start", reason="first call")], [])
    assert texts(told)[1] == "cold, because: first call; restored from its snapshot"


def test_a_wait_is_told_before_what_it_led_to():
    waited = Entry(100.4, "r1", "waited", {"ms": 400.0, "why": "running calls had all 2 places", "attempt": 0})
    told = life("r1", [record(wait_ms=400.0, cold=True, reason="it was evicted")], [waited])
    assert [chapter.kind for chapter in told.chapters] == ["received", "waited", "cold", "ran"]
    assert texts(told)[3].endswith("in sandbox s1, begun after 400.0 ms")
    assert texts(told)[1] == "waited 400.0 ms for a sandbox, because running calls had all 2 places"


def test_a_throttle_is_told_once_with_what_the_journal_knows_of_it():
    throttled = record(outcome="throttled", sandbox="", reason="ConcurrentInvocationLimitExceeded")
    entry = Entry(100.1, "r1", "throttled", {"reason": "ConcurrentInvocationLimitExceeded", "why": "hello (2)"})
    assert texts(life("r1", [throttled], [entry]))[1:] == ["throttled (ConcurrentInvocationLimitExceeded): hello (2)"]
    assert texts(life("r1", [throttled], []))[1:] == ["throttled (ConcurrentInvocationLimitExceeded)"]


def test_a_call_that_found_no_sandbox_says_so_in_words():
    failed = record(outcome="failure", sandbox="", error_type="AgentGone")
    entry = Entry(100.2, "r1", "failed", {"error": "AgentGone", "message": "the node agent is being restarted"})
    assert texts(life("r1", [failed], [entry]))[1:] == [
        "failed, with no answer from the function: the node agent is being restarted"
    ]
    assert texts(life("r1", [failed], []))[1:] == ["it found no sandbox: AgentGone"]


def test_an_event_is_told_from_its_acceptance_to_the_kept_list():
    records = [
        attempt(1, 100.0, outcome="error", error_type="ValueError"),
        attempt(2, 160.0, outcome="timeout", error_type="Sandbox.Timedout"),
        attempt(3, 280.0, outcome="failure", sandbox="", error_type="AgentGone"),
    ]
    entries = [
        Entry(100.1, "r1", "attempt-failed", {"attempt": 1, "trouble": "ValueError"}),
        Entry(100.1, "r1", "retry-at", {"due": 160.0, "attempt": 2}),
        Entry(163.0, "r1", "attempt-failed", {"attempt": 2, "trouble": "Sandbox.Timedout"}),
        Entry(163.0, "r1", "retry-at", {"due": 280.0, "attempt": 3}),
        Entry(281.0, "r1", "attempt-failed", {"attempt": 3, "trouble": "the node agent died"}),
        Entry(281.0, "r1", "kept", {"condition": "RetriesExhausted", "attempts": 3, "trouble": "AgentGone"}),
    ]
    told = life("r1", records[::-1], entries)
    assert [chapter.kind for chapter in told.chapters] == [
        "accepted", "ran", "retry-at", "ran", "retry-at", "attempt-failed", "kept",
    ]  # fmt: skip
    assert [text.split(":")[0] for text in texts(told)] == [
        "accepted as an event, and on disk", "attempt 1 ran for 1.50 ms and failed with ValueError",
        "next try (attempt 2) at 1970-01-01T00", "attempt 2 ran for 1.50 ms and timed out with Sandbox.Timedout",
        "next try (attempt 3) at 1970-01-01T00", "attempt 3 failed",
        "failed for good (RetriesExhausted, 3 attempts, the last with AgentGone) and kept here, since it had nowhere "
        "to go",
    ]  # fmt: skip


def test_a_replayed_event_tells_both_of_its_lives():
    records = [attempt(1, 100.0, outcome="error"), attempt(1, 890.5, at=890.0)]
    entries = [
        Entry(100.5, "r1", "attempt-failed", {"attempt": 1, "trouble": "ValueError"}),
        Entry(100.5, "r1", "kept", {"condition": "RetriesExhausted", "attempts": 1, "trouble": "ValueError"}),
        Entry(890.0, "r1", "replayed"),
    ]
    assert [chapter.kind for chapter in life("r1", records, entries).chapters] == [
        "accepted", "ran", "kept", "replayed", "ran",
    ]  # fmt: skip


def test_a_life_after_a_replay_comes_after_the_life_before_though_the_clock_stood_still():
    records = [attempt(number, 100.0, outcome="error") for number in (3, 1, 2)]
    kept = {"condition": "RetriesExhausted", "attempts": 3, "trouble": "ValueError"}
    entries = [Entry(100.0, "r1", "kept", kept), Entry(100.0, "r1", "replayed"), Entry(100.0, "r1", "kept", kept)]
    told = texts(life("r1", records, entries))
    assert [text.partition(" ran")[0].partition(" (")[0].partition(":")[0] for text in told] == [
        "accepted as an event, and on disk", "attempt 3", "failed for good", "replayed", "attempt 1", "attempt 2",
        "failed for good",
    ]  # fmt: skip


def test_an_event_that_was_never_tried_names_no_last_attempt():
    kept = {"condition": "ZeroReservedConcurrency", "attempts": 0, "trouble": "its reserved concurrency is 0"}
    (told,) = texts(life("r1", [], [Entry(100.0, "r1", "kept", kept)]))
    assert told.startswith("failed for good (ZeroReservedConcurrency, 0 attempts: its reserved concurrency is 0) and")


def test_a_delivery_that_fails_for_a_while_says_where_to_and_when_it_is_tried_again():
    facts = {"target": QUEUE, "as": "dead-letter", "tries": 1}
    entries = [
        Entry(1.0, "r1", "retry-at", facts | {"due": 11.0, "trouble": "nobody there"}),
        Entry(11.0, "r1", "delivered", facts),
        Entry(12.0, "r1", "undeliverable", facts | {"as": "destination", "trouble": "it is a FIFO queue"}),
        Entry(12.0, "r1", "kept", {"condition": "RetriesExhausted", "attempts": 1}),
    ]
    assert texts(life("r1", [], entries)) == [
        f"could not be delivered to {QUEUE} (nobody there); next try at 1970-01-01T00:00:11.000Z",
        f"its dead letter was delivered to {QUEUE}",
        f"its record could not be delivered to {QUEUE}: it is a FIFO queue",
        "failed for good (RetriesExhausted, 1 attempt) and kept here, since it could not be delivered",
    ]


def test_an_event_that_nobody_has_tried_yet_was_accepted_all_the_same():
    told = life("r1", [], [], accepted=50.0, function=ARN, now=["in the queue"])
    assert (texts(told), told.function, told.now) == (["accepted as an event, and on disk"], ARN, ["in the queue"])


def test_one_that_was_replayed_was_accepted_when_it_first_came():
    told = life("r1", [attempt(1, 100.0, at=99.5)], [Entry(500.0, "r1", "replayed")], accepted=500.0)
    assert [(chapter.at, chapter.kind) for chapter in told.chapters] == [
        (99.5, "accepted"), (100.0, "ran"), (500.0, "replayed"),
    ]  # fmt: skip


def test_an_attempt_names_the_published_version_that_it_ran():
    told = life("r1", [attempt(1, 100.0, arn=ARN.replace("$LATEST", "7"))], [])
    assert texts(told)[1].startswith("attempt 1 (version 7) ran")


def test_an_event_that_had_to_wait_for_its_turn_says_how_long():
    records = [attempt(1, 140.0, outcome="error"), attempt(2, 200.4), attempt(3, 330.0)]
    entries = [
        Entry(140.1, "r1", "retry-at", {"due": 200.1, "attempt": 2}),
        Entry(200.5, "r1", "retry-at", {"due": 320.5, "attempt": 3}),
        Entry(330.1, "r1", "retry-at", {"due": 329.0, "target": QUEUE}),
    ]
    told = life("r1", records, entries)
    assert [(chapter.at, chapter.facts["seconds"]) for chapter in told.chapters if chapter.kind == "queued"] == [
        (140.0, 40.0), (330.0, 9.5),
    ]  # fmt: skip
    assert texts(told)[1].startswith("waited 40.0 s in the queue")


def test_what_was_interrupted_says_what_came_of_it():
    assert sentences.of(Entry(1.0, "r1", "interrupted")).endswith("it is tried again")
    key = Entry(1.0, "r1", "interrupted", {"key": "k", "repeated_as": "r2"})
    assert sentences.of(key).endswith("ran it again, as r2")
    answered = Entry(1.0, "r3", "answered-from-key", {"key": "k", "ran_as": "r2"})
    assert sentences.of(answered) == "answered with what r2 got, which had the same Idempotency-Key; it did not run"


def test_a_kind_that_nobody_has_thought_of_is_told_in_its_own_words():
    assert sentences.of(Entry(1.0, "r1", "moved", {"from": "a", "to": "b"})) == "moved: from: a, to: b"
    assert sentences.of(Entry(1.0, "r1", "moved")) == "moved"


FACTS = st.dictionaries(
    st.sampled_from(["attempt", "trouble", "due", "why", "reason", "ms", "target", "as", "condition", "attempts"]),
    st.none() | st.booleans() | st.integers(0, 9) | st.floats(0, 1e9) | st.text(max_size=9),
)
ENTRIES = st.builds(Entry, st.floats(0, 1e9), st.just("r1"), st.sampled_from([*ORDER, "else"]), FACTS)
RECORDS = st.builds(
    lambda at, number, ending, sandbox: record(at=at, attempt=number, tried=at, outcome=ending, sandbox=sandbox),
    st.floats(0, 1e9), st.integers(0, 3), st.sampled_from(["success", "error", "timeout", "failure", "throttled"]),
    st.sampled_from(["", "s1"]),
)  # fmt: skip


@given(st.lists(RECORDS, max_size=5), st.lists(ENTRIES, max_size=8))
def test_whatever_is_known_is_told_and_nothing_twice(records, entries):
    told = life("r1", records, entries)
    assert all(chapter.text for chapter in told.chapters)
    assert len(told.chapters) <= len(records) * 5 + len(entries) + 1
    untold = [entry for entry in entries if entry.kind in ("kept", "delivered", "replayed", "recursion", "retry-at")]
    kinds = [chapter.kind for chapter in told.chapters]
    assert all(kinds.count(entry.kind) == [each.kind for each in entries].count(entry.kind) for entry in untold)


def test_a_success_that_could_not_be_sent_on_is_not_called_a_failure():
    entry = Entry(12.0, "r1", "kept", {"condition": "Success", "attempts": 1})
    assert sentences.of(entry) == "succeeded (1 attempt) and kept here all the same, since it could not be delivered"
