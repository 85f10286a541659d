"""The tables of operations: what is asked, and what must be answered. Data in tables/*.toml, one array per operation.

A row:  says     what it shows, as a sentence
        do       another operation, when the row only prepares the next ones
        with     the request's parameters; "zip:0" stands for the bytes of a package
        status   of the answer; below 300 also `answer` (whole; "*" is anything) or `shows` (some of its members)
        code, message    of a refusal, whole
        keep     names for what later rows need of the answer: {uuid = "UUID"}
        source   where the fact is from; the words are explained in SOURCES
In all texts {function}, {layer}, {role}, {account}, {region} and what was kept are filled in.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from fuzz_values import ACCOUNT, REGION, ROLE, ZIPS

HERE = Path(__file__).parent / "tables"
SOURCES = {
    "recorded": "../shared/oracles: what the real AWS answered",
    "model": "the constraints, statuses and members of AWS's service model",
    "guide": "AWS's developer guide, as lambda-semantics.md gathers it",
    "localstack": "LocalStack's provider, whose texts are tested against AWS",
    "preflight": "rules of cdk-preflight, each of which failed a real deployment (lambda-semantics.md §30)",
    "ours": "AWS is not known to say it, or cannot: a sentence of Lambent's own",
}
MEMBERS = {"says", "do", "with", "status", "answer", "shows", "code", "message", "keep", "source"}
ANY = "*"
Row = dict[str, Any]
NAMES = {
    "function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function",
    "layer": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer",
    "arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}",
    "role": ROLE,
    "account": ACCOUNT,
    "region": REGION,
}


@cache
def tables() -> dict[str, list[Row]]:
    """All rows by operation, in order."""
    found: dict[str, list[Row]] = {}
    for path in sorted(HERE.glob("*.toml")):
        for operation, rows in tomllib.loads(path.read_text()).items():
            assert operation not in found, f"{operation} is in two files"
            found[operation] = rows
    return found


def filled(value: Any, names: dict[str, Any]) -> Any:
    """With every {name} replaced, and packages for what stands for them."""
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("zip:"):
        return ZIPS[int(value[4:])]
    for name, text in names.items():
        if value == f"{{{name}}}":
            return text
        value = value.replace(f"{{{name}}}", str(text))
    return value


def differs(wanted: Any, got: Any, *, whole: bool, at: str = "") -> list[str]:
    """Where an answer is not as the table says. Absent members must be absent if it is compared whole."""
    if wanted == ANY:
        return [] if got is not None else [f"{at}: missing"]
    if isinstance(wanted, dict) and isinstance(got, dict):
        more = [f"{at}.{key}: unexpected {got[key]!r}" for key in got if key not in wanted] if whole else []
        return more + [
            line for key, each in wanted.items() for line in differs(each, got.get(key), whole=whole, at=f"{at}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return [
            line
            for number, pair in enumerate(zip(wanted, got, strict=True))
            for line in differs(*pair, whole=whole, at=f"{at}[{number}]")
        ]
    return [] if wanted == got else [f"{at}: {got!r} instead of {wanted!r}"]
