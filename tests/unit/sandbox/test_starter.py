"""Which attempts a start makes; the attempts themselves need a real agent."""

from pathlib import Path
from typing import Any

import pytest
from sandbox_samples import FakeSandbox, version

from lambent.clock import FixedClock
from lambent.errors import SandboxError
from lambent.sandbox.adoption import Hearing
from lambent.sandbox.protocol import Ended, Exited
from lambent.sandbox.starter import Starter


class Attempts:
    """In the place of Starter's own: gives the sandboxes of a list, or raises its errors."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.estates: list[Any] = []

    async def __call__(self, agent: Any, of: Any, on_end: Any, estate: Any = None) -> Any:
        self.estates.append(estate)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


class Sandbox(FakeSandbox):
    def __init__(self, name: str, *, failed_init: bool = False) -> None:
        super().__init__(name)
        self.failed_init = failed_init


def make(*results: Any) -> tuple[Starter, Attempts]:
    starter = Starter(Path, None, None, FixedClock())  # type: ignore[arg-type]
    attempts = Attempts(*results)
    starter._attempt = attempts  # type: ignore[method-assign]
    return starter, attempts


async def start(starter: Starter, estate: Any = None) -> Any:
    return await starter.start(None, version(), lambda ended: None, estate)  # type: ignore[arg-type]


async def test_an_init_that_works_is_not_repeated():
    good = Sandbox("good")
    starter, attempts = make(good)
    assert await start(starter) is good
    assert attempts.estates == [None]


async def test_an_init_that_fails_is_repeated_once_in_what_the_first_left_behind():
    first, second = Sandbox("first", failed_init=True), Sandbox("second", failed_init=True)
    starter, attempts = make(first, second)
    assert await start(starter) is second
    assert attempts.estates == [None, first]
    assert first.gone
    assert not first.forgotten


async def test_the_repetition_that_cannot_be_made_leaves_nothing_behind():
    first = Sandbox("first", failed_init=True)
    starter, _ = make(first, SandboxError("no room"))
    with pytest.raises(SandboxError):
        await start(starter)
    assert first.forgotten


async def test_in_the_place_of_one_that_ended_init_is_a_repetition_from_the_start():
    ended, failing = Sandbox("ended"), Sandbox("failing", failed_init=True)
    starter, attempts = make(failing)
    assert await start(starter, ended) is failing
    assert attempts.estates == [ended]


# -- how the end is heard


class Ears(FakeSandbox):
    """A sandbox, an agent, and whoever wants to know: what they hear."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def ended(self, news: Ended) -> None:
        self.heard.append(news)

    def exited(self, news: Exited) -> None:
        self.heard.append(news)

    def forget_by_name(self, husk: str) -> None:
        self.heard.append(husk)


class Agent:
    def __init__(self, ears: Ears) -> None:
        self.forget = ears.forget_by_name


NEWS = Ended("s1", 0, False, estate=True)


@pytest.mark.parametrize("early", [True, False])
def test_the_end_is_heard_also_if_it_comes_before_there_is_a_sandbox(early):
    ears, told = Ears(), []
    ending = Hearing(Agent(ears), told.append)  # type: ignore[arg-type]
    steps = [lambda: ending.hear(NEWS), lambda: ending.concerns(ears)]  # type: ignore[arg-type]
    for step in steps if early else reversed(steps):
        step()
    assert ears.heard == [NEWS]
    assert told == [ears]


@pytest.mark.parametrize("early", [True, False])
def test_nothing_is_kept_of_a_sandbox_that_was_given_up(early):
    ears, told = Ears(), []
    ending = Hearing(Agent(ears), told.append)  # type: ignore[arg-type]
    steps = [lambda: ending.hear(NEWS), ending.nobody_cares]
    for step in steps if early else reversed(steps):
        step()
    assert ears.heard == ["s1"]
    assert told == []
