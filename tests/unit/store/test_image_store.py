"""Container images: what layers become together, what is refused, what is shared and what is removed."""

import gzip
import os
import stat
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from image_samples import MTIME, Image, add, files, hard_link, layer, link, sha256

from lambent.errors import ImageRefused, StoreError
from lambent.store import image_layers
from lambent.store.images import ImageStore

RESERVED = {
    "dev": "/",
    "etc": "/",
    "etc/hosts": "",
    "etc/resolv.conf": "",
    "mnt": "/",
    "proc": "/",
    "sys": "/",
    "tmp": "/",
}


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def own(root: Path) -> dict[str, str]:
    """What is in a root besides the places that every sandbox mounts over."""
    return {name: what for name, what in files(root).items() if name not in RESERVED}


@pytest.mark.parametrize("compress", [True, False])
def test_an_image_comes_out_as_it_was_packed(store: ImageStore, compress: bool) -> None:
    image = Image(
        layer(
            ("bin", None), ("bin/tool", "run", {"mode": 0o755}), ("./notes.txt", "x" * 3000), link("sh", "/bin/tool")
        ),
        compress=compress,
        config={"Env": ["A=1", "B=x=y"], "Entrypoint": ["/bin/tool"], "Cmd": ["go"], "WorkingDir": "/bin", "User": "1"},
    )

    root = add(store, image)

    assert own(root) == {"bin": "/", "bin/tool": "run", "notes.txt": "x" * 3000, "sh": "-> /bin/tool"}
    assert stat.S_IMODE((root / "bin/tool").stat().st_mode) == 0o755
    assert (root / "notes.txt").stat().st_mtime == MTIME
    info = store.get(image.digest)
    assert info is not None
    assert (info.environ, info.entry_point, info.command) == ({"A": "1", "B": "x=y"}, ["/bin/tool"], ["go"])
    assert (info.working_directory, info.architecture, info.size) == ("/bin", "x86_64", 3003)


def test_the_places_that_sandboxes_mount_over_are_always_real(store: ImageStore) -> None:
    root = add(store, Image(layer(link("etc", "/evil"), link("proc", "../.."), ("dev", "a file"), link("tmp", "/etc"))))

    assert files(root) == RESERVED


def test_a_file_of_a_higher_layer_hides_that_of_a_lower_one(store: ImageStore) -> None:
    lower = layer(("a/one", "lower"), ("a/two", "lower"), ("b", "file"), ("c/x", "1"))
    higher = layer(("a/one", "higher"), ("b/now", "a directory"), ("c", "now a file"))
    both = Image(lower, layer((".wh.b", "")), higher)

    root = add(store, both)

    assert own(root) == {
        "a": "/", "a/one": "higher", "a/two": "lower", "b": "/", "b/now": "a directory", "c": "now a file",
    }  # fmt: skip


def test_whiteouts_hide_lower_layers_and_not_their_own_wherever_they_stand(store: ImageStore) -> None:
    lower = layer(("keep/a", "1"), ("keep/b", "1"), ("gone/a", "1"), ("opaque/a", "1"), ("opaque/sub/b", "1"))
    higher = layer(
        ("keep/a", "new"), ("keep/.wh.a", ""), ("keep/.wh.b", ""), (".wh.gone", ""), ("opaque/new", "2"),
        ("opaque/.wh..wh..opq", ""), (".wh.never", ""), (".wh..wh.plnk", None), ("elsewhere/.wh.x", ""),
    )  # fmt: skip

    root = add(store, Image(lower, higher))

    assert own(root) == {"keep": "/", "keep/a": "new", "opaque": "/", "opaque/new": "2"}


def test_links_of_lower_layers_are_followed_inside_the_image(store: ImageStore) -> None:
    """As with merged /usr: a package that says lib/x lands in usr/lib; and nothing leaves the root."""
    lower = layer(("usr/lib/a", "1"), link("lib", "usr/lib"), link("up", "../../.."), link("abs", "/usr"))
    higher = layer(("lib/b", "2"), ("up/c", "3"), ("abs/d", "4"), ("lib/.wh.a", ""))

    root = add(store, Image(lower, higher))

    assert own(root) == {
        "usr": "/", "usr/lib": "/", "usr/lib/b": "2", "lib": "-> usr/lib", "up": "-> ../../..", "abs": "-> /usr",
        "c": "3", "usr/d": "4",
    }  # fmt: skip


def test_extensions_are_named_as_they_are_inside_the_image_and_never_as_on_the_host(
    store: ImageStore, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    host = Image(layer(link("opt/extensions", str(tmp_path))))
    inside = Image(
        layer(link("opt", "srv"), ("srv/extensions/b", "x"), ("srv/extensions/a", "x"), ("opt/extensions/d/e", "x"))
    )
    for image in (host, inside):
        add(store, image)

    infos = [store.get(image.digest) for image in (host, inside)]

    assert [info and info.extensions for info in infos] == [[], ["a", "b"]]


def test_hard_links_are_other_names_of_the_same_file(store: ImageStore) -> None:
    lower = layer(("a", "same"))

    root = add(store, Image(lower, layer(hard_link("b", "a"), ("c/d", "x"), hard_link("e", "./c/d"))))

    assert own(root) == {"a": "same", "b": "same", "c": "/", "c/d": "x", "e": "x"}
    assert (root / "a").stat().st_ino == (root / "b").stat().st_ino


def test_nothing_of_the_host_can_be_reached_through_the_names_in_a_layer(store: ImageStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    hostile = layer(link("door", str(outside)), ("door/planted", "x"), ("/absolute", "x"))

    root = add(store, Image(hostile))

    assert list(outside.iterdir()) == []
    assert (root / str(outside).lstrip("/") / "planted").read_text() == "x"
    assert (root / "absolute").read_text() == "x"


def test_devices_pipes_and_set_id_bits_do_not_come_in(store: ImageStore) -> None:
    hostile = layer(
        ("disk", b"", {"type": tarfile.BLKTYPE}), ("tty", b"", {"type": tarfile.CHRTYPE}),
        ("pipe", b"", {"type": tarfile.FIFOTYPE}), ("su", "x", {"mode": 0o6755}), ("secret", "x", {"mode": 0o400}),
    )  # fmt: skip

    root = add(store, Image(hostile))

    assert own(root) == {"su": "x", "secret": "x"}
    assert stat.S_IMODE((root / "su").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "secret").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (("../escape", "x"), "leads out of the image"),
        (("a/../../escape", "x"), "leads out of the image"),
        (("a" * 300, "x"), "too long"),
        (("/".join(["d"] * 300), "x"), "too long or too deep"),
        (("b\udcff", "x"), "not UTF-8"),
        (hard_link("a", "nowhere"), "leads to nothing"),
        (hard_link("a", "../../etc/passwd"), "leads out of the image"),
        (hard_link("a", "tmp/.."), "leads out of the image"),
    ],
)
def test_names_that_mean_harm_are_refused(store: ImageStore, member: tuple[str, str], reason: str) -> None:
    with pytest.raises(ImageRefused, match=reason):
        add(store, Image(layer(member)))
    assert store.digests() == []


@pytest.mark.parametrize("members", [(("f", "x"), ("f/below", "x")), (link("a", "b"), link("b", "a"), ("a/x", "1"))])
def test_what_lies_below_no_directory_is_refused(store: ImageStore, members: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ImageRefused, match="below something that is not a directory"):
        add(store, Image(layer(*members)))


def test_a_hard_link_to_a_directory_is_refused(store: ImageStore) -> None:
    with pytest.raises(ImageRefused, match="nothing that could be linked"):
        add(store, Image(layer(("d", None), hard_link("e", "d"))))


def test_sizes_are_counted_while_inflating_whatever_was_promised(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images", most_bytes=1_000_000)
    with pytest.raises(ImageRefused, match="too big"):
        add(store, Image(layer(("bomb", bytes(1_000_001)))))
    add(store, Image(layer(("fits", bytes(600_000)))))
    with pytest.raises(ImageRefused, match="too big"):  # all layers count, shared ones too
        add(store, Image(layer(("fits", bytes(600_000))), layer(("more", bytes(600_000)))))
    assert [path.name for path in (tmp_path / "images/layers").iterdir() if path.name.startswith(".")] == []


def test_a_huge_header_is_refused_without_being_read(store: ImageStore) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    bomb = header.tobuf(tarfile.GNU_FORMAT) + bytes(50 << 20)
    tracemalloc.start()
    with pytest.raises(ImageRefused, match="has a header of"):
        add(store, Image(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 << 20  # the sample itself is most of it


def test_too_many_entries_are_refused(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_layers, "NODES", 10)
    with pytest.raises(ImageRefused, match="more than 10 entries"):
        add(store, Image(layer(*((f"f{number}", "") for number in range(11)))))


def test_damaged_and_missing_blobs_are_refused(store: ImageStore) -> None:
    image = Image(layer(("a", "1")))
    with pytest.raises(ImageRefused, match=r"the blob sha256:\w+ is missing"):
        store.add(image.manifest)
    store.append(sha256(image.blobs[0]), 0, image.blobs[0])
    store.append(sha256(image.blobs[1]), 0, image.blobs[1][:-1] + b"!")
    with pytest.raises(ImageRefused, match="has arrived damaged"):
        store.add(image.manifest)
    add(store, image)


def test_a_layer_that_is_not_what_the_configuration_says_is_refused(store: ImageStore) -> None:
    lying = Image(layer(("a", "1")), rootfs={"type": "layers", "diff_ids": [f"sha256:{'0' * 64}"]})
    with pytest.raises(ImageRefused, match="a layer is not what the image says"):
        add(store, lying)
    assert not store.has_layer("0" * 64)


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"\x28\xb5\x2f\xfd rest", "compressed with zstd"),
        (gzip.compress(layer(("a", "1" * 5000)))[:-900], "cannot be read"),
        (b"no tar at all", "cannot be read"),
        (layer(("a", "1" * 5000))[:2000], "cannot be read"),
    ],
)
def test_what_is_no_layer_is_refused_with_its_reason(store: ImageStore, blob: bytes, reason: str) -> None:
    image = Image(blob, compress=False)
    with pytest.raises(ImageRefused, match=reason):
        add(store, image)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"os": "windows"}, "not for Linux"),
        ({"rootfs": {"diff_ids": []}}, "different numbers of layers"),
        ({"rootfs": {"diff_ids": ["md5:1"]}}, "not a SHA-256 digest"),
        ({"rootfs": 1}, "no image configuration"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(store: ImageStore, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ImageRefused, match=reason):
        add(store, Image(layer(("a", "1")), **changes))


def test_manifests_that_make_no_sense_are_refused(store: ImageStore) -> None:
    index = b'{"mediaType":"application/vnd.oci.image.index.v1+json","config":{"digest":"","size":0},"layers":[]}'
    for manifest, reason in [(b"{}", "no image manifest"), (b"x", "no image manifest"), (index, "several platforms")]:
        with pytest.raises(ImageRefused, match=reason):
            store.add(manifest)


def test_a_layer_that_two_images_have_is_unpacked_once_and_takes_its_space_once(store: ImageStore) -> None:
    base = layer(("base", "x" * 10_000))
    one = add(store, Image(base, layer(("own", "1"))))
    two = add(store, Image(base, layer(("own", "2"))))

    assert (one / "base").stat().st_ino == (two / "base").stat().st_ino
    assert len(list((store.root / "layers").iterdir())) == 3


def test_a_layer_that_is_there_need_not_be_sent_again(store: ImageStore) -> None:
    base = layer(("base", "x"))
    add(store, Image(base))
    image = Image(base, config={"Cmd": ["other"]})
    assert store.has_layer(sha256(base))
    store.append(sha256(image.blobs[0]), 0, image.blobs[0])

    assert store.add(image.manifest).command == ["other"]


def test_removing_an_image_leaves_the_layers_that_others_have(store: ImageStore) -> None:
    base = layer(("base", "x"))
    one, two = Image(base, layer(("own", "1"))), Image(base)
    add(store, one)
    root = add(store, two)

    store.remove(one.digest)

    assert store.digests() == [two.digest]
    assert [path.name for path in (store.root / "layers").iterdir()] == [sha256(base)]
    assert own(root) == {"base": "x"}
    store.remove(two.digest)
    store.remove(two.digest)
    assert list((store.root / "layers").iterdir()) == []


def test_adding_an_image_again_changes_nothing(store: ImageStore) -> None:
    image = Image(layer(("a", "1")))
    before = add(store, image).stat().st_ino

    assert add(store, image).stat().st_ino == before


def test_blobs_come_in_pieces_that_must_follow_each_other(store: ImageStore) -> None:
    image = Image(layer(("a", os.urandom(5000).hex())))
    for blob in image.blobs:
        middle = len(blob) // 2
        assert store.append(sha256(blob), 0, blob[:middle]) == middle
        assert store.append(sha256(blob), middle, blob[middle:]) == len(blob)
    store.add(image.manifest)
    with pytest.raises(ImageRefused, match="beginning of the blob"):
        store.append("f" * 64, 5, b"x")
    store.append("f" * 64, 0, b"xyz")
    with pytest.raises(ImageRefused, match="does not follow"):
        store.append("f" * 64, 5, b"x")


def test_what_a_crash_left_behind_is_removed_at_start_and_nothing_else(store: ImageStore) -> None:
    image = Image(layer(("a", "1")))
    add(store, image)
    for left in ("layers/.new-x", "roots/.new-y", "roots/.old-z"):
        (store.root / left).mkdir()
        (store.root / left / "half").write_text("x")
    store.append("f" * 64, 0, b"half")

    store.repair()

    assert store.digests() == [image.digest]
    assert list((store.root / "uploads").iterdir()) == []
    assert all(not path.name.startswith(".") for home in ("layers", "roots") for path in (store.root / home).iterdir())


def test_the_disk_s_refusal_is_told_as_such(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image(layer(("a", "1")))
    for blob in image.blobs:
        store.append(sha256(blob), 0, blob)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lambent.store.images.sync_tree", full)
    with pytest.raises(StoreError, match="no space is left"):
        store.add(image.manifest)
    assert store.digests() == []
