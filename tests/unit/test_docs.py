"""The documents say what is true now."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from lambent import __version__

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    if "build" not in path.relative_to(ROOT).parts
)


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    assert generator().outdated() == [], "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    lost = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert lost == []


@pytest.mark.parametrize("page", ["SPECIFICATION.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md"])
def test_files_that_a_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:tests|benchmarks|scripts|docs|guest|lambent)/[\w./-]*)`", (ROOT / page).read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_files_that_the_architecture_names_in_short_exist() -> None:
    named = re.findall(r"`((?:control|runtimes|sandbox|observe|invoke|store|wire)/[\w./]*)`", _text("ARCHITECTURE.md"))
    assert named
    assert [name for name in named if not (ROOT / "lambent" / name).exists()] == []


def test_every_folder_of_docs_has_a_page() -> None:
    assert [
        str(folder) for folder in (ROOT / "docs").iterdir() if folder.is_dir() and not list(folder.glob("*.md"))
    ] == []


def test_the_readme_fits_on_one_screen_with_one_picture() -> None:
    text = _text("README.md")
    assert len(text.splitlines()) <= 70
    assert "lambent up" in text


def test_the_changelog_has_an_unreleased_heading_first() -> None:
    headings = re.findall(r"^## (.+)$", _text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.match(r"\d+\.\d+\.\d+", heading) for heading in headings[1:])


def test_the_version_has_one_source() -> None:
    assert 'dynamic = ["version"]' in _text("pyproject.toml")
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_licence_is_apaches() -> None:
    assert "Apache License\n                           Version 2.0" in _text("LICENSE")


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "decisions").glob("0*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_lock_names_no_index_and_has_hashes() -> None:
    for path in [*(ROOT / "requirements").glob("*.txt"), ROOT / "examples" / "thumbnails" / "requirements.txt"]:
        text = path.read_text()
        assert "://" not in text, path
        assert "index-url" not in text, path
        pinned = re.findall(r"^[\w.-]+==\S+.*$", text, re.MULTILINE)
        assert pinned
        assert all(line.endswith("\\") for line in pinned), path


def test_every_requirement_is_in_the_lock() -> None:
    asked = re.findall(r'^    "([\w-]+)[><=]', _text("pyproject.toml"), re.MULTILINE)
    locked = re.findall(r"^([\w.-]+)==", _text("requirements/dev.txt"), re.MULTILINE)
    assert set(asked) <= set(locked), "run `make lock`"


def _text(name: str) -> str:
    return (ROOT / name).read_text()
