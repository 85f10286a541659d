"""Imports point down: the table of ARCHITECTURE.md, held true."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "lambent"

# A part may import itself and what lies lower. Nouns may use each other; stores, names, limits, scaling,
# telling, mapping_sources, triggers, capacity and banner are pieces of app, which sees all.
HEIGHT = {
    "model": 0,
    "errors": 0,
    "settings": 0,
    "arns": 0,
    "clock": 0,
    "agenda": 0,
    "pace": 0,
    "work": 0,
    "principal": 0,
    "privileges": 0,
    "wire": 1,
    "iam": 2,
    "patterns": 1,
    "signing": 1,
    "store": 1,
    "observe": 1,
    "runtimes": 2,
    "sandbox": 3,
    "invoke": 4,
    "control": 5,
    "services": 5,
    "events": 5,
    "durable": 5,
    "edge": 6,
    "cluster": 6,
    "advisor": 6,
    "deploy": 6,
    "cli": 7,
    "console": 7,
    "stores": 2,
    "names": 6,
    "execution_letters": 6,
    "limits": 6,
    "mapping_sources": 6,
    "triggers": 7,
    "identity": 7,
    "scaling": 6,
    "telling": 6,
    "capacity": 7,
    "banner": 8,
    "node": 7,
    "product_clock": 2,
    "status": 8,
    "app": 9,
    "serving": 10,
    "__main__": 11,
}
# The start commands start what they are named for; `runtimes add` and `signing sign` work on this machine's disk, with
# a server or without. Every other command is a client of the endpoint.
START_COMMANDS = {
    ("lambent/cli/up.py", "serving"),
    ("lambent/cli/agent.py", "sandbox"),
    ("lambent/cli/runtimes.py", "runtimes"),
    ("lambent/cli/signing.py", "signing"),
}
# A client needs the settings table for its flags and the errors for its messages, nothing else.
FACES_MAY_IMPORT = {"errors", "settings", "cli", "console"}


@cache
def imports_of(path: Path) -> list[str]:
    return list(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in the file the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "lambent":
            yield from (f"lambent.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def sources() -> list[Path]:
    """Without `_bin`, where the install puts what functions import."""
    found = (path for path in PACKAGE.rglob("*.py") if "_bin" not in path.parts)
    return sorted(path for path in found if path.name != "__init__.py" or path.parent != PACKAGE)


def crossings() -> Iterator[tuple[str, str, str]]:
    """Every import between two parts of the platform, as (file, its part, the part imported)."""
    for path in sources():
        for module in imports_of(path):
            names = module.split(".")
            if names[0] == "lambent" and len(names) > 1 and names[1] != "__version__" and names[1] != part_of(path):
                yield str(path.relative_to(ROOT)), part_of(path), names[1]


def test_every_part_of_the_platform_has_a_place_in_the_layers() -> None:
    assert {part_of(path) for path in sources()} <= set(HEIGHT)


def test_imports_point_down() -> None:
    up = [
        f"{file} ({part}) imports {other}"
        for file, part, other in crossings()
        if (file, other) not in START_COMMANDS and not (HEIGHT[part] == HEIGHT[other] == 0)
        if HEIGHT[other] >= HEIGHT[part]
    ]
    assert up == []


def test_nobody_imports_app_but_the_start_commands() -> None:
    assert [file for file, _, other in crossings() if other == "app" and file != "lambent/serving.py"] == []


def test_a_face_talks_to_the_platform_through_the_endpoint_only() -> None:
    inside = [
        f"{file} imports {other}"
        for file, part, other in crossings()
        if part in ("cli", "console") and other not in FACES_MAY_IMPORT and (file, other) not in START_COMMANDS
    ]
    assert inside == []


def test_the_wire_knows_nothing_of_lambda() -> None:
    assert {other for _, part, other in crossings() if part == "wire"} <= {"errors", "settings", "clock", "principal"}


@pytest.mark.parametrize("name", ["lambent", "botocore", "msgspec", "uvloop", "httptools"])
def test_the_guest_imports_nothing_of_the_platform_and_nothing_to_install(name: str) -> None:
    guests = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "guest").rglob("*.py")
        if any(module.split(".")[0] == name for module in imports_of(path))
    ]
    assert guests == []


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest imports them by name alone, and stops when two are alike."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py")
    assert [name for name, count in names.items() if count > 1] == []
