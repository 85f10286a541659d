"""Container images as they lie about, read without a server."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lambent.cli import image_sources
from lambent.cli.endpoint import CommandFailed
from lambent.cli.image_sources import opened

LAYER = b"a layer"
OURS = {"os": "linux", "architecture": image_sources._ARCHITECTURE}
INDEX = "application/vnd.oci.image.index.v1+json"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def put(layout: Path, data: bytes) -> dict[str, Any]:
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / sha256(data).partition(":")[2]).write_bytes(data)
    return {"digest": sha256(data), "size": len(data)}


def image(layout: Path, command: str = "x") -> dict[str, Any]:
    config = put(layout, json.dumps({"config": {"Cmd": [command]}, "rootfs": {"diff_ids": [sha256(LAYER)]}}).encode())
    return put(layout, json.dumps({"config": config, "layers": [put(layout, LAYER)]}).encode())


def index(layout: Path, *entries: dict[str, Any]) -> Path:
    (layout / "index.json").write_text(json.dumps({"manifests": entries}))
    return layout


def named(entry: dict[str, Any], name: str) -> dict[str, Any]:
    return entry | {"annotations": {"org.opencontainers.image.ref.name": name}}


def command_of(text: str) -> str:
    with opened(text) as source:
        return str(source.config()["config"]["Cmd"][0])


def archive(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def test_the_only_image_of_a_layout_needs_no_tag(tmp_path: Path) -> None:
    index(tmp_path, named(image(tmp_path), "v1"))
    with opened(str(tmp_path)) as source:
        assert source.name == "v1"
        assert sha256(source.manifest) == image(tmp_path)["digest"]
        with source.blobs.open(sha256(LAYER)) as file:
            assert file.read() == LAYER


def test_of_several_images_the_tag_chooses(tmp_path: Path) -> None:
    index(tmp_path, named(image(tmp_path, "one"), "v1"), named(image(tmp_path, "two"), "v2"))
    assert command_of(f"{tmp_path}:v2") == "two"
    assert command_of(f"oci:{tmp_path}:v1") == "one"
    with pytest.raises(CommandFailed, match="has 2 images; say which: v1, v2"):
        command_of(str(tmp_path))
    with pytest.raises(CommandFailed, match="has no image 'v3'; it has: v1, v2"):
        command_of(f"{tmp_path}:v3")


def test_of_several_platforms_this_machine_s_is_taken(tmp_path: Path) -> None:
    platforms = [
        image(tmp_path, "far") | {"platform": {"os": "linux", "architecture": "s390x"}},
        image(tmp_path, "near") | {"platform": OURS},
    ]
    listed = put(tmp_path, json.dumps({"mediaType": INDEX, "manifests": platforms}).encode())
    assert command_of(str(index(tmp_path, listed))) == "near"
    listed = put(tmp_path, json.dumps({"mediaType": INDEX, "manifests": platforms[:1]}).encode())
    with pytest.raises(CommandFailed, match="has no variant for linux/"):
        command_of(str(index(tmp_path, listed)))


@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_layout_may_be_in_a_tar(tmp_path: Path, prefix: str) -> None:
    index(tmp_path, named(image(tmp_path, "packed"), "v1"))
    files = {
        prefix + str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert command_of(str(archive(tmp_path / "image.tar", files))) == "packed"


def saved(path: Path, *names: str) -> Path:
    """What `docker save` writes, in its older form."""
    files = {"1/layer.tar": LAYER}
    entries = []
    for name in names:
        files[f"{len(files)}.json"] = json.dumps({"config": {"Cmd": [name]}}).encode()
        entries.append({"Config": f"{len(files) - 1}.json", "RepoTags": [name], "Layers": ["1/layer.tar"]})
    return archive(path, files | {"manifest.json": json.dumps(entries).encode()})


def test_an_archive_of_docker_save_gets_a_manifest_of_what_is_in_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "app.tar", "app:v1")
    with opened(str(path)) as source, opened(f"docker-archive:{path}") as again:
        assert source.name == "app:v1"
        assert source.manifest == again.manifest
        assert source.document()["layers"] == [{"digest": sha256(LAYER), "size": len(LAYER)}]
        with source.blobs.open(sha256(LAYER)) as file:
            assert file.read() == LAYER


def test_of_several_images_in_an_archive_the_name_chooses(tmp_path: Path) -> None:
    path = saved(tmp_path / "apps.tar", "app:v1", "app:v2")
    assert command_of(f"{path}:app:v2") == "app:v2"
    with pytest.raises(CommandFailed, match="say which with ARCHIVE:NAME: app:v1, app:v2"):
        command_of(str(path))


def test_what_is_no_image_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no tar")
    for text, reason in [
        (str(tmp_path / "text"), "cannot be read as a container image"),
        (str(archive(tmp_path / "other.tar", {"a": b"b"})), "has neither a manifest.json nor an index.json"),
        (str(tmp_path), "cannot be read as a container image"),
        ("nothing here", "neither a file nor a directory"),
        ("oci:/nothing/here", "there is nothing at /nothing/here"),
    ]:
        with pytest.raises(CommandFailed, match=reason):
            command_of(text)


def test_a_registry_elsewhere_needs_skopeo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(CommandFailed, match=r"registry\.example is not on this machine: install skopeo"):
        command_of("registry.example/app:v1")


def test_skopeo_s_copy_is_read_as_the_layout_that_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = index(tmp_path, named(image(tmp_path, "pulled"), "image"))
    program = tmp_path / "skopeo"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ntarget=${{4#oci:}}\ncp -r {made}/. "${{target%:image}}"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(program))
    with opened("docker://registry.example/app:v1") as source:
        assert source.config()["config"]["Cmd"] == ["pulled"]
        assert source.name == "registry.example/app:v1"
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("copy --quiet docker://registry.example/app:v1 oci:")
