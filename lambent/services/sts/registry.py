"""Which function does which operation of STS."""

from collections.abc import Callable

from lambent.clock import Clock
from lambent.errors import NotImplementedYet
from lambent.iam.credentials import Mint
from lambent.model import Document
from lambent.services.sts.roles import assume_role
from lambent.services.sts.sessions import get_caller_identity, get_session_token
from lambent.wire.parse import Call

operations: dict[str, Callable[[Mint, Clock, Call], Document]] = {
    "AssumeRole": assume_role,
    "GetCallerIdentity": get_caller_identity,
    "GetSessionToken": get_session_token,
}


class Sts:
    """`answer` does the operations of the service."""

    def __init__(self, mint: Mint, clock: Clock) -> None:
        """`clock` is the product's, by which credentials expire."""
        self._mint = mint
        self._clock = clock

    async def answer(self, call: Call) -> Document:
        """Raises NotImplementedYet, which names it, for an operation that is not built."""
        handler = operations.get(call.operation)
        if handler is None:
            raise NotImplementedYet(f"Lambent does not support the operation {call.service}:{call.operation} yet.")
        return handler(self._mint, self._clock, call)
