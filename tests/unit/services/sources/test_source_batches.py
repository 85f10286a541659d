"""What pollers decide: batches, what an answer says of one, how many at a time. No queue, no clock."""

import json

import pytest

from lambent.model import Outcome
from lambent.services.sources.answers import verdict
from lambent.services.sources.filters import filter_of
from lambent.services.sources.records import MOST_BYTES, event, first_batch, record
from lambent.services.sources.scale import CALM_S, FIRST, Scale, limits, retry_s
from lambent.services.sqs.nouns import Attribute, Content, Message

ARN = "arn:aws:sqs:eu-west-1:111111111111:q"


def one(body="hello", number=1, attributes=None, fifo=False, **more):
    content = Content(body=body, sender="111111111111", attributes=attributes or {}, **more)
    message = Message(number, f"id-{number}", sent=1.5, due=31.5, receives=1, first_received=2.0, size=len(body))
    return record(message, content, "handle", arn=ARN, region="eu-west-1", fifo=fifo)


class TestRecords:
    def test_a_record_is_what_aws_was_recorded_to_send(self):
        """Source: the recording test_report_batch_item_failures_empty_json_batch_succeeds (SQS mappings)."""
        assert json.loads(event([one('{"message": 1}')])) == {
            "Records": [
                {
                    "messageId": "id-1",
                    "receiptHandle": "handle",
                    "body": '{"message": 1}',
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "SentTimestamp": "1500",
                        "SenderId": "111111111111",
                        "ApproximateFirstReceiveTimestamp": "2000",
                    },
                    "messageAttributes": {},
                    "md5OfBody": "bf381309816c1c87a3c7bbef450ecd08",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": ARN,
                    "awsRegion": "eu-west-1",
                }
            ]
        }

    def test_message_attributes_carry_their_empty_lists_and_binary_ones_are_base64(self):
        attributes = {"n": Attribute("Number", "1"), "b": Attribute("Binary", None, b"\x00\xff")}
        shown = json.loads(event([one(attributes=attributes)]))["Records"][0]["messageAttributes"]
        empty = {"stringListValues": [], "binaryListValues": []}
        assert shown == {
            "n": {"stringValue": "1", "dataType": "Number", **empty},
            "b": {"binaryValue": "AP8=", "dataType": "Binary", **empty},
        }

    def test_a_batch_holds_no_more_than_its_size(self):
        assert first_batch([one(number=n) for n in range(12)], 10) == 10

    def test_a_batch_holds_no_more_than_six_megabytes(self):
        large = [one("x" * 1_000_000, n) for n in range(10)]
        number = first_batch(large, 10)
        assert number == 6
        assert len(event(large[:number])) <= MOST_BYTES

    def test_one_that_is_too_large_alone_goes_alone(self):
        assert first_batch([one("x" * MOST_BYTES), one()], 10) == 1


def answered(payload, **changes):
    return Outcome(payload=payload if isinstance(payload, bytes) else json.dumps(payload).encode(), **changes)


class TestAnswers:
    @pytest.mark.parametrize(
        "answer", [b"", b"null", {}, {"batchItemFailures": []}, {"batchItemFailures": None}, "", {"other": 1}]
    )
    def test_what_names_no_failure_is_a_success(self, answer):
        assert verdict(answered(answer), {"a", "b"}, partial=True).failed == frozenset()

    @pytest.mark.parametrize(
        "answer",
        [
            b"{not json",
            "a string",
            {"batchItemFailures": [{"itemIdentifier": ""}]},
            {"batchItemFailures": [{"itemIdentifier": None}]},
            {"batchItemFailures": [{"foo": "notvalid"}]},
            {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
            {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]},
            {"batchItemFailures": "a"},
            {"batchItemFailures": ["a"]},
        ],
    )
    def test_what_cannot_be_understood_fails_the_whole_batch(self, answer):
        said = verdict(answered(answer), {"a", "b"}, partial=True)
        assert (said.failed, said.whole) == ({"a", "b"}, True)

    def test_the_messages_that_it_names_come_back(self):
        said = verdict(answered({"batchItemFailures": [{"itemIdentifier": "b"}]}), {"a", "b"}, partial=True)
        assert (said.failed, said.whole) == ({"b"}, False)

    def test_an_error_fails_the_whole_batch(self):
        said = verdict(answered(b"{}", function_error="Unhandled", error_type="ValueError"), {"a"}, partial=True)
        assert (said.failed, said.whole, said.why) == ({"a"}, True, "ValueError")

    def test_without_partial_responses_the_answer_is_not_looked_at(self):
        assert verdict(answered(b"{not json"), {"a"}, partial=False).failed == frozenset()


class TestScale:
    def test_it_begins_with_five_and_grows_by_three_hundred_a_minute_to_twelve_hundred_and_fifty(self):
        scale = Scale(limits(None, None))
        assert scale.allowed == FIRST
        for second in range(61):
            scale.pressed(float(second))
        assert scale.allowed == FIRST + 300
        for second in range(61, 400):
            scale.pressed(float(second))
        assert scale.allowed == 1_250

    def test_a_maximum_concurrency_is_never_passed(self):
        scale = Scale(limits(2, None))
        for second in range(60):
            scale.pressed(float(second))
        assert scale.allowed == 2

    def test_provisioned_pollers_are_there_from_the_start(self):
        scale = Scale(limits(None, (2, 3)))
        assert (scale.allowed, scale.limits.most) == (20, 30)

    def test_after_a_calm_while_it_begins_anew(self):
        scale = Scale(limits(None, None))
        for second in range(61):
            scale.pressed(float(second))
        scale.calm(60.0 + CALM_S + 1)
        assert scale.allowed == FIRST

    def test_failures_in_a_row_slow_it_down_and_one_success_ends_that(self):
        scale = Scale(limits(None, None))
        for _ in range(4):
            scale.ended(well=False)
        assert (scale.allowed, scale.pause_s()) == (FIRST, 0.0)
        for _ in range(20):
            scale.ended(well=False)
        assert (scale.allowed, scale.pause_s()) == (1.0, 30.0)
        scale.ended(well=True)
        assert scale.pause_s() == 0.0

    def test_a_throttle_lowers_it_below_what_runs_but_never_to_nothing(self):
        scale = Scale(limits(None, None))
        scale.throttled(4)
        assert scale.allowed == 3
        scale.throttled(1)
        assert scale.allowed == 1

    def test_a_throttled_batch_is_tried_again_later_and_later(self):
        assert [retry_s(tries) for tries in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


class TestFilters:
    def wanted(self, body, *patterns):
        criteria = {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}
        return filter_of(criteria)(one(body).document)

    def test_without_filters_everything_goes_through(self):
        assert filter_of(None)(one().document)
        assert self.wanted("x", {})

    def test_a_body_of_json_is_matched_as_what_it_says(self):
        assert self.wanted('{"n": 5}', {"body": {"n": [{"numeric": [">", 3]}]}})
        assert not self.wanted('{"n": 1}', {"body": {"n": [{"numeric": [">", 3]}]}})

    def test_any_filter_will_do(self):
        assert self.wanted('{"a": 1}', {"body": {"a": [2]}}, {"body": {"a": [1]}})

    def test_a_pattern_of_json_does_not_fit_a_plain_text_nor_the_reverse(self):
        assert not self.wanted("plain", {"body": {"a": [1]}})
        assert not self.wanted('{"a": 1}', {"body": ['{"a": 1}']})
        assert self.wanted("plain", {"body": ["plain"]})
