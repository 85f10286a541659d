"""What AWS made of patterns and events, as recorded (recorded_patterns.json names the source)."""

import json
from pathlib import Path

import pytest

from lambent.errors import PatternInvalid
from lambent.patterns import compile_pattern, read_json

RECORDED = json.loads((Path(__file__).parent / "recorded_patterns.json").read_text())["patterns"]


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_patterns_are_judged_as_aws_judges_them(name: str) -> None:
    case = RECORDED[name]
    pattern = json.dumps(case["EventPattern"])

    if name.endswith("_EXC"):
        with pytest.raises(PatternInvalid):
            compile_pattern(pattern)
        return

    compiled = compile_pattern(pattern)
    fits = not name.endswith("_NEG")
    assert compiled.matches(case["Event"]) is fits
    assert compiled.matches(read_json(json.dumps(case["Event"]))) is fits


def test_all_recordings_are_there() -> None:
    assert len(RECORDED) == 71
    assert {ending: sum(name.endswith(ending) for name in RECORDED) for ending in ("_NEG", "_EXC")} == {
        "_NEG": 26,
        "_EXC": 18,
    }
