"""DurableConfig: what makes a function durable, from its creation on.

Defaults: the CloudFormation schema of AWS::Lambda::Function. Ranges: the service model.
"""

from typing import Any

from lambent.errors import InvalidParameterValue
from lambent.model import Document, Durability

RETENTION_DAYS = 14  # of a function that says nothing else

_NO_KEYS = (
    "DurableConfig.KMSKeyArn is not available here: Lambent keeps the payloads of durable executions unencrypted. "
    "Leave it out, and encrypt the disk of the data directory instead."
)
_NOT_LATER = "DurableConfig can be given only when a function is created: {name} was created without one."
_NO_TIMEOUT = "ExecutionTimeout is required in the DurableConfig of a function that is created."


def check_new(asked: dict[str, Any]) -> None:
    """Raises InvalidParameterValue for a DurableConfig that no function can be created with."""
    wanted = asked.get("DurableConfig")
    if wanted is None:
        return
    _check_key(wanted)
    if "ExecutionTimeout" not in wanted:
        raise InvalidParameterValue(_NO_TIMEOUT)


def check_change(name: str, asked: dict[str, Any], current: dict[str, Any]) -> None:
    """The same for a function that is there. A function stays durable, or stays what it is."""
    wanted = asked.get("DurableConfig")
    if wanted is None:
        return
    _check_key(wanted)
    if "DurableConfig" not in current:
        raise InvalidParameterValue(_NOT_LATER.format(name=name))


def configured(asked: dict[str, Any], current: dict[str, Any]) -> Document:
    """The member of the configuration; what is not asked for stays as it is."""
    wanted, known = asked.get("DurableConfig"), current.get("DurableConfig")
    if wanted is None and known is None:
        return {}
    given = {"RetentionPeriodInDays": RETENTION_DAYS} | (known or {}) | (wanted or {})
    return {"DurableConfig": {name: value for name, value in given.items() if value != ""}}


def durability(config: dict[str, Any]) -> Durability | None:
    """What the engine needs of it; None for a function that is not durable."""
    found = config.get("DurableConfig")
    return Durability(found["ExecutionTimeout"], found["RetentionPeriodInDays"]) if found else None


def _check_key(wanted: dict[str, Any]) -> None:
    if wanted.get("KMSKeyArn"):
        raise InvalidParameterValue(_NO_KEYS)
