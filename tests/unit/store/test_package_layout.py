"""What a zip may become: names, links and kinds, before anything is written."""

import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_zips import DIRECTORY, FIFO, FILE, LINK, entry

from lambent.errors import InvalidParameterValue
from lambent.store import layout
from lambent.store.layout import Directory, File, Link, Plan


def plan(*entries: tuple[str, int] | tuple[str, int, str]) -> Plan:
    """The plan for (name, mode) and for links (name, mode, target)."""
    targets = {item[0]: item[2] for item in entries if len(item) == 3}
    return layout.plan([entry(item[0], item[1]) for item in entries], lambda info: targets[info.filename])


def test_parents_are_implied_and_dots_are_dropped() -> None:
    nodes = plan(("./a//b/c.py", FILE | 0o600), ("./", DIRECTORY), ("a/b/", DIRECTORY | 0o700))

    assert {path: type(node) for path, node in nodes.items()} == {
        ("a",): Directory,
        ("a", "b"): Directory,
        ("a", "b", "c.py"): File,
    }


def test_any_x_bit_makes_a_file_executable_for_all() -> None:
    nodes = plan(("bootstrap", FILE | 0o700), ("tool", FILE | 0o755), ("app.py", FILE | 0o640), ("windows.py", 0))

    assert {path[0]: node.executable for path, node in nodes.items() if isinstance(node, File)} == {
        "bootstrap": True,
        "tool": True,
        "app.py": False,
        "windows.py": False,
    }


def test_of_two_entries_with_one_name_the_later_wins_and_case_is_kept() -> None:
    nodes = plan(("a.py", FILE | 0o644), ("A.py", FILE | 0o644), ("a.py", FILE | 0o755))

    assert len(nodes) == 2
    assert nodes["a.py",].executable  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "//x",
        "../x",
        "a/../../x",
        "a/..",
        "..",
        "a\0b",
        "a" * 256,
        "a/" * 101 + "b",
        "ab/" * 1100,
        "\udc80",
    ],
)
def test_a_name_that_escapes_or_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameterValue, match=r"^Could not unzip uploaded file\. Please check your file"):
        plan((name, FILE | 0o644))


@pytest.mark.parametrize("kind", [FIFO, 0o020000, 0o060000, 0o140000, 0o010000 | 0o644])
def test_a_special_file_is_refused(kind: int) -> None:
    with pytest.raises(InvalidParameterValue, match="neither a file nor a directory nor a link"):
        plan(("pipe", kind))


@pytest.mark.parametrize("target", ["b.py", "./b.py", "../b.py", "../d/b.py", "x/../../b.py", "nowhere", "../a/loop"])
def test_a_link_that_stays_inside_is_kept(target: str) -> None:
    assert plan(("a/loop", LINK | 0o777, target))["a", "loop"] == Link(target)


@pytest.mark.parametrize("target", ["", "/", "/etc/passwd", "..", "../../x", "x/../../../y", "b\0c"])
def test_a_link_that_leaves_the_package_is_refused(target: str) -> None:
    with pytest.raises(InvalidParameterValue, match="the link"):
        plan(("link", LINK | 0o777, target))


def test_a_link_that_leaves_only_by_way_of_another_link_is_refused() -> None:
    with pytest.raises(InvalidParameterValue, match="leads out of the package"):
        plan(("d/e/up", LINK | 0o777, "../.."), ("x", LINK | 0o777, "d/e/up/.."))


@pytest.mark.parametrize("link_first", [True, False])
def test_nothing_may_lie_below_a_link(link_first: bool) -> None:
    entries = [("lib", LINK | 0o777, "other"), ("lib/x.py", FILE | 0o644)]

    with pytest.raises(InvalidParameterValue):
        plan(*entries if link_first else reversed(entries))


def test_nothing_may_lie_below_a_file() -> None:
    with pytest.raises(InvalidParameterValue, match="below something that is not a directory"):
        plan(("lib", FILE | 0o644), ("lib/x.py", FILE | 0o644))


def test_too_many_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "NODES", 10)

    plan(*((f"a/{number}", FILE | 0o644) for number in range(9)))
    with pytest.raises(InvalidParameterValue, match="more than 10 files and directories"):
        plan(*((f"a/{number}", FILE | 0o644) for number in range(10)))


PARTS = st.sampled_from(["..", ".", "", "a", "b", "c", "\u2603", "\\..", "...", "~"]) | st.text(
    st.characters(blacklist_categories=["Cs"]), max_size=3
)
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join)


@settings(deadline=None)
@given(NAMES)
def test_an_accepted_name_always_lies_inside(name: str) -> None:
    try:
        path = layout.path_of(entry(name))
    except InvalidParameterValue:
        return
    at = posixpath.normpath(posixpath.join("/root", *path))

    assert at == "/root" or at.startswith("/root/")
    assert not {"", ".", ".."} & set(path)
    assert all("/" not in part and "\0" not in part for part in path)


LINK_NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "d/e/b"])
LINK_TARGETS = st.lists(st.sampled_from(["..", "a", "b", "d", "e", "."]), min_size=1, max_size=4).map("/".join)


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(LINK_NAMES, LINK_TARGETS, min_size=1, max_size=4).map(lambda links: list(links.items())))
def test_no_accepted_set_of_links_leads_outside(links: list[tuple[str, str]]) -> None:
    try:
        nodes = plan(*((name, LINK | 0o777, target) for name, target in links))
    except InvalidParameterValue:
        return

    for path, node in nodes.items():
        if isinstance(node, Link):
            assert resolve(nodes, path[:-1], node.target, 40) != "outside"


def resolve(nodes: Plan, at: layout.Path, target: str, hops: int) -> layout.Path | str:
    """Where a link leads as the kernel would follow it: a path, "outside" or "nowhere"."""
    for part in target.split("/"):
        if part == "..":
            if not at:
                return "outside"
            at = at[:-1]
        elif part not in ("", "."):
            node = nodes.get((*at, part))
            if isinstance(node, Link):
                if not hops:
                    return "nowhere"
                reached = resolve(nodes, at, node.target, hops - 1)
                if isinstance(reached, str):
                    return reached
                at = reached
            else:
                at = (*at, part)
    return at
