"""The node agent as a child: where its socket lies, and what its end means; nothing is started here."""

from typing import Any

import pytest

from lambent.errors import AgentGone
from lambent.sandbox import agent_process
from lambent.sandbox.agent_process import LONGEST_SOCKET_PATH, AgentProcess
from lambent.settings import Settings


class Child:
    """A process that has the status that the test gives it."""

    def __init__(self, command: list[str], **_: Any) -> None:
        self.command = command
        self.status: int | None = None
        self.pid = 4711

    def poll(self) -> int | None:
        return self.status


@pytest.fixture
def children(monkeypatch) -> list[Child]:
    started: list[Child] = []

    def start(command: list[str], **given: Any) -> Child:
        started.append(Child(command, **given))
        return started[-1]

    monkeypatch.setattr(agent_process.subprocess, "Popen", start)
    return started


def test_a_socket_path_that_the_kernel_would_not_take_is_made_shorter(tmp_path):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    process = AgentProcess(Settings(), deep)
    assert len(process.path) <= LONGEST_SOCKET_PATH


def test_two_data_directories_are_two_instances_and_one_is_always_the_same(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, again, other = (AgentProcess(Settings(), tmp_path / name).instance for name in ("a", "a", "b"))
    assert first == again
    assert first != other


def test_the_run_directory_can_be_passed_through_but_not_listed_or_changed_by_others(tmp_path):
    assert AgentProcess(Settings(), tmp_path).run_dir.stat().st_mode & 0o777 == 0o711


def test_the_socket_of_a_dead_agent_is_gone_before_the_next_starts(tmp_path, children):
    process = AgentProcess(Settings(isolation="full"), tmp_path)
    stale = tmp_path / "run" / "agent.sock"
    if process.path == str(stale):
        stale.write_text("")
    process.start()
    assert not stale.exists()
    (child,) = children
    assert "lambent.sandbox.agent" in child.command
    assert process.path in child.command
    assert "full" in child.command


def test_an_agent_that_has_ended_is_gone_and_one_that_runs_is_not(tmp_path, children):
    process = AgentProcess(Settings(), tmp_path)
    process.check()
    process.start()
    process.check()
    children[0].status = 3
    with pytest.raises(AgentGone, match="status 3"):
        process.check()
