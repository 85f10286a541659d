"""Finding mappings, and who may not touch them now."""

from lambent.control.control import Control
from lambent.errors import AwsError, ResourceNotFound
from lambent.store import event_source_mappings as states
from lambent.store.event_source_mappings import StoredMapping
from lambent.wire.parse import Call

_PASSING = frozenset({states.CREATING, states.ENABLING, states.DISABLING, states.UPDATING, states.DELETING})

Key = tuple[str, str, str]  # account, region, UUID


def refuse_in_use(mapping: StoredMapping, doing: str, *, moved: bool = False) -> None:
    """Raises ResourceInUseException for what is in a passing state, or was changed (`moved`) since it was looked at."""
    if moved or mapping.state in _PASSING:
        raise AwsError(
            f"Cannot {doing} the event source mapping because it is in use.", code="ResourceInUseException", status=400
        )


def key(call: Call) -> Key:
    return call.account, call.region, call.parameters["UUID"]


def tagged(call: Call) -> Key:
    """The mapping that Resource names: another account's or region's is not there."""
    parts = call.parameters["Resource"].split(":")
    if (parts[4], parts[3]) != (call.account, call.region):
        raise _missing()
    return call.account, call.region, parts[6]


def existing(control: Control, key: Key) -> tuple[StoredMapping, str]:
    """A mapping and the state that it is in by now. Raises ResourceNotFound."""
    found = control.stores.mappings.get(*key)
    state = found.state_at(control.clock.epoch()) if found else None
    if found is None or state is None:
        raise _missing()
    return found, state


def settled(found: StoredMapping | None, now: float) -> StoredMapping:
    """Where a mapping has come to by now. Raises ResourceNotFound if there is none, or none any more."""
    if found is None or found.state_at(now) is None:
        raise _missing()
    return found.settled(now)


def _missing() -> ResourceNotFound:
    return ResourceNotFound("The resource you requested does not exist.")
