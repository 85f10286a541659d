"""Forms of the query protocol, which only come in: `Entries.member.1.Id=a&Entries.member.1.Body=b`."""

from typing import Any

from lambent.wire.faults import malformed
from lambent.wire.formats import Convert, text
from lambent.wire.formats.tree import later
from lambent.wire.query import Query
from lambent.wire.shapes import Shape

# A field's own text stands under "" beside what is nested in it.
Tree = dict[str, Any]
_DEEPEST = 64  # names nested deeper than any model goes


def tree(form: Query) -> Tree:
    """The fields by the parts of their names."""
    root: Tree = {}
    for name, values in form.items():
        parts = name.split(".")
        if len(parts) > _DEEPEST:
            raise malformed("The form is nested too deeply")
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        node[""] = values[0]
    return root


class FormFormat:
    """Compiles shapes to functions from trees to values."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def decoder(self, shape: Shape) -> Convert:
        if shape.type == "structure":
            return self._structures.get(shape.name) or self._structure(shape)
        if shape.type == "list":
            return self._wrapped_list(shape)
        if shape.type == "map":
            entries = self._entries(shape)
            return lambda node: entries(node.get("entry", {}))
        convert = text.decoder(shape)
        return lambda node: convert(node.get("", ""))

    def _structure(self, shape: Shape) -> Convert:
        plan: list[tuple[str, tuple[str, ...], Convert]] = []

        def decode(node: Tree) -> dict[str, Any]:
            found = (
                (name, next((node[w] for w in wires if w in node), None), convert) for name, wires, convert in plan
            )
            return {name: convert(inner) for name, inner, convert in found if inner is not None}

        self._structures[shape.name] = decode
        plan += [(name, *self._member(name, ref)) for name, ref in shape.members.items()]
        return decode

    def _member(self, name: str, ref: Shape) -> tuple[tuple[str, ...], Convert]:
        """The names under which a member may stand, and how to read it there."""
        wire = ref.wire_name(name)
        if ref.type == "list" and ref.flattened:
            # Items carry their own name; an empty list is an empty field of the member's name.
            return (ref.member.wire_name(wire), wire), self._numbered(ref.member)
        if ref.type == "map" and ref.flattened:
            return (wire,), self._entries(ref)
        return (wire,), self.decoder(ref)

    def _wrapped_list(self, shape: Shape) -> Convert:
        name, items = shape.member.wire_name("member"), self._numbered(shape.member)
        return lambda node: items(node.get(name, {}))

    def _numbered(self, shape: Shape) -> Convert:
        item = later(lambda: self.decoder(shape))

        def decode(node: Tree) -> list[Any]:
            if node.get(""):  # one item without a number, which old clients send
                return [item()(node)]
            return [item()(node[number]) for number in _numbers(node)]

        return decode

    def _entries(self, shape: Shape) -> Convert:
        key_name, value_name = shape.key.wire_name("key"), shape.value.wire_name("value")
        key, value = text.decoder(shape.key), later(lambda: self.decoder(shape.value))

        def decode(node: Tree) -> dict[str, Any]:
            entries = [node[number] for number in _numbers(node)]
            return {key(each.get(key_name, {}).get("", "")): value()(each.get(value_name, {})) for each in entries}

        return decode


def _numbers(node: Tree) -> list[str]:
    return sorted((name for name in node if name.isascii() and name.isdigit()), key=lambda name: int(name[:18]))
