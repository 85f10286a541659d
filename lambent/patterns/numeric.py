"""{"numeric": [">", 0, "<=", 5]}: comparisons and ranges of numbers."""

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from lambent.errors import PatternInvalid
from lambent.patterns.pattern import Test
from lambent.patterns.values import FINEST, FURTHEST, Leaf, Numeral

Compare = Callable[[Decimal, Decimal], bool]

_COMPARISONS: dict[str, Compare] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_FROM, _TO = (">", ">="), ("<", "<=")


def numeric(value: Any) -> Test:
    """One comparison, or a range. Raises PatternInvalid in AWS's words."""
    if not isinstance(value, list):
        raise PatternInvalid("Value of numeric must be an array.")
    terms = list(value)
    sign = _sign(terms)
    first = (_COMPARISONS[sign], _limit(terms, "equals" if sign == "=" else sign))
    if not terms:
        return _all_of([first])
    if sign not in _FROM:
        raise PatternInvalid("Too many elements in numeric expression")
    second_sign = _second_sign(terms)
    second = (_COMPARISONS[second_sign], _limit(terms, second_sign))
    if terms:
        raise PatternInvalid("Too many terms in numeric range expression")
    if second[1] <= first[1]:
        raise PatternInvalid("Bottom must be less than top")
    return _all_of([first, second])


def _all_of(limits: list[tuple[Compare, Decimal]]) -> Test:
    def test(leaf: Leaf) -> bool:
        number = leaf.value if isinstance(leaf, Numeral) else None
        return number is not None and all(compare(number, limit) for compare, limit in limits)

    return test


def _sign(terms: list[Any]) -> str:
    """Takes the first operator."""
    found = terms.pop(0) if terms else Numeral("]")  # what AWS's reader has come to then
    if not isinstance(found, str):
        raise PatternInvalid(f"Invalid member in numeric match: {_written(found)}")
    if found not in _COMPARISONS:
        raise PatternInvalid(f"Unrecognized numeric range operator: {found}")
    return found


def _second_sign(terms: list[Any]) -> str:
    found = terms.pop(0)
    if not isinstance(found, str):
        raise PatternInvalid(f"Bad value in numeric range: {_written(found)}")
    if found not in _TO:
        raise PatternInvalid(f"Bad numeric range operator: {found}")
    return found


def _limit(terms: list[Any], sign: str) -> Decimal:
    """Takes the number after an operator."""
    found = terms.pop(0) if terms else None
    if not isinstance(found, Numeral):
        raise PatternInvalid(f"Value of {sign} must be numeric")
    value = found.value
    if value is None:
        raise PatternInvalid(
            f"Value must be between -{FURTHEST:.1E} and {FURTHEST:.1E}, inclusive, with at most {FINEST} decimals"
        )
    return value


def _written(value: Any) -> str:
    if isinstance(value, Numeral):
        return value.text
    return {None: "null", True: "true", False: "false"}.get(value, "") if not isinstance(value, list) else "["
