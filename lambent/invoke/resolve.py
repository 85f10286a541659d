"""From what a caller named to the Version that runs: a dictionary look-up when warm, the store when not."""

from collections.abc import Callable

from lambent.arns import parse_function
from lambent.errors import ResourceConflict
from lambent.model import Version

LARGEST = 100_000  # resolved names kept; names come from callers, so there must be a bound

Found = tuple[Version, str]  # the version, and the ARN as the caller asked for it


class Resolver:
    """Caches only versions that can run, until `forget` says that the function was changed."""

    def __init__(self, load: Callable[[str, str, str, str | None], Version]) -> None:
        self._load = load  # account, region, name, qualifier -> Version; raises ResourceNotFound
        self._known: dict[tuple[str, str, str, str | None], Found] = {}
        self._keys: dict[tuple[str, str, str], set[tuple[str, str, str, str | None]]] = {}

    def resolve(self, account: str, region: str, text: str, qualifier: str | None) -> Found:
        """The version that `text` and `qualifier` name. Raises ResourceNotFound, ResourceConflict when not Active."""
        key = (account, region, text, qualifier)
        found = self._known.get(key)
        return found if found is not None else self._find(key)

    def forget(self, account: str, region: str, name: str) -> None:
        for key in self._keys.pop((account, region, name), ()):
            self._known.pop(key, None)

    def _find(self, key: tuple[str, str, str, str | None]) -> Found:
        account, region, text, qualifier = key
        ref = parse_function(text, qualifier, account=account, region=region)
        version = self._load(ref.account, ref.region, ref.name, ref.qualifier)
        if version.state != "Active":
            raise ResourceConflict(
                "The operation cannot be performed at this time. The function is currently in the following state: "
                f"{version.state}"
            )
        if len(self._known) >= LARGEST:
            self._known.clear()
            self._keys.clear()
        found = self._known[key] = (version, ref.arn)
        self._keys.setdefault((ref.account, ref.region, ref.name), set()).add(key)
        return found
