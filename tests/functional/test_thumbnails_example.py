import base64
import importlib.util
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, UnidentifiedImageError

EXAMPLE = Path(__file__).parents[2] / "examples" / "thumbnails"
PHOTOS = sorted((EXAMPLE / "photos").glob("*.jpg"))


def load(name: str) -> Any:
    """One of the example's files as a module; the example is no package."""
    spec = importlib.util.spec_from_file_location(f"thumbnails_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def thumbnail(photo: bytes, width: int) -> tuple[dict[str, Any], Any]:
    """The function's answer and the picture in it."""
    answer = load("app").handler({"image": base64.b64encode(photo).decode(), "width": width}, None)
    return answer, Image.open(io.BytesIO(base64.b64decode(answer["image"])))


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_a_thumbnail_has_the_width_asked_for_and_the_photographs_proportions(photo: Path) -> None:
    answer, picture = thumbnail(photo.read_bytes(), 160)
    assert picture.size == (answer["width"], answer["height"]) == (160, answer["height"])
    assert picture.format == "JPEG"
    assert 1.3 < picture.width / picture.height < 1.6  # every one of them is wider than high once it is upright


def test_a_photograph_taken_on_its_side_is_turned_upright() -> None:
    answer, picture = thumbnail((EXAMPLE / "photos" / "cat.jpg").read_bytes(), 100)
    assert answer["turned"] is True
    assert picture.width > picture.height


def test_an_upright_photograph_is_left_as_it_is() -> None:
    assert thumbnail((EXAMPLE / "photos" / "china.jpg").read_bytes(), 100)[0]["turned"] is False


def test_a_thumbnail_is_never_larger_than_its_photograph() -> None:
    assert thumbnail((EXAMPLE / "photos" / "rocket.jpg").read_bytes(), 5000)[1].size == (640, 427)


def test_what_is_no_picture_is_an_error() -> None:
    with pytest.raises(UnidentifiedImageError):
        thumbnail(b"a shopping list", 100)


def test_every_photograph_is_listed_with_its_licence() -> None:
    listed = (EXAMPLE / "photos" / "LICENSE.md").read_text()
    assert [photo.name for photo in PHOTOS if f"`{photo.name}`" not in listed] == []
    assert sum(photo.stat().st_size for photo in PHOTOS) < 1_500_000


def test_the_same_sources_make_the_same_zip(tmp_path: Path) -> None:
    build = load("build")
    root = tmp_path / "root"
    (root / "package").mkdir(parents=True)
    (root / "package" / "b.py").write_text("b")
    (root / "a.sh").write_text("a")
    (root / "a.sh").chmod(0o755)
    build.write_zip(root, tmp_path / "1.zip")
    (root / "a.sh").touch()
    build.write_zip(root, tmp_path / "2.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert archive.namelist() == ["a.sh", "package/b.py"]
        assert archive.getinfo("a.sh").external_attr >> 16 == 0o100755
