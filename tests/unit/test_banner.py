"""What an operator reads when the server is up: where, how isolated, with which runtimes, and every warning."""

from lambent.banner import banner
from lambent.model import Isolation, RuntimeInfo
from lambent.sandbox.protocol import Hello
from lambent.settings import Settings

PYTHON = RuntimeInfo(name="python3.13", kind="python", executable="/usr/bin/python3.13")
FULL = Isolation(kind="full", namespaces=("mount", "pid"), cgroups="v2", seccomp=True, own_uid=True)


def show(isolation: Isolation = FULL, swept: int = 0, **runtimes: RuntimeInfo) -> str:
    found = {"python3.13": PYTHON} | runtimes
    return banner("http://127.0.0.1:4566", Hello(isolation, found, 1, swept), Settings(data="/data"))


def test_it_says_where_it_listens_and_keeps_its_data_and_what_is_in_force():
    text = show()
    for words in (
        "http://127.0.0.1:4566",
        "/data",
        "full: namespaces mount, pid; control groups v2; seccomp on",
        "python3.13",
    ):
        assert words in text
    assert "WARNING" not in text
    assert "cleaned" not in text


def test_every_warning_is_printed_in_full():
    weak = Isolation(kind="process", warnings=("NO ISOLATION: beware", "no control groups: beware"))
    text = show(weak)
    assert "WARNING    NO ISOLATION: beware" in text
    assert "WARNING    no control groups: beware" in text
    assert "namespaces none; no control groups; seccomp off" in text


def test_what_a_killed_server_left_is_told():
    assert "cleaned    3 sandboxes" in show(swept=3)


def test_a_runtime_that_stands_in_for_another_is_warned_of():
    stand_in = RuntimeInfo(
        name="python3.13", kind="python", executable="/usr/bin/python3.13", stands_in_for="python3.12"
    )
    assert "WARNING    python3.12 functions run on python3.13" in show(**{"python3.12": stand_in})


def test_a_virtual_clock_is_told_loudly_and_a_real_one_not_at_all():
    hello = Hello(FULL, {"python3.13": PYTHON}, 1, 0)
    text = banner("http://127.0.0.1:4566", hello, Settings(data="/data", clock="virtual"), 1769860800.5)
    assert "CLOCK      VIRTUAL: time stands still at 2026-01-31T12:00:00.500Z" in text
    assert "CLOCK" not in show()
