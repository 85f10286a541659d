"""What a target gets of an event: recordings of AWS, and what they leave open."""

import json
import re
from pathlib import Path

import pytest

from lambent.errors import Undeliverable, ValidationException
from lambent.services.events.inputs import check, input_of
from lambent.services.events.nouns import Event, Rule
from lambent.services.events.paths import MISSING, look_up, steps_of

DETAIL = {
    "command": "update-account", "valid": True, "listsingle": ["HIGH"], "listmulti": ["ACTIVE", "INACTIVE"],
    "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}, "quoted": 'a "b" \\ c', "price": 12.5, "nothing": None,
}  # fmt: skip
EVENT = Event(
    id="4b5e", detail_type="changed", source="shop", account="111111111111", at=1_700_000_000.5, region="eu-west-1",
    resources=("r",), detail=json.dumps(DETAIL, separators=(",", ":")).encode(),
)  # fmt: skip
RULE = Rule(account="111111111111", region="eu-west-1", bus="own", name="rule", settings={})
PATHS = {
    "userId": "$.detail.payload.acc_id", "payload": "$.detail.payload", "listsingle": "$.detail.listsingle",
    "listmulti": "$.detail.listmulti", "systemstring": "$.detail.awsAccountId", "valid": "$.detail.valid",
    "quoted": "$.detail.quoted", "price": "$.detail.price", "nothing": "$.detail.nothing", "type": "$.detail-type",
}  # fmt: skip
RECORDED = json.loads((Path(__file__).parent / "recorded_inputs.json").read_text())["cases"]


def given(**target):
    return input_of({"Id": "t", "Arn": "a"} | target, EVENT, RULE, 1_700_000_001.5).decode()


def filled(template):
    return given(InputTransformer={"InputPathsMap": PATHS, "InputTemplate": template})


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["template"][:40])
def test_templates_are_filled_as_aws_was_recorded_to_do(case):
    got, wanted = filled(case["template"]), case["body"]
    assert (got if isinstance(wanted, str) else json.loads(got)) == wanted


def test_without_input_the_event_comes_as_it_is():
    shown = json.loads(given())
    assert list(shown) == [
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    ]  # fmt: skip
    assert shown["time"] == "2023-11-14T22:13:20Z"
    assert shown["detail"] == DETAIL


def test_a_constant_input_comes_as_it_was_written():
    assert given(Input='{ "a":  1.10 }') == '{ "a":  1.10 }'


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", "the event"), ("$.detail.payload.sf_id", "baz"), ("$.detail['payload']['sf_id']", "baz"),
        ("$.detail.listmulti[1]", "INACTIVE"), ("$.detail.listmulti[*]", ["ACTIVE", "INACTIVE"]),
        ("$.detail.payload.*", ["0a787ecb-4015", "baz"]), ("$.detail-type", "changed"), ("$.detail.nothing", None),
    ],
)  # fmt: skip
def test_a_path_leads_to_a_part_of_the_event(path, found):
    wanted = EVENT.document if found == "the event" else found
    assert json.loads(given(InputPath=path)) == wanted


def test_an_event_without_what_the_path_leads_to_cannot_be_delivered():
    with pytest.raises(Undeliverable, match=r"nothing at \$\.detail\.other"):
        given(InputPath="$.detail.other")


@pytest.mark.parametrize("path", ["detail", "$.", "$..detail", "$.a[", "$.a[x]", "$ .a", "$.a b", ""])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match=re.escape(path) if path else "^$"):
        steps_of(path)


@pytest.mark.parametrize("path", ["$.a[5]", "$.a.b", "$.b[0]", "$.b.*.c"])
def test_what_is_not_there_is_missing(path):
    assert look_up(path, {"a": [1], "b": {"x": 2}}) is MISSING


def test_predefined_variables_are_filled():
    text = filled('"<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time>"')
    assert text == '"arn:aws:events:eu-west-1:111111111111:rule/own/rule rule 2023-11-14T22:13:21Z"'
    both = json.loads(filled('{"event": <aws.events.event>, "json": <aws.events.event.json>}'))
    assert both["json"] == EVENT.document
    assert both["event"]["detailType"] == "changed"
    assert "detail" not in both["event"]


def test_values_keep_their_types_outside_of_quotes_and_their_escapes_inside():
    text = '{"a": <price>, "b": <nothing>, "c": <systemstring>, "d": "<quoted>", "e": <quoted>, "f": "n<price>"}'
    assert json.loads(filled(text)) == {
        "a": 12.5, "b": None, "c": "", "d": DETAIL["quoted"], "e": DETAIL["quoted"], "f": "n12.5",
    }  # fmt: skip


def test_a_template_that_does_not_become_json_cannot_be_delivered():
    with pytest.raises(Undeliverable, match="not JSON"):
        filled('{"a": <price> <price>}')


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            {"InputPath": "$.detail", "InputTransformer": {"InputTemplate": '"x"'}},
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"a": "$.detail"}, "InputTemplate": '"<a> <notdefinedkey>"'}},
            "InputTemplate for target t contains invalid placeholder notdefinedkey.",
        ),
        ({"InputPath": "detail"}, "Invalid InputPath for target t."),
        ({"Input": "{"}, "Invalid Input for target t."),
    ],
)
def test_inputs_that_cannot_work_are_refused_at_once(target, message):
    with pytest.raises(ValidationException) as refused:
        check({"Id": "t"} | target)
    assert refused.value.message == message


def test_a_template_cannot_make_an_event_a_hundred_times_larger():
    large = Event(
        id="1", detail_type="t", source="s", account="1", at=0.0, region="r",
        detail=json.dumps({"a": "x" * 300_000}).encode(),
    )  # fmt: skip
    target = {"InputTransformer": {"InputTemplate": "[" + "<aws.events.event.json>," * 300 + "1]"}}
    with pytest.raises(Undeliverable, match="more than 1048576 bytes"):
        input_of(target, large, RULE, 0.0)
