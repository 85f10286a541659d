"""How AWS spells values and member names in a sentence about a broken constraint: as Java's toString does."""

from datetime import datetime
from typing import Any

from lambent.wire.shapes import Shape


def camel(name: str) -> str:
    """`FunctionName` as `functionName`, `ARN` as `arn`."""
    if name.isupper():
        return name.lower()
    return name[:1].lower() + name[1:]


def shown(shape: Shape, value: Any) -> str:
    """`Value '…'`, or `Value` alone when the model calls it sensitive, as Cognito and IAM answer for passwords."""
    return "Value" if holds_secrets(shape) else f"Value '{java(shape, value)}'"


def holds_secrets(shape: Shape) -> bool:
    """Whether any scalar in a list or map, or the shape itself, is sensitive."""
    if shape.sensitive:
        return True
    if shape.type == "list":
        return holds_secrets(shape.member)
    if shape.type == "map":
        return holds_secrets(shape.key) or holds_secrets(shape.value)
    return False


def java(shape: Shape, value: Any) -> str:
    """What Java's toString says."""
    if value is None:
        return "null"
    if shape.type == "structure" and isinstance(value, dict):
        return _structure(shape, value)
    if shape.type == "list":
        return f"[{', '.join(java(shape.member, item) for item in value)}]"
    if shape.type == "map":
        return f"{{{', '.join(f'{key}={java(shape.value, item)}' for key, item in value.items())}}}"
    return _scalar(float(value) if shape.type in ("float", "double") else value)


def _structure(shape: Shape, value: dict[str, Any]) -> str:
    def item(name: str, ref: Shape) -> str:
        return "***" if holds_secrets(ref) and name in value else java(ref, value.get(name))

    return f"{shape.name}({', '.join(f'{camel(name)}={item(name, ref)}' for name, ref in shape.members.items())})"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):  # never the bytes themselves
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, datetime):
        return value.strftime("%a %b %d %H:%M:%S UTC %Y")
    return str(value)
