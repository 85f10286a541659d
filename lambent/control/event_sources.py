"""What the control plane asks of the services whose events mappings poll."""

from typing import Protocol

import msgspec

from lambent.store.event_source_mappings import StoredMapping


class EventSource(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a source of events."""

    exists: bool = True
    visibility_timeout_s: int | None = None  # of a queue


class Sources(Protocol):
    """The sources of this machine, and the pollers that read them."""

    def polls(self, kind: str) -> bool:
        """Is there a poller for sources of this kind (control.mapping_kinds)?"""
        ...

    def find(self, arn: str) -> EventSource | None:
        """What is known of a source; None if nobody here knows that service, so that nothing can be said of it."""
        ...

    def changed(self, mapping: StoredMapping) -> None:
        """A mapping was made, changed, deleted, or has come to the end of a passing state: obey it as it is now."""
        ...


class NoSources:
    """Nobody knows anything, and nothing is polled."""

    def polls(self, kind: str) -> bool:
        return False

    def find(self, arn: str) -> EventSource | None:
        return None

    def changed(self, mapping: StoredMapping) -> None: ...
