"""What JSON and CBOR have in common: trees of maps and lists, in which only the scalars differ."""

from collections.abc import Callable
from typing import Any, TypeVar

from lambent.errors import LambentError
from lambent.wire.faults import malformed, wrong_type
from lambent.wire.formats import Convert
from lambent.wire.shapes import Shape

Factory = Callable[[Shape], Convert]
T = TypeVar("T")


class TreeFormat:
    """Compiles shapes to functions between trees and values; `scalars_in` and `scalars_out` say how scalars look."""

    def __init__(self, scalars_in: dict[str, Factory], scalars_out: dict[str, Factory]) -> None:
        self._in = {
            **scalars_in,
            "structure": self._decode_structure,
            "list": self._decode_list,
            "map": self._decode_map,
        }
        self._out = {
            **scalars_out,
            "structure": self._encode_structure,
            "list": self._encode_list,
            "map": self._encode_map,
        }
        # Shapes refer to themselves: a structure's function is known here before its members are compiled.
        self._decoders: dict[tuple[str, str], Convert] = {}
        self._encoders: dict[tuple[str, str], Convert] = {}

    def decoder(self, shape: Shape) -> Convert:
        key = _key(shape)
        if key not in self._decoders:
            decode = self._in[shape.type](shape)
            self._decoders[key] = decode
        return self._decoders[key]

    def payload(self, shape: Shape) -> Convert:
        return self.decoder(shape)

    def encoder(self, shape: Shape) -> Convert:
        key = _key(shape)
        if key not in self._encoders:
            encode = self._out[shape.type](shape)
            self._encoders[key] = encode
        return self._encoders[key]

    def _decode_structure(self, shape: Shape) -> Convert:
        if shape.traits.get("document"):
            return as_it_is
        plan: list[tuple[str, str, Convert]] = []

        def decode(tree: Any) -> dict[str, Any]:
            if type(tree) is not dict:
                raise wrong_type(tree, "a structure") if isinstance(tree, list) else malformed("Unexpected field type")
            return {name: convert(tree[wire]) for wire, name, convert in plan if tree.get(wire) is not None}

        self._decoders[_key(shape)] = decode
        plan += [(ref.wire_name(name), name, self.decoder(ref)) for name, ref in in_body(shape)]
        return decode

    def _encode_structure(self, shape: Shape) -> Convert:
        if shape.traits.get("document"):
            return as_it_is
        plan: dict[str, tuple[str, Convert]] = {}

        def encode(value: dict[str, Any]) -> dict[str, Any]:
            tree = {}
            for name, item in value.items():
                if item is not None:
                    wire, convert = plan.get(name) or _no_member(shape, name)
                    tree[wire] = convert(item)
            return tree

        self._encoders[_key(shape)] = encode
        plan |= {name: (ref.wire_name(name), self.encoder(ref)) for name, ref in shape.members.items()}
        return encode

    def _decode_list(self, shape: Shape) -> Convert:
        item = later(lambda: self.decoder(shape.member))

        def decode(tree: Any) -> list[Any]:
            if type(tree) is not list:
                raise _not_a_collection(tree)
            convert = item()
            return [None if each is None else convert(each) for each in tree]

        return decode

    def _encode_list(self, shape: Shape) -> Convert:
        item = later(lambda: self.encoder(shape.member))

        def encode(value: Any) -> list[Any]:
            convert = item()
            return [None if each is None else convert(each) for each in value]

        return encode

    def _decode_map(self, shape: Shape) -> Convert:
        item = later(lambda: self.decoder(shape.value))

        def decode(tree: Any) -> dict[str, Any]:
            if type(tree) is not dict:
                raise _not_a_collection(tree)
            convert = item()
            return {key: None if each is None else convert(each) for key, each in tree.items()}

        return decode

    def _encode_map(self, shape: Shape) -> Convert:
        item = later(lambda: self.encoder(shape.value))

        def encode(value: dict[str, Any]) -> dict[str, Any]:
            convert = item()
            return {key: None if each is None else convert(each) for key, each in value.items()}

        return encode


def later(make: Callable[[], T]) -> Callable[[], T]:
    """A function compiled at its first use: lists and maps may lead back to the shape that holds them."""
    made: list[T] = []

    def get() -> T:
        if not made:
            made.append(make())
        return made[0]

    return get


def in_body(shape: Shape) -> list[tuple[str, Shape]]:
    """The members that travel in the body: those which nothing binds to the path, the query, a header or the status."""
    return [(name, ref) for name, ref in shape.members.items() if "location" not in ref.traits]


def as_it_is(value: Any) -> Any:
    return value


def _key(shape: Shape) -> tuple[str, str]:
    return shape.name, str(shape.traits.get("timestampFormat", ""))


def _not_a_collection(tree: Any) -> Exception:
    if isinstance(tree, dict | list):
        return wrong_type(tree, "a collection")
    return malformed(f"Unrecognized collection type {_JAVA.get(type(tree), 'class java.lang.Object')}")


_JAVA = {str: "class java.lang.String", int: "class java.lang.Integer", bool: "class java.lang.Boolean"}


def _no_member(shape: Shape, name: str) -> tuple[str, Convert]:
    # Our own mistake, and better loud than dropped: a misspelled member would look like an absent one for ever.
    raise LambentError(f"the shape {shape.name} has no member {name!r}; it has: {', '.join(shape.members)}")
