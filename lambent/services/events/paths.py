"""JSON paths into an event, of the kind that EventBridge knows: names, places in an array, and all of them. Pure.

Source: EventBridge User Guide, "Input transformation" (dots, brackets, indexes, wildcards).
"""

import re
from functools import lru_cache
from typing import Any

MISSING = object()
_EVERY = "*"
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"\s]+)|\[(?:(?P<place>-?\d+)|(?P<every>\*)|(?P<quote>['"])(?P<quoted>.*?)(?P=quote))\]"""
)
Step = str | int


@lru_cache(maxsize=4096)
def steps_of(path: str) -> tuple[Step, ...]:
    """What a path goes through. Raises ValueError for what is none."""
    if not path.startswith("$"):
        raise ValueError(path)
    steps: list[Step] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ValueError(path)
        steps.append(_step(found))
        at = found.end()
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    if found["place"] is not None:
        return int(found["place"])
    return found["name"] or found["every"] or found["quoted"] or ""


def look_up(path: str, document: Any) -> Any:
    """What lies at a path, MISSING if nothing does. After a wildcard it is a list of all that was found."""
    return _follow(document, steps_of(path))


def _follow(value: Any, steps: tuple[Step, ...]) -> Any:
    for position, step in enumerate(steps):
        if step == _EVERY:
            return _all(value, steps[position + 1 :])
        value = _member(value, step)
        if value is MISSING:
            return MISSING
    return value


def _all(value: Any, rest: tuple[Step, ...]) -> Any:
    children = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    found = [each for each in (_follow(child, rest) for child in children) if each is not MISSING]
    return found or MISSING


def _member(value: Any, step: Step) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and -len(value) <= step < len(value) else MISSING
    return value.get(step, MISSING) if isinstance(value, dict) else MISSING
