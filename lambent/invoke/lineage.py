"""Through which functions an event has come, as the trace header tells it. Pure functions on text; nothing raises.

AWS's header has a field Lineage: `hash:count|hash:count` in its older form, and `hops:hash:count` in its newer one,
which has room for one function. Both are read, also with the `|` as botocore sends it on (`%7C`). Written is the newer
form while there is one function, since OpenTelemetry's propagators pass on no other, and the older one from the second.
A count says how often the event has come back: 0 in the function's first run. Entries in other forms stay as they are.
"""

import hashlib
import re
from typing import NamedTuple

MOST_RUNS = 16  # of a function for one originating event; AWS: "about 16"
MOST_ENTRIES = 32  # functions of one chain that are told apart; more than that in one loop are not noticed
LONGEST = 1_024  # characters of a header; of a longer one only the fields below are kept
FIELDS = ("root", "parent", "sampled")  # of X-Ray, beside the lineage
LONGEST_FIELD = 64
LARGEST_COUNT = 32_767

_ENTRY = re.compile(r"(?:[0-9]{1,5}:)?(?P<hash>[0-9a-f]{8}):(?P<count>[0-9]{1,5})")
_BAR = re.compile(r"\||%7c", re.IGNORECASE)


class Entry(NamedTuple):
    """A function in the chain, or text that is none of ours and is passed on (then `hash` is empty)."""

    hash: str
    returns: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.hash}:{self.returns}" if self.hash else self.text


class Verdict(NamedTuple):
    """What is to be handed to the function, whether it must not run, and which run for this event it would be."""

    trace: str
    stopped: bool
    run: int  # from 1


def hash_of(function_arn: str) -> str:
    """8 hex digits that stand for a function, of an ARN without qualifier."""
    return hashlib.sha256(function_arn.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def judge(trace: str, function_arn: str, allowed: bool) -> Verdict:
    """Count one more run of the function. `allowed`: its recursion configuration is Allow."""
    own = hash_of(function_arn)
    fields, entries = split(trace)
    came = next((entry for entry in entries if entry.hash == own), None)
    returns = min(came.returns + 1, LARGEST_COUNT) if came else 0
    kept = [entry for entry in entries if entry.hash != own][-(MOST_ENTRIES - 1) :]
    fields = [*fields, "Lineage=" + _written([*kept, Entry(own, returns)])]
    return Verdict(";".join(fields), returns >= MOST_RUNS and not allowed, returns + 1)


def first(function_arn: str) -> str:
    """What a header without lineage is given to carry: the function's own entry, in its first run."""
    return f";Lineage=1:{hash_of(function_arn)}:0"


def has_lineage(trace: str) -> bool:
    return "ineage=" in trace  # in either spelling


def without(trace: str) -> str:
    """The header of an event that begins anew: no function has run for it yet."""
    return ";".join(split(trace)[0]) if has_lineage(trace) else trace


def chain(trace: str) -> list[str]:
    """The hashes of the functions that it has come through, those that ran last at the end."""
    return [entry.hash for entry in split(trace)[1] if entry.hash]


def accepted(header: str) -> str:
    """A client's header as it may be handed on: printable ASCII of bounded length; empty if nothing of it is."""
    if not (header.isascii() and header.isprintable()):
        return ""
    if len(header) <= LONGEST:
        return header.strip("; ")
    fields, entries = split(header)
    known = [field for field in fields if field.partition("=")[0].lower() in FIELDS and len(field) <= LONGEST_FIELD]
    ours = [entry for entry in entries if entry.hash][-MOST_ENTRIES:]
    return ";".join([*known[: len(FIELDS)], *(["Lineage=" + _written(ours)] if ours else [])])


def split(trace: str) -> tuple[list[str], list[Entry]]:
    """The fields of a header but for the lineage, as they are, and the entries of that. Each function is there once."""
    fields, entries = [], []
    for field in trace.split(";"):
        name, _, value = field.partition("=")
        if name.strip().lower() == "lineage":
            entries += [_read(text) for text in _BAR.split(value) if text.strip()]
        elif field.strip():
            fields.append(field)
    return fields, _merged(entries)


def _read(text: str) -> Entry:
    match = _ENTRY.fullmatch(text.strip())
    return Entry("", 0, text) if match is None else Entry(match["hash"], int(match["count"]))


def _merged(entries: list[Entry]) -> list[Entry]:
    """Of a function that is there twice the higher count holds."""
    merged: dict[str, Entry] = {}
    for entry in entries:
        key = entry.hash or entry.text
        known = merged.get(key)
        merged[key] = entry if known is None or entry.returns > known.returns else known
    return list(merged.values())


def _written(entries: list[Entry]) -> str:
    if len(entries) == 1 and entries[0].hash:
        return f"{entries[0].returns + 1}:{entries[0]}"
    return "|".join(map(str, entries))
