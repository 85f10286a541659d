"""What the node agent does with sealed environment variables: opens them for an assignment, or when they are shown."""

from collections.abc import Callable
from typing import Any

import msgspec

from lambent.errors import EnvironmentDenied, LambentError
from lambent.sandbox import protocol
from lambent.sandbox.vault import Vault


class Sealing:
    """Stands before the nursery, which never sees a variable; the front end keeps them sealed."""

    def __init__(self, vault: Vault, obey: Callable[[Any, Any], None]) -> None:
        self._vault = vault
        self._obey = obey

    def obey(self, order: Any, tell: Any) -> None:
        match order:
            case protocol.Seal():
                tell(self._seal(order))
            case protocol.Open():
                tell(protocol.Opened(order.ask, tuple(self._open(*each) for each in order.sealed)))
            case protocol.Assign() if order.sealed:
                self._assign(order, tell)
            case _:
                self._obey(order, tell)

    def _seal(self, order: protocol.Seal) -> protocol.Sealed:
        try:
            return protocol.Sealed(order.ask, self._vault.seal(order.variables, order.owner, order.key))
        except LambentError as error:
            return protocol.Sealed(order.ask, error=error.message)

    def _open(self, sealed: bytes, owner: str) -> dict[str, str] | str:
        try:
            return self._vault.open(sealed, owner)
        except LambentError as error:
            return error.message

    def _assign(self, order: protocol.Assign, tell: Any) -> None:
        try:
            variables = self._vault.open(order.sealed, order.owner)
        except LambentError as error:
            tell(protocol.Refused(order.ask, error.message, denied=isinstance(error, EnvironmentDenied)))
            return

        def with_variables(message: Any, fds: list[int] | None = None) -> None:
            if isinstance(message, protocol.Assigned):
                message = msgspec.structs.replace(message, environment=variables)
            tell(message, fds)

        self._obey(order, with_variables)
