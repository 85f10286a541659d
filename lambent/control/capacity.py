"""What the control plane asks of whoever runs functions."""

from collections.abc import Mapping, Sequence, Set
from typing import Protocol

from lambent.model import Allocation, Version


class Capacity(Protocol):
    """The engine, as seen from the control plane."""

    async def prepare(self, version: Version) -> None:
        """Make the machine ready to run `version` quickly; with SnapStart, initialise it.

        Raises SandboxError, which makes the deployment Failed.
        """
        ...

    def changed(self, account: str, region: str, name: str) -> None:
        """Forget what is known of a function and its limits: it was changed or deleted. Old sandboxes finish and go.

        Not called when a deployment ends: versions that are not Active must not be remembered in the first place.
        """
        ...

    def rerouted(self, account: str, region: str, name: str) -> None:
        """An alias of a function was changed or deleted: look up anew what its names stand for. Sandboxes stay, calls
        that run do not notice, and provisioned concurrency follows the alias.
        """
        ...

    def reads(self, digests: Set[str]) -> bool:
        """May a call that is under way, or about to be, still read one of these packages or images?"""
        ...

    def limits_changed(self, account: str, region: str, name: str) -> None:
        """Reserved or provisioned concurrency of a function was set or taken away: obey what the store says now."""
        ...

    def allocation(self, account: str, region: str, name: str, qualifier: str) -> Allocation:
        """How far the provisioned concurrency of that qualifier is; nothing of it, and IN_PROGRESS, if none is kept."""
        ...

    def refuse_images(self) -> str | None:
        """A sentence that says why this machine cannot run container images, or None."""
        ...

    def refuse_file_systems(self) -> str | None:
        """A sentence that says why this machine cannot mount directories into sandboxes, or None."""
        ...

    def refuse_snapshots(self) -> str | None:
        """A sentence that says why this machine cannot do SnapStart, or None."""
        ...

    async def seal(self, variables: Mapping[str, str], owner: str, key: str = "") -> bytes:
        """The environment variables of the function `owner` (an ARN), encrypted under the KMS key with the ARN `key`,
        or under the one for functions that name none. Raises SandboxError.
        """
        ...

    async def open(self, sealed: Sequence[tuple[bytes, str]]) -> list[dict[str, str] | str]:
        """What each of (encrypted variables, owner) was, or a sentence that says why it cannot be decrypted."""
        ...

    def refuse(self, runtime: str) -> str | None:
        """A sentence that says why this machine does not run `runtime` and how to change that, or None."""
        ...
