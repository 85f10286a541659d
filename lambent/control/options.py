"""Options that would be stored and not obeyed: they are refused until they work."""

from collections.abc import Callable, Mapping
from typing import Any

from lambent.errors import NotImplementedYet

# Option -> whether the value given asks for something; a value that asks for nothing is what AWS does by default.
_ASKS: dict[str, Callable[[Any], bool]] = {
    "KMSKeyArn": bool,
    "FileSystemConfigs": bool,
    "CodeSigningConfigArn": bool,
    "TenancyConfig": lambda value: True,
    "DurableConfig": lambda value: True,
    "RuntimeConfig": bool,
    "AcceleratorConfig": lambda value: True,
    "PublishTo": bool,
    "SourceKMSKeyArn": bool,
}


def refuse_unbuilt(parameters: Mapping[str, Any]) -> None:
    """Raise NotImplementedYet for the first option that Lambent would not obey."""
    for option, asks in _ASKS.items():
        value = parameters.get(option)
        if value is None or not asks(value):
            continue
        raise NotImplementedYet(f"Lambent does not support {option} yet. Remove it from the request and try again.")
