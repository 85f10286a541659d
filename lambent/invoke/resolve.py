"""From what a caller named to the Version that runs: a dictionary look-up when warm, the store when not."""

import random
from collections.abc import Callable
from typing import NamedTuple

from lambent.arns import parse_function
from lambent.errors import ResourceConflict
from lambent.model import Version

LARGEST = 100_000  # resolved names kept; names come from callers, so there must be a bound

Key = tuple[str, str, str, str | None]  # account, region, name or ARN, qualifier: as the caller gave them
Found = tuple[Version, str]  # the version, and the ARN as the caller asked for it


class Split(NamedTuple):
    """What an alias with weights stands for. Each invocation is given to one of the two by chance, as on AWS."""

    version: Version
    other: Version
    share: float  # of the invocations that go to `other`, 0 to 1

    def choose(self, chance: float) -> Version:
        """`chance` is at least 0 and less than 1, and equally likely everywhere."""
        return self.other if chance < self.share else self.version


class Resolver:
    """Remembers only versions that can run, until `forget` says that the function or an alias of it was changed.

    Mutable: `_known` holds names that stand for one version and `_splits` those that stand for two, never the same;
    `_keys` says for each function under which names it is in either.
    """

    def __init__(
        self, load: Callable[[str, str, str, str | None], Version | Split], chance: Callable[[], float] = random.random
    ) -> None:
        self._load = load  # account, region, name, qualifier -> what it stands for; raises ResourceNotFound
        self._chance = chance
        self._known: dict[Key, Found] = {}
        self._splits: dict[Key, tuple[Split, str]] = {}
        self._keys: dict[tuple[str, str, str], set[Key]] = {}

    def resolve(self, account: str, region: str, text: str, qualifier: str | None) -> Found:
        """The version that `text` and `qualifier` name. Raises ResourceNotFound, ResourceConflict when not Active."""
        key = (account, region, text, qualifier)
        found = self._known.get(key)
        return found if found is not None else self._find(key)

    def forget(self, account: str, region: str, name: str) -> None:
        for key in self._keys.pop((account, region, name), ()):
            self._known.pop(key, None)
            self._splits.pop(key, None)

    def _find(self, key: Key) -> Found:
        known = self._splits.get(key)
        if known is not None:
            split, arn = known
            return split.choose(self._chance()), arn
        account, region, text, qualifier = key
        ref = parse_function(text, qualifier, account=account, region=region)
        loaded = self._load(ref.account, ref.region, ref.name, ref.qualifier)
        version = loaded.choose(self._chance()) if isinstance(loaded, Split) else loaded
        if version.state != "Active":
            raise ResourceConflict(
                "The operation cannot be performed at this time. The function is currently in the following state: "
                f"{version.state}"
            )
        found = (version, ref.arn)
        self._remember(key, (ref.account, ref.region, ref.name), loaded, found)
        return found

    def _remember(self, key: Key, function: tuple[str, str, str], loaded: Version | Split, found: Found) -> None:
        if len(self._known) + len(self._splits) >= LARGEST:
            self._known.clear()
            self._splits.clear()
            self._keys.clear()
        if not isinstance(loaded, Split):
            self._known[key] = found
        elif loaded.version.state == loaded.other.state == "Active":
            self._splits[key] = (loaded, found[1])
        else:
            return
        self._keys.setdefault(function, set()).add(key)
