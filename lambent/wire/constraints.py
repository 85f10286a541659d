"""The constraints of a model, checked over decoded parameters, and told in AWS's sentence."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lambent.errors import AwsError, ValidationException
from lambent.wire.formats.tree import in_body
from lambent.wire.patterns import matcher
from lambent.wire.sentences import camel, shown
from lambent.wire.shapes import OperationModel, Shape

# (value, prefix of the path, its own name, problems found so far)
Check = Callable[[Any, str, str, list[str]], None]


class Rule(NamedTuple):
    """One constraint: a test, and what the sentence says when it fails."""

    holds: Callable[[Any], object]
    sentence: str


NOT_NULL = "Member must not be null"
# AWS's lists of these do not say "Member must not be null" (recorded), unlike Lambda's others.
_NULLABLE_LISTS = frozenset({"SubnetIds", "SecurityGroupIds"})
# … and of these it complains as if the list were one value (recorded).
_PLAIN_LISTS = frozenset({"CompatibleRuntimes"})
# AWS lists the values of these enumerations in another order than its model does (recorded).
_TOLD_IN_ORDER = {"RecursiveLoop": "Terminate, Allow", "EventSourcePosition": "LATEST, AT_TIMESTAMP, TRIM_HORIZON"}
# … and tells of these members after all others (recorded).
_TOLD_LAST = frozenset({("PublishLayerVersion", "CompatibleArchitectures")})
# AWS tells these in other words and with another code: they are left to the operation itself.
_LEFT_TO_HANDLERS = frozenset({("CreateFunction", "Runtime"), ("UpdateFunctionConfiguration", "Runtime")})


_LONGEST_REMEMBERED, _MOST_REMEMBERED = 256, 1024  # characters of a value, and values of one shape


class Constraints:
    """Compiles the checks of one service's shapes; each shape once."""

    def __init__(self, service: str) -> None:
        self._not_null_items = service == "lambda"
        self._structures: dict[str, Check] = {}

    def of(self, operation: OperationModel, *, prefix_body: bool) -> Callable[[dict[str, Any]], list[str]]:
        """A function from parameters to the list of broken constraints, each a sentence."""
        shape = operation.input
        if shape is None:
            return lambda parameters: []
        body = {name for name, _ in in_body(shape)} if prefix_body else set()
        prefix = f"{camel(operation.name)}Input."
        rows = [
            (name, prefix if name in body else "", camel(name), name in shape.required, self._check(ref))
            for name, ref in shape.members.items()
            if (operation.name, name) not in _LEFT_TO_HANDLERS
        ]
        plan = [row for row in rows if row[3] or row[4]]
        plan.sort(key=lambda row: (operation.name, row[0]) in _TOLD_LAST)
        tests = {name: test for name, _, _, _, test in plan if test is not None}
        required = frozenset(shape.required)

        def check(parameters: dict[str, Any]) -> list[str]:
            problems: list[str] = []
            for name, value in parameters.items():
                if name in tests:
                    tests[name](value, "", "", problems)
            # Nearly every request is fine; only the others are told in the model's order, with paths.
            return _told(plan, parameters) if problems or not required <= parameters.keys() else problems

        return check

    def _check(self, shape: Shape) -> Check | None:
        if shape.type == "structure":
            return self._structure(shape)
        if shape.type == "list":
            return self._list(shape)
        if shape.type == "map":
            return self._map(shape)
        return _scalar(shape, rules(shape))

    def _structure(self, shape: Shape) -> Check:
        if shape.name in self._structures:
            return self._structures[shape.name]
        plan: list[tuple[str, str, bool, Check | None]] = []

        def check(value: Any, prefix: str, label: str, problems: list[str]) -> None:
            if not isinstance(value, dict):  # an event stream
                return
            inner = f"{prefix}{label}."
            for name, own, required, test in plan:
                item = value.get(name)
                if item is not None:
                    if test is not None:
                        test(item, inner, own, problems)
                elif required:
                    problems.append(f"Value null at '{inner}{own}' failed to satisfy constraint: {NOT_NULL}")

        self._structures[shape.name] = check
        rows = ((name, camel(name), name in shape.required, self._check(ref)) for name, ref in shape.members.items())
        plan += [row for row in rows if row[2] or row[3]]
        return check

    def _list(self, shape: Shape) -> Check | None:
        size = _scalar(shape, _size_rules(shape))
        if shape.member.type in ("structure", "list", "map"):
            return _both(size, self._each_item(shape))
        return _both(size, _items_check(shape, self._item_rules(shape)))

    def _item_rules(self, shape: Shape) -> list[Rule]:
        found = rules(shape.member)
        if found and self._not_null_items and shape.name not in _NULLABLE_LISTS | _PLAIN_LISTS:
            found.append(Rule(lambda value: value is not None, NOT_NULL))
        return found

    def _each_item(self, shape: Shape) -> Check | None:
        test = self._check(shape.member)
        if test is None:
            return None

        def check(value: Any, prefix: str, label: str, problems: list[str]) -> None:
            for number, item in enumerate(value, 1):
                if item is not None:
                    test(item, f"{prefix}{label}.{number}.", "member", problems)

        return check

    def _map(self, shape: Shape) -> Check | None:
        size = _scalar(shape, _size_rules(shape))
        keys = _all_check(shape, rules(shape.key), "Map keys must satisfy constraint", dict.keys)
        if shape.value.type in ("structure", "list", "map"):
            return _both(size, keys, self._each_value(shape))
        values = rules(shape.value)
        if values and self._not_null_items:  # recorded of aliases' weights; of keys Lambda no longer says it
            values.append(Rule(lambda value: value is not None, NOT_NULL))
        return _both(size, keys, _all_check(shape, values, "Map value must satisfy constraint", dict.values))

    def _each_value(self, shape: Shape) -> Check | None:
        test = self._check(shape.value)
        if test is None:
            return None

        def check(value: Any, prefix: str, label: str, problems: list[str]) -> None:
            for key, item in value.items():
                if item is not None:
                    test(item, f"{prefix}{label}.{key}.", "member", problems)

        return check


def _told(plan: list[tuple[str, str, str, bool, Check | None]], parameters: dict[str, Any]) -> list[str]:
    problems: list[str] = []
    for name, before, label, required, test in plan:
        value = parameters.get(name)
        if value is not None:
            if test is not None:
                test(value, before, label, problems)
        elif required:
            problems.append(f"Value null at '{before}{label}' failed to satisfy constraint: {NOT_NULL}")
    return problems


def raise_for(problems: list[str], code: str) -> None:
    """Raises AWS's error for the broken constraints, if there are any."""
    if not problems:
        return
    counted = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
    message = f"{counted} detected: {'; '.join(problems)}"
    raise ValidationException(message) if code == "ValidationException" else AwsError(message, code=code, status=400)


def rules(shape: Shape) -> list[Rule]:
    """The constraints on one scalar, in the order in which AWS tells them."""
    found: list[Rule] = []
    if "enum" in shape.traits:
        allowed = shape.traits["enum"]
        told = _TOLD_IN_ORDER.get(shape.name, ", ".join(allowed))
        found.append(Rule(frozenset(allowed).__contains__, f"Member must satisfy enum value set: [{told}]"))
    if shape.type in ("string", "blob"):
        found += _size_rules(shape)
    elif shape.type in ("integer", "long", "float", "double"):
        found += _value_rules(shape)
    pattern = shape.traits.get("pattern")
    matches = matcher(pattern) if pattern is not None else None
    if matches is not None:
        found.append(Rule(matches, f"Member must satisfy regular expression pattern: {pattern}"))
    return found


def _size_rules(shape: Shape) -> list[Rule]:
    most, least = shape.traits.get("max"), shape.traits.get("min")
    found = []
    if most is not None:
        found.append(Rule(lambda value: len(value) <= most, f"Member must have length less than or equal to {most}"))
    if least is not None:
        found.append(
            Rule(lambda value: len(value) >= least, f"Member must have length greater than or equal to {least}")
        )
    return found


def _value_rules(shape: Shape) -> list[Rule]:
    most, least = shape.traits.get("max"), shape.traits.get("min")
    number: type[float] = float if shape.type in ("float", "double") else int  # Java says 1.0 of the former
    found = []
    if most is not None:
        found.append(Rule(lambda value: value <= most, f"Member must have value less than or equal to {number(most)}"))
    if least is not None:
        sentence = f"Member must have value greater than or equal to {number(least)}"
        found.append(Rule(lambda value: value >= least, sentence))
    return found


def _scalar(shape: Shape, found: list[Rule]) -> Check | None:
    if not found:
        return None
    quick = (_all_hold(shape) if shape.type == "string" else None) or _never
    # The same names come again and again: looking one up costs a tenth of matching it.
    good: set[str] = set()

    def check(value: Any, prefix: str, label: str, problems: list[str]) -> None:
        if quick is not _never:
            if value in good:
                return
            if quick(value):
                if len(value) <= _LONGEST_REMEMBERED:
                    if len(good) >= _MOST_REMEMBERED:
                        good.clear()
                    good.add(value)
                return
        for holds, sentence in found:
            if not holds(value):
                problems.append(f"{shown(shape, value)} at '{prefix}{label}' failed to satisfy constraint: {sentence}")

    return check


def _never(value: Any) -> bool:
    """No quick answer: every rule is asked."""
    return False


def _all_hold(shape: Shape) -> Callable[[str], object] | None:
    """All rules of a plain string at once: one call where most requests would make three."""
    most, least = shape.traits.get("max", math.inf), shape.traits.get("min", 0)
    pattern = shape.traits.get("pattern")
    matches = matcher(pattern) if pattern is not None else None
    if "enum" in shape.traits:
        return frozenset(shape.traits["enum"]).__contains__ if matches is None and math.isinf(most) else None
    if matches is None:
        return lambda value: least <= len(value) <= most
    return lambda value: least <= len(value) <= most and matches(value)


def _items_check(shape: Shape, found: list[Rule]) -> Check | None:
    if shape.name in _PLAIN_LISTS:
        return _scalar(shape, [Rule(_for_all(rule.holds), rule.sentence) for rule in found])
    return _all_check(shape, found, "Member must satisfy constraint", iter)


def _for_all(holds: Callable[[Any], object]) -> Callable[[Any], bool]:
    return lambda values: all(map(holds, values))


def _all_check(shape: Shape, found: list[Rule], words: str, items: Callable[[Any], Iterable[Any]]) -> Check | None:
    if not found:
        return None
    sentence = f"{words}: [{', '.join(rule.sentence for rule in found)}]"
    null_is_wrong = found[-1].sentence == NOT_NULL
    tests = [rule.holds for rule in found]

    def satisfied(item: Any) -> bool:
        return not null_is_wrong if item is None else all(holds(item) for holds in tests)

    def check(value: Any, prefix: str, label: str, problems: list[str]) -> None:
        if not all(map(satisfied, items(value))):
            problems.append(f"{shown(shape, value)} at '{prefix}{label}' failed to satisfy constraint: {sentence}")

    return check


def _both(*checks: Check | None) -> Check | None:
    wanted = [check for check in checks if check is not None]
    if len(wanted) < 2:
        return wanted[0] if wanted else None

    def check(value: Any, prefix: str, label: str, problems: list[str]) -> None:
        for test in wanted:
            test(value, prefix, label, problems)

    return check
