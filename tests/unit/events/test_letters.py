"""Invocation records and dead letters, against those that the real AWS sent."""

import json
import re
from pathlib import Path

import pytest
from event_samples import CONFIG, NOW, answered, event, failed
from hypothesis import given
from hypothesis import strategies as st
from letter_samples import QUEUE, TOPIC, failure, success

from lambent.events.end import EVENT_AGE_EXCEEDED, FUNCTION_GONE, RECURSION, ZERO_RESERVED_CONCURRENCY, End
from lambent.events.letters import NOT_INVOKED, kept_letter, letters_for, record
from lambent.model import InvokeConfig
from lambent.store.kept import kept_columns

RECORDED = json.loads((Path(__file__).parent / "recorded_records.json").read_text())
ORACLES = Path(__file__).resolve().parents[4] / "shared/oracles/recordings/lambda___test_lambda_destinations.json"


def ordered(document):
    """The document as pairs, so that the order of members counts."""
    if isinstance(document, dict):
        return [(name, ordered(value)) for name, value in document.items()]
    return [ordered(value) for value in document] if isinstance(document, list) else document


def as_recorded(expected):
    """Our record of the invocation that AWS's record tells of."""
    request, context = expected["requestContext"], expected["responseContext"]
    arn = request["functionArn"].split(":")
    answer = json.dumps(expected["responsePayload"]).encode()
    outcome = failed(payload=answer) if "functionError" in context else answered(payload=answer)
    end = success if request["condition"] == "Success" else failure
    return end(
        event=event(
            request_id=request["requestId"], account=arn[4], region=arn[3], name=arn[6],
            attempts=request["approximateInvokeCount"], payload=json.dumps(expected["requestPayload"]).encode(),
        ),
        condition=request["condition"], executed_version=context["executedVersion"], outcome=outcome,
    )  # fmt: skip


@pytest.mark.parametrize("name", list(RECORDED["records"]))
def test_a_record_has_the_members_of_aws_in_its_order(name):
    text = json.dumps(RECORDED["records"][name]).replace("<partition>", "aws")
    expected = json.loads(re.sub(r"<([a-z]+)(:\d)?>", r"\1", text))  # placeholders without colons, as names are
    ours = json.loads(record(as_recorded(expected))[0])
    assert ours.pop("timestamp").endswith("Z")
    assert expected.pop("timestamp") == "date"
    assert ordered(ours) == ordered(expected)


def test_the_recordings_here_are_those_beside_the_repository():
    if not ORACLES.exists():
        pytest.skip("the oracles are not beside this clone")
    recorded = json.loads(ORACLES.read_text())
    bodies = [
        message["Body"]
        for test in recorded.values()
        for step in test["recorded-content"].values()
        if isinstance(step, dict)
        for message in step.get("Messages", [])
    ]
    assert RECORDED["records"]["success"] in bodies
    assert RECORDED["records"]["retries"] in bodies
    assert RECORDED["dead_letter"]["Body"] in bodies


def test_time_is_told_to_the_millisecond_in_utc():
    assert json.loads(record(failure(now=1_573_755_365.5684))[0])["timestamp"] == "2019-11-14T18:16:05.568Z"


@pytest.mark.parametrize("qualifier", ["", "$LATEST", "7", "live"])
def test_the_function_is_named_with_the_qualifier_that_the_caller_gave_or_latest(qualifier):
    found = json.loads(record(failure(event=event(qualifier=qualifier)))[0])
    assert found["requestContext"]["functionArn"].endswith(f":function:hello:{qualifier or '$LATEST'}")


def test_payload_and_answer_stand_in_the_record_byte_for_byte():
    payload = b'{ "n": 12345678901234567890.10, "s": "\\u00e9",\n"deep": [1e400] }'
    body, (at, length), (answer_at, answer_length) = record(
        success(event=event(attempts=1, payload=payload), outcome=answered(payload=b"[1.50]"))
    )
    assert body[at : at + length] == payload
    assert body[answer_at : answer_at + answer_length] == b"[1.50]"
    assert json.loads(body)["responsePayload"] == [1.5]


@pytest.mark.parametrize(
    ("answer", "shown"), [(b"null", None), (b"not json", "not json"), (b"{", "{"), (b'\xff"', '�"'), (b"NaN", "NaN")]
)
def test_an_answer_that_is_not_json_is_told_as_text(answer, shown):
    assert json.loads(record(success(outcome=answered(payload=answer)))[0])["responsePayload"] == shown


def test_an_empty_answer_leaves_no_member():
    found = json.loads(record(success(outcome=answered(payload=b"")))[0])
    assert "responsePayload" not in found
    assert found["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


def test_without_reserved_concurrency_there_is_no_response_at_all():
    end = failure(event=event(), condition=ZERO_RESERVED_CONCURRENCY, outcome=None)
    found = json.loads(record(end)[0])
    assert list(found) == ["version", "timestamp", "requestContext", "requestPayload"]
    assert found["requestContext"]["approximateInvokeCount"] == 0


def test_an_event_that_grew_old_while_it_was_throttled_tells_the_status_only():
    end = failure(event=event(), condition=EVENT_AGE_EXCEEDED, outcome=None, status=429, error="Rate Exceeded.")
    found = json.loads(record(end)[0])
    assert found["responseContext"] == {"statusCode": 429}
    assert "responsePayload" not in found


def test_an_event_that_nobody_tried_before_it_grew_old_tells_no_response():
    found = json.loads(record(failure(event=event(), condition=EVENT_AGE_EXCEEDED, outcome=None))[0])
    assert "responseContext" not in found


# -- what is sent where


def test_a_success_goes_to_its_destination_only():
    letters = letters_for(success(dead_letter=QUEUE, config=InvokeConfig(on_success=TOPIC, on_failure=QUEUE)))
    assert [(each.kind, each.target, each.success) for each in letters] == [("destination", TOPIC, True)]


def test_a_failure_goes_to_the_destination_and_to_the_dead_letter_queue_where_both_are_set():
    letters = letters_for(failure(config=InvokeConfig(on_failure=TOPIC), dead_letter=QUEUE))
    assert [(each.kind, each.target) for each in letters] == [("destination", TOPIC), ("dead-letter", QUEUE)]


@pytest.mark.parametrize("end", [failure(config=CONFIG), success(config=CONFIG)])
def test_without_either_there_is_nothing_to_send(end):
    assert letters_for(end) == []


def test_a_dead_letter_is_the_event_as_it_came_with_the_attributes_of_aws():
    expected = RECORDED["dead_letter"]
    answer = b'{"errorMessage": "Test exception (this is intentional)", "errorType": "Exception"}'
    payload = json.dumps(expected["Body"]).encode()
    end = failure(event=event(attempts=1, payload=payload), outcome=failed(payload=answer), dead_letter=QUEUE)
    (letter,) = letters_for(End(**{name: getattr(end, name) for name in end.__struct_fields__} | {"config": CONFIG}))
    assert letter.body == payload
    values = {name: each["StringValue"] for name, each in expected["MessageAttributes"].items()}
    assert letter.attributes == values | {"RequestID": event().request_id}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b'{"errorMessage": "' + b"x" * 2000 + b'"}', "x" * 1024),
        ('{"errorMessage": "' + "é" * 1000 + '"}', "é" * 512),
        (b'{"errorMessage": "a\\u0000b\\nc"}', "a\ufffdb\nc"),
        (b'{"errorMessage": 7}', '{"errorMessage": 7}'),
        (b"plain words", "plain words"),
    ],
)
def test_the_error_message_is_the_first_kilobyte_in_characters_that_queues_take(answer, message):
    outcome = failed(payload=answer if isinstance(answer, bytes) else answer.encode())
    (letter,) = letters_for(failure(outcome=outcome, config=CONFIG, dead_letter=QUEUE))
    assert letter.attributes["ErrorMessage"] == message


def test_an_attribute_is_never_empty():
    (letter,) = letters_for(failure(outcome=failed(payload=b""), config=CONFIG, dead_letter=QUEUE))
    assert letter.attributes == {"RequestID": event().request_id, "ErrorCode": "200"}


def test_an_event_that_was_throttled_to_its_end_tells_429():
    end = failure(outcome=None, status=429, error="Rate Exceeded.", config=CONFIG, dead_letter=QUEUE)
    assert letters_for(end)[0].attributes["ErrorCode"] == "429"
    assert letters_for(end)[0].attributes["ErrorMessage"] == "Rate Exceeded."


def test_a_function_that_was_stopped_has_no_error_code():
    end = failure(condition=ZERO_RESERVED_CONCURRENCY, outcome=None, config=CONFIG, dead_letter=QUEUE)
    assert letters_for(end)[0].attributes == {"RequestID": event().request_id, "ErrorMessage": NOT_INVOKED}


def test_what_an_end_sets_off_comes_after_the_function_in_the_trace_header():
    (letter,) = letters_for(failure(event=event(attempts=3, trace="Root=1-5759e988-bd862e3fe1be46a994272793")))
    assert letter.ended.trace == "Root=1-5759e988-bd862e3fe1be46a994272793"
    assert letter.ended.onward.startswith("Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:")


def test_a_function_that_never_ran_is_not_in_the_trace_header():
    (letter,) = letters_for(failure(event=event(trace="Root=1-a"), condition=RECURSION, outcome=None))
    assert letter.ended.onward == "Root=1-a"


# -- what is kept


def test_what_is_kept_is_the_event_and_how_it_ended():
    end = failure(event=event(attempts=3, qualifier="live", trace="Root=1-a"), config=CONFIG)
    kept = kept_columns(kept_letter(end))
    assert kept["payload"] == b'{"a": 1}'
    assert kept["answer"] == b'{"errorMessage": "no"}'
    assert (kept["condition"], kept["attempts"], kept["error_type"]) == ("RetriesExhausted", 3, "ValueError")
    assert (kept["qualifier"], kept["trace"]) == ("live", "Root=1-a")
    assert (kept["received"], kept["failed"]) == (NOW, NOW + 200.5)
    assert kept["undelivered"] == ""


def test_an_event_without_an_answer_is_kept_with_the_error():
    end = failure(condition=FUNCTION_GONE, outcome=None, status=404, error="Function not found: x", config=CONFIG)
    kept = kept_columns(kept_letter(end))
    assert (kept["answer"], kept["status"]) == (b"Function not found: x", 404)


def test_a_large_answer_is_cut():
    kept = kept_columns(kept_letter(failure(outcome=failed(payload=b"x" * 70_000), config=CONFIG)))
    assert len(kept["answer"]) == 65_536


@given(
    payload=st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=8).map(json.dumps),
    answer=st.binary(max_size=40) | st.text().map(str.encode),
    dead=st.booleans(),
)
def test_whatever_is_sent_holds_the_event_that_can_be_kept_instead(payload, answer, dead):
    end = failure(event=event(attempts=1, payload=payload.encode()), outcome=failed(payload=answer), dead_letter=QUEUE)
    letter = letters_for(end)[int(dead)]
    assert json.loads(letter.body) is not Ellipsis  # it is JSON, whatever the answer was
    assert kept_columns(letter)["payload"] == payload.encode()
