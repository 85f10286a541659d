"""A template as the agent orders clones from it: what is sent, who answers, and that nobody waits for a deaf one."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambent.errors import SandboxError
from lambent.model import RuntimeInfo
from lambent.sandbox import templates
from lambent.sandbox.protocol import descriptors
from lambent.sandbox.templates import Template, brood_of, is_brood_of_clones, sender, template_limits
from lambent.sandbox.zygotes import Husk

PYTHON = RuntimeInfo(name="python3.13", kind="python", executable="/usr/bin/python3.13")


class Shelf:
    """Gives every clone a directory for a disk, and remembers those that came back."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.dropped: list[Any] = []

    def disk(self, megabytes: int, uid: int) -> Path:
        assert megabytes == 512
        return self.place

    def drop(self, disk: Any) -> None:
        self.dropped.append(disk)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(templates.mounts, "detached", lambda path, writable: os.open(path, os.O_RDONLY))
    return Shelf(tmp_path)


@pytest.fixture
def husk() -> Iterator[Husk]:
    control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    husk = Husk("0000000a", "python3.13", 0, control, {})
    husk.forks, husk.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # type: ignore[attr-defined]
    yield husk
    for sock in (control, far, husk.forks, husk.theirs):  # type: ignore[attr-defined]
        sock.close()


def make(husk: Husk, shelf: Shelf) -> Template:
    return Template(husk, PYTHON, "full", shelf)  # type: ignore[arg-type]


def let_go(clone: Husk) -> None:
    clone.control.close()
    clone.let_go()


def test_a_clone_is_ordered_with_its_four_descriptors_and_has_the_templates_uid(husk, shelf):
    clone = make(husk, shelf).order("0000000b", 77, 76, b"filter")
    data, ancillary, _, _ = husk.theirs.recvmsg(16, socket.CMSG_SPACE(4 * 4))
    fds = descriptors(ancillary)
    assert (data, len(fds)) == (b"C", 4)
    assert (clone.uid, clone.template, clone.runtime) == (0, "0000000a", "clones of 0000000a")
    assert sorted(clone.fds) == ["channel", "log"]
    for fd in fds:
        os.close(fd)
    let_go(clone)


def test_the_kernel_says_which_process_a_clone_is(husk, shelf):
    clone = make(husk, shelf).order("0000000b", 77, 76, b"filter")
    _, ancillary, _, _ = husk.theirs.recvmsg(16, socket.CMSG_SPACE(4 * 4))
    control, *others = descriptors(ancillary)
    with socket.socket(fileno=control) as pid_1:
        pid_1.send(b"H")
        _, told, _, _ = clone.control.recvmsg(64, socket.CMSG_SPACE(4 * 4))
    assert sender(told) == os.getpid()
    for fd in others:
        os.close(fd)
    let_go(clone)


@pytest.mark.parametrize(
    "ancillary",
    [
        [],
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("iII", 1, 0, 0))],
        [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, b"1")],
        [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("iII", 0, 0, 0))],
    ],
)
def test_a_message_that_does_not_say_is_from_nobody(ancillary):
    assert sender(ancillary) is None


def order_for_ever(template: Template) -> None:
    while True:
        let_go(template.order("0000000b", 77, 76, b"filter"))


def test_a_template_that_does_not_listen_is_not_waited_for(husk, shelf):
    template = make(husk, shelf)
    with pytest.raises(SandboxError, match="no clone of 0000000a"):
        order_for_ever(template)
    assert shelf.dropped == [shelf.place]
    template.bury()


def test_broods_of_clones_have_names_that_no_runtime_has():
    assert is_brood_of_clones(brood_of("0000000a"))
    assert not is_brood_of_clones("python3.13")


def test_where_control_groups_count_a_template_has_no_limit_of_processes_that_would_bind_its_clones():
    assert "RLIMIT_NPROC" not in template_limits("v1")
    assert template_limits("none")["RLIMIT_NPROC"] == (1024, 1024)
