"""Every error that the real AWS was recorded to give for Lambda: ours is the same, whole, or it is said why it cannot.

recorded_errors.json holds code, status and message as recorded, and what to ask here: `do` with parameters, what comes
`before`, what the recorder's placeholders are called here (`names`); `at_once`: while the former is under way. With
`model_differs` the list of values or the pattern is left out of the comparison, since it is today's model that says it.
"""

import json
import re
from pathlib import Path
from typing import Any

import fuzz_run
import pytest
from fuzz_house import House
from fuzz_requests import well_formed
from fuzz_values import REGION
from tables import NAMES, filled

ROWS = json.loads((Path(__file__).parent / "recorded_errors.json").read_text())["rows"]
_OF_THE_MODEL = re.compile(
    r"(regular expression pattern: |enum value set: \[).*?(?=; Value|, Member must not be null\]|$)"
)


def sent(value: Any) -> Any:
    """Parameters with the bytes that texts stand for."""
    if isinstance(value, dict):
        return {key: sent(each) for key, each in value.items()}
    if isinstance(value, str) and value.startswith("bytes:"):
        return bytes.fromhex(value[6:])
    if isinstance(value, str) and value.startswith("size:"):
        return bytes(int(value[5:]))
    return filled(value, NAMES)


async def asked(house: House, row: dict[str, Any]) -> tuple[int, str, str]:
    response = await house.frontdoor.answer(well_formed("lambda", row["do"], sent(row["with"])))
    assert isinstance(response.body, bytes)
    headers = {name.lower(): value for name, value in response.headers}
    body = json.loads(response.body or b"{}")
    return response.status, headers.get("x-amzn-errortype", ""), body.get("message") or body.get("Message") or str(body)


async def wrong(house: House, row: dict[str, Any]) -> list[str]:
    names = {"partition": "aws", "region": REGION} | row.get("names", {})
    for step in row.get("before", ()):
        response = await house.frontdoor.answer(well_formed("lambda", step["do"], sent(step["with"])))
        assert response.status < 300, (step, response.body)
        assert isinstance(response.body, bytes)
        made = json.loads(response.body or b"{}")
        names = {name: made.get("UUID") if value == "{uuid}" else value for name, value in names.items()}
        if not row.get("at_once"):
            await house.rest()
    status, code, message = await asked(house, row)
    await house.rest()
    expected = row["message"]
    for name, value in names.items():
        expected = expected.replace(f"<{name}>", value)
    if "model_differs" in row:
        expected, message = (_OF_THE_MODEL.sub(r"\1…", text) for text in (expected, message))
    same = (status, code, message) == (row["status"], row["code"], expected)
    return (
        []
        if same
        else [f"{row['do']}: {status} {code}: {message}\n  recorded: {row['status']} {row['code']}: {expected}"]
    )


@pytest.mark.parametrize("part", range(4))
async def test_errors_are_the_recorded_ones(part):
    found: list[str] = []
    async with fuzz_run.house() as house:
        for number, row in enumerate(ROWS):
            if number % 4 != part or "cannot" in row:
                continue
            if "before" in row:
                async with fuzz_run.house() as own:
                    found += await wrong(own, row)
            else:
                found += await wrong(house, row)
    assert not found, "\n".join(found)


def test_every_recorded_error_is_accounted_for():
    assert len(ROWS) == 85
    assert all(row.get("do") or len(row.get("cannot", "")) > 20 for row in ROWS)
    assert sum("cannot" in row for row in ROWS) <= 4
