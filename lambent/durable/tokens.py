"""The tokens that clients are given: opaque to them, base64 of what we need to know."""

import base64
import binascii
from typing import NamedTuple


class CheckpointToken(NamedTuple):
    """What a checkpoint token says: whose, of which invocation, and after how many checkpoints."""

    execution: str  # id
    invocation: str
    sequence: int

    def __str__(self) -> str:
        return _seal(f"{self.execution}:{self.invocation}:{self.sequence}")


def checkpoint_token(token: str) -> CheckpointToken | None:
    """What it says; None if it is none of ours."""
    parts = _open(token).split(":")
    if len(parts) != 3 or not (parts[2].isascii() and parts[2].isdigit()) or len(parts[2]) > 18:
        return None
    return CheckpointToken(parts[0], parts[1], int(parts[2]))


def callback_id(execution: str, operation: str) -> str:
    return _seal(f"{execution}:{operation}")


def callback(token: str) -> tuple[str, str] | None:
    """The id of the execution and of the operation that a callback id stands for; None if it is none of ours."""
    execution, colon, operation = _open(token).partition(":")
    return (execution, operation) if colon and operation else None


def _seal(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _open(token: str) -> str:
    """Empty if it is not what `_seal` makes."""
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
