"""Tags of mappings."""

from collections.abc import Callable

from msgspec.structs import replace

from lambent.control import mapping_lookup, rules
from lambent.control.control import Control
from lambent.store.event_source_mappings import StoredMapping
from lambent.wire.parse import Call


def tags(control: Control, call: Call) -> dict[str, str]:
    """Those of the mapping that Resource names. Raises ResourceNotFound."""
    return mapping_lookup.existing(control, mapping_lookup.tagged(call))[0].tags


async def change_tags(control: Control, call: Call, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Tags are no change of the mapping: its state and LastModified stay."""

    def changed(found: StoredMapping | None) -> StoredMapping:
        current = mapping_lookup.settled(found, control.clock.epoch())
        after = change(current.tags)
        rules.check_tags(after)
        return replace(current, tags=after)

    await control.stores.mappings.change(mapping_lookup.tagged(call), changed)
