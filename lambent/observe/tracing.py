"""The fields of a trace header, X-Amzn-Trace-Id: Root, Parent and Sampled. Pure functions on text; nothing raises."""


def sampled(trace: str) -> bool | None:
    """The decision that a header carries; None if it has none ("?" asks for one)."""
    value = field(trace, "sampled")
    return value == "1" if value in ("0", "1") else None


def segment(trace: str) -> tuple[str, str] | None:
    """The trace and the segment that a sampled invocation belongs to; None for one that is not sampled."""
    return (field(trace, "root"), field(trace, "parent")) if sampled(trace) else None


def with_decision(trace: str, decision: bool) -> str:
    """The header with this decision in the place of whatever it said before."""
    fields = [each for each in trace.split(";") if each.partition("=")[0].strip().lower() != "sampled"]
    return ";".join([*fields, f"Sampled={decision:d}"])


def field(trace: str, wanted: str) -> str:
    """The value of the field of that name (in lower case), empty if there is none."""
    for each in trace.split(";"):
        name, _, value = each.partition("=")
        if name.strip().lower() == wanted:
            return value.strip()
    return ""
