"""A small Capacity that runs nothing, for tests of the control plane and of what uses it."""

import asyncio
import json
from collections.abc import Mapping, Sequence, Set

from lambent.model import Allocation, Version


class MemoryCapacity:
    """Prepares at once unless told otherwise; remembers what it was asked.

    `hold` keeps deployments Pending until `let_go`; `failure`, if set, is raised by every `prepare`.
    """

    def __init__(self, refusals: Mapping[str, str] | None = None) -> None:
        self.refusals = dict(refusals or {})
        self.failure: Exception | None = None
        self.no_snapshots: str | None = None  # why SnapStart is not possible
        self.prepared: list[Version] = []
        self.read: set[str] = set()  # digests that running calls read
        self.changes: list[tuple[str, str, str]] = []
        self.reroutes: list[tuple[str, str, str]] = []
        self.limits: list[tuple[str, str, str]] = []  # functions whose limits were changed
        self.allocations: dict[tuple[str, str, str, str], Allocation] = {}
        self.lost_keys: set[str] = set()  # ARNs of keys that somebody has taken away
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    async def prepare(self, version: Version) -> None:
        await self._open.wait()
        if self.failure is not None:
            raise self.failure
        self.prepared.append(version)

    def changed(self, account: str, region: str, name: str) -> None:
        self.changes.append((account, region, name))

    def rerouted(self, account: str, region: str, name: str) -> None:
        self.reroutes.append((account, region, name))

    def reads(self, digests: Set[str]) -> bool:
        return not self.read.isdisjoint(digests)

    def limits_changed(self, account: str, region: str, name: str) -> None:
        self.limits.append((account, region, name))

    def allocation(self, account: str, region: str, name: str, qualifier: str) -> Allocation:
        return self.allocations.get((account, region, name, qualifier), Allocation())

    async def seal(self, variables: Mapping[str, str], owner: str, key: str = "") -> bytes:
        """Not encrypted, but as tied to its owner, and to its key, as what is."""
        return json.dumps([owner, dict(variables), key]).encode()[::-1]

    async def open(self, sealed: Sequence[tuple[bytes, str]]) -> list[dict[str, str] | str]:
        return [self._opened(*each) for each in sealed]

    def _opened(self, sealed: bytes, owner: str) -> dict[str, str] | str:
        found, variables, key = json.loads(sealed[::-1])
        return variables if found == owner and key not in self.lost_keys else "access denied"

    def refuse_snapshots(self) -> str | None:
        return self.no_snapshots

    def refuse_file_systems(self) -> str | None:
        return self.refusals.get("file systems")

    def refuse_images(self) -> str | None:
        return self.refusals.get("images")

    def refuse(self, runtime: str) -> str | None:
        return self.refusals.get(runtime)
