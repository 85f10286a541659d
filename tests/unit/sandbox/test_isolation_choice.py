"""Which isolation is used, and how loudly it is said that it is weaker than full."""

import pytest

from lambent.errors import SettingError
from lambent.sandbox import isolation


@pytest.mark.parametrize(
    ("best", "wanted", "chosen"),
    [
        ("full", "auto", "full"),
        ("userns", "auto", "userns"),
        ("process", "auto", "process"),
        ("full", "full", "full"),
        ("full", "userns", "userns"),
        ("full", "process", "process"),
        ("userns", "process", "process"),
    ],
)
def test_auto_takes_the_strongest_and_anything_else_is_taken_exactly(monkeypatch, best, wanted, chosen):
    monkeypatch.setattr(isolation, "strongest", lambda: best)
    assert isolation.choose(wanted) == chosen


@pytest.mark.parametrize(("best", "wanted"), [("userns", "full"), ("process", "full"), ("process", "userns")])
def test_what_the_machine_cannot_give_is_refused_and_never_weakened_silently(monkeypatch, best, wanted):
    monkeypatch.setattr(isolation, "strongest", lambda: best)
    with pytest.raises(SettingError, match=f"isolation={wanted} was asked for, but this machine allows only {best}"):
        isolation.choose(wanted)


def test_a_machine_without_a_seccomp_filter_or_linux_has_no_isolation(monkeypatch):
    monkeypatch.setattr(isolation.platform, "system", lambda: "Darwin")
    assert isolation.strongest() == "process"


def test_full_isolation_has_nothing_to_warn_of():
    told = isolation.describe("full", "v2", compiled_init=True)
    assert (told.kind, told.cgroups, told.own_uid, told.warnings) == ("full", "v2", True, ())
    assert told.namespaces == ("mount", "pid", "net", "ipc", "uts", "cgroup")


def test_everything_weaker_is_warned_of():
    told = isolation.describe("process", "none", compiled_init=False)
    assert told.namespaces == ()
    assert not told.own_uid
    text = "\n".join(told.warnings)
    for words in ("NO ISOLATION", "NOT enforced", "no C compiler"):
        assert words in text
    assert "share one uid" in isolation.describe("userns", "v1", compiled_init=True, own_uid=False).warnings[0]
    assert isolation.describe("userns", "v1", compiled_init=True).own_uid
