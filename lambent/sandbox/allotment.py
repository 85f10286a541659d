"""How provisioned concurrency is divided and bounded, and what becomes of a failure: decisions without I/O."""

from collections.abc import Sequence
from typing import NamedTuple

from lambent.errors import NotNow, SandboxError
from lambent.model import Version

FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 600.0  # between attempts after an init that failed
SOON_S = 1.0  # the next attempt after what passes: no room, no agent
PATIENCE = 60  # attempts until that is told as a failure
ON_DEMAND_SHARE = 10  # of the places for sandboxes, one in so many is not for provisioned concurrency


class Team(NamedTuple):
    """So many sandboxes of a provisioned version."""

    twin: Version
    size: int


class Trouble(NamedTuple):
    """Why an attempt failed, and how many have in a row."""

    reason: str
    times: int
    passing: bool = False

    @property
    def is_told(self) -> bool:
        return not self.passing or self.times > PATIENCE

    @property
    def pause_s(self) -> float:
        if self.passing and not self.is_told:
            return SOON_S
        return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.times - 1, 10)))


def split(versions: Sequence[tuple[Version, float]], count: int) -> list[tuple[Version, int]]:
    """`count` by the weights of an alias, which add up to 1; the last gets its share rounded, the first the rest."""
    (first, _), *others = versions
    parts = [(version, round(count * share)) for version, share in others]
    parts = [(first, count - sum(part for _, part in parts)), *parts]
    return [(version, part) for version, part in parts if part > 0]


def fits(count: int, others: int, places: int) -> None:
    """Calls on demand must find a place on this machine as well. Raises SandboxError."""
    kept = max(1, places // ON_DEMAND_SHARE)
    if count + others > places - kept:
        raise SandboxError(
            f"This machine has {places} places for environments (setting sandboxes): {kept} are kept for calls on "
            f"demand, and {others} are provisioned already."
        )


def require_active(version: Version) -> None:
    """Raises NotNow for a version that is being made, SandboxError for one that cannot run."""
    if version.state != "Active":
        kind = NotNow if version.state == "Pending" else SandboxError
        raise kind(f"Version {version.version} is {version.state}: {version.state_reason or 'it cannot run'}")
