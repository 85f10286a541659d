"""How a shape becomes bytes and comes back: one file for each format, knowing nothing of where the bytes travel."""

from collections.abc import Callable
from typing import Any, Protocol

from lambent.wire.shapes import Shape

Convert = Callable[[Any], Any]


class Format(Protocol):
    """A format reads bytes into a tree and a tree into values, and the other way round.

    `decoder` and `encoder` compile a shape once; what they return is called for each request. `encode_body` is given
    the name of the outermost element, which only XML writes.
    """

    content_type: str

    def load(self, body: bytes) -> Any: ...

    def decoder(self, shape: Shape) -> Convert: ...

    def payload(self, shape: Shape) -> Convert:
        """As `decoder`, of a member that is the whole body."""
        ...

    def encode_body(self, shape: Shape, root: str) -> Callable[[Any], bytes]: ...
