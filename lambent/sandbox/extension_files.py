"""Which external extensions an environment has: every file in /opt/extensions, whichever layer it comes from."""

import os
from collections.abc import Iterable

INSIDE = "/opt/extensions"


def find(layers: Iterable[str]) -> tuple[str, ...]:
    """Paths as seen inside, by name. Directories are passed over, as on AWS; a file that cannot be executed is not:
    it fails the init, so that nobody wonders why an extension does not run."""
    names: set[str] = set()
    for layer in layers:
        try:
            with os.scandir(os.path.join(layer, "extensions")) as entries:
                names |= {entry.name for entry in entries if not entry.is_dir()}
        except OSError:
            continue  # most layers have none
    return tuple(f"{INSIDE}/{name}" for name in sorted(names))
