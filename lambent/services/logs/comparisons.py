"""What filter patterns compare fields with: words with wildcards, numbers, regular expressions.

Source: CloudWatch Logs User Guide, "Filter pattern syntax"; how AWS treats fields that are not there is not recorded.
"""

import math
import re
from collections.abc import Callable
from typing import Any

from lambent.services.logs.expressions import Expression

Test = Callable[[Any], bool]
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def comparison(operator: str, operand: str) -> Test:
    """The test of a field's value. Raises ValueError."""
    if operator in _ORDERS:
        if not _NUMBER.fullmatch(operand):
            raise ValueError(operand)
        order, bound = _ORDERS[operator], float(operand)
        return lambda value: order(number(value), bound)
    same = _equality(operand)
    if operator == "=":
        return same
    if operator != "!=":
        raise ValueError(operator)
    return lambda value: not same(value)


def _equality(operand: str) -> Test:
    if len(operand) > 1 and operand[0] == operand[-1] == "%":
        expression = Expression(operand[1:-1])
        return lambda value: isinstance(value, str) and expression.search(value)
    if _NUMBER.fullmatch(operand):
        wanted = float(operand)
        return lambda value: value == operand or number(value) == wanted
    pieces = unquoted(operand).split("*")
    return lambda value: has_pieces(text(value), pieces)


def word_of(operand: str) -> str:
    """What a field has to be, letter by letter, to equal that; "": it may be written in several ways."""
    is_expression = len(operand) > 1 and operand[0] == operand[-1] == "%"
    return "" if is_expression or "*" in operand or _NUMBER.fullmatch(operand) else unquoted(operand)


def unquoted(operand: str) -> str:
    if len(operand) > 1 and operand[0] == operand[-1] == '"':
        return re.sub(r"\\(.)", r"\1", operand[1:-1])
    return operand


def has_pieces(value: str, pieces: list[str]) -> bool:
    """Whether these follow each other in a text, from its beginning to its end, with anything between."""
    if len(pieces) == 1:
        return value == pieces[0]
    first, *middle, last = pieces
    if len(value) < len(first) + len(last) or not (value.startswith(first) and value.endswith(last)):
        return False
    place, end = len(first), len(value) - len(last)
    for piece in middle:
        found = value.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


def number(value: Any) -> float:
    """NaN, which is neither more nor less than anything, for what is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else math.nan


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or isinstance(value, (dict, list)) else str(value)
