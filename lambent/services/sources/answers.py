"""What a function's answer says of a batch: which messages are done with. Pure.

Source: lambda-semantics.md §5.1 (partial batch responses with every odd answer), the recordings.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from lambent.model import Outcome


class Verdict(msgspec.Struct, frozen=True):
    """The ids of messages that come back; `whole`: all of them, since the answer, or the function, was wrong."""

    failed: frozenset[str] = frozenset()
    whole: bool = False
    why: str = ""  # a failure of the whole batch, in a word


DONE = Verdict()


def verdict(outcome: Outcome, ids: Collection[str], *, partial: bool) -> Verdict:
    """`partial`: the mapping has ReportBatchItemFailures, so that the answer is looked at."""
    if outcome.function_error or outcome.status != "success":
        return Verdict(frozenset(ids), True, outcome.error_type or "Function call failed")
    return _read(outcome.payload, ids) if partial else DONE


def _read(payload: bytes, ids: Collection[str]) -> Verdict:
    """An empty or null answer or list is a success; what is no JSON, or names what it was not given, a failure."""
    if not payload.strip():
        return DONE
    try:
        answer = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return _wrong(ids)
    if not isinstance(answer, dict):
        return DONE if answer in (None, "", []) else _wrong(ids)
    items = answer.get("batchItemFailures")
    if items is None or items == []:
        return DONE
    failed = _identifiers(items)
    if failed is None or not failed <= set(ids):
        return _wrong(ids)
    return Verdict(failed)


def _identifiers(items: Any) -> frozenset[str] | None:
    """The ids that a list of failures names; None if any of it is not of that form."""
    if not isinstance(items, list):
        return None
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in items]
    found = [each for each in named if isinstance(each, str) and each]
    return frozenset(found) if len(found) == len(named) else None


def _wrong(ids: Collection[str]) -> Verdict:
    return Verdict(frozenset(ids), True, "Invalid partial batch response")
