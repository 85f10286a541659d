"""Options that would be stored and not obeyed: they are refused."""

from collections.abc import Mapping
from typing import Any

from lambent.errors import InvalidParameterValue

# Option -> why it is refused for good (decision 29); an empty value asks for nothing.
_NEVER: dict[str, str] = {
    "RuntimeConfig": "RuntimeConfig is not available here: Lambent has no customer-managed runtimes. Use a Runtime "
    "that `lambent runtimes` lists, provided.al2023 with a bootstrap of your own, or a container image.",
    "AcceleratorConfig": "AcceleratorConfig is not available here: Lambent gives functions no accelerator devices.",
    "PublishTo": "PublishTo is not available here: $LATEST.PUBLISHED exists only for functions on a capacity provider, "
    "and Lambent runs none there. Use Publish or PublishVersion, which make a numbered version.",
    "SourceKMSKeyArn": "SourceKMSKeyArn is not available here: Lambent keeps deployment packages unpacked and "
    "unencrypted, since functions run from them. Encrypt the disk of its data directory instead.",
}


def refuse_unavailable(parameters: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValue for the first option that Lambent would not obey."""
    for option, sentence in _NEVER.items():
        if parameters.get(option):
            raise InvalidParameterValue(sentence)
