"""What to tell the user whose function asks for a runtime that is not here: the exact command that adds it."""

from lambent.runtimes.places import number
from lambent.runtimes.table import TABLE, Runtime

_OLDEST = {"python": (3, 8), "node": (18,), "java": (11,)}  # what `lambent runtimes add` can fetch
_GUESTS = {"python": (3, 8), "node": (14,), "java": (8,), "ruby": (2, 7)}  # what the runtime clients run on
_FAMILIES = {"python": "Python", "node": "Node.js", "java": "Java", "ruby": "Ruby"}
_FALLBACK = "or start Lambent with --runtime-fallback to run such functions on the nearest installed {}."


def can_be_added(row: Runtime) -> bool:
    """Whether a package registry carries it. Announced ones have no dates yet, and are nowhere."""
    return row.kind in _OLDEST and not row.announced and number(row.name) >= _OLDEST[row.kind]


def how_to_add(runtime: str) -> str:
    """One or two sentences, ending with a full stop."""
    row = TABLE.get(runtime)
    if row is None or number(runtime) < _GUESTS.get(row.kind, (9999,)):
        return f"Lambent does not run {runtime} itself. Package the program with a bootstrap and use provided.al2023."
    family = _FAMILIES[row.kind]
    fallback = _FALLBACK.format(family)
    missing = f"{family} {_version(row)} is not installed on this machine."
    if can_be_added(row):
        return f"{missing} Add it with `lambent runtimes add {runtime}`; {fallback}"
    return f"{missing} {_by_hand(row)}, then restart Lambent; {fallback}"


def _version(row: Runtime) -> str:
    digits = number(row.name)
    return ".".join(map(str, digits[:2] if row.kind in ("python", "ruby") else digits[:1]))


def _by_hand(row: Runtime) -> str:
    version = _version(row)
    tools = {
        "python": f"Install it with `uv python install {version}` or `pyenv install {version}`",
        "node": f"Install it with `nvm install {version}` or your distribution's package nodejs",
        "java": f"Install it with your distribution's package openjdk-{version}-jre-headless",
        "ruby": f"Install it with `rbenv install {version}` or your distribution's package ruby",
    }
    return tools[row.kind]
