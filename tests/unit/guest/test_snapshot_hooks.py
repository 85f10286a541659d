"""snapshot_restore_py as functions import it, and the order in which a template's hooks run."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

GUEST = Path(__file__).resolve().parents[3] / "guest/python"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The guest's own copy, fresh, under the name by which functions know it."""
    spec = importlib.util.spec_from_file_location("snapshot_restore_py", GUEST / "snapshot_restore_py.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", module)
    return module


@pytest.fixture
def snapshot(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(GUEST))
    from lambent_runtime import snapshot

    return snapshot


class Environment:
    """What `take` and `restored` ask of the guest's environment."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def refusal(self, document: dict, error_type: str | None = None, status: int = 1) -> SystemExit:
        self.told.append((document["errorMessage"], error_type))
        return SystemExit(status)


def test_a_function_is_registered_by_a_decorator_and_stays_what_it_is(package):
    @package.register_before_snapshot
    def before() -> int:
        return 1

    assert before() == 1
    assert package.get_before_snapshot() == [(before, (), {})]


def test_arguments_are_kept_for_the_call(package):
    assert package.register_after_restore(print, 1, sep="-") is print
    assert package.get_after_restore() == [(print, (1,), {"sep": "-"})]


def test_hooks_after_the_restore_run_in_order_with_their_arguments(package, snapshot):
    seen: list[object] = []
    package.register_after_restore(seen.append, "first")
    package.register_after_restore(lambda *args, **kwargs: seen.append((args, kwargs)), 2, key=3)
    snapshot.restored(Environment())
    assert seen == ["first", ((2,), {"key": 3})]


def test_a_hook_after_the_restore_that_fails_is_told_and_ends_with_65(package, snapshot):
    environment = Environment()

    @package.register_after_restore
    def after() -> None:
        raise ValueError("stale")

    with pytest.raises(SystemExit) as ended:
        snapshot.restored(environment)
    assert ended.value.code == 65
    assert environment.told == [("stale", "Runtime.AfterRestoreError")]


def test_hooks_before_the_snapshot_run_backwards_and_a_failing_one_ends_with_64(package, snapshot):
    seen: list[str] = []
    environment = Environment()

    @package.register_before_snapshot
    def first() -> None:
        raise ValueError("cannot flush")

    package.register_before_snapshot(seen.append, "second")
    package.register_before_snapshot(seen.append, "third")
    with pytest.raises(SystemExit) as ended:
        snapshot.take(environment, lambda: 0)
    assert (seen, ended.value.code) == (["third", "second"], 64)
    assert environment.told == [("cannot flush", "Runtime.BeforeSnapshotError")]


def test_a_function_that_never_imports_the_package_has_no_hooks(snapshot, monkeypatch):
    monkeypatch.delitem(sys.modules, "snapshot_restore_py", raising=False)
    assert snapshot.hooks("get_before_snapshot") == []


def test_any_package_of_that_name_will_do(snapshot, monkeypatch):
    own = ModuleType("snapshot_restore_py")
    own.get_after_restore = lambda: [(print, (), {})]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", own)
    assert snapshot.hooks("get_after_restore") == [(print, (), {})]
