"""From what a caller named to the version that runs."""

import pytest
from invoke_samples import ACCOUNT, FUNCTION_ARN, REGION, version

from lambent.errors import InvalidParameterValue, ResourceConflict, ResourceNotFound
from lambent.invoke import resolve
from lambent.invoke.resolve import Resolver
from lambent.model import Version


class Store:
    """What the resolver loads from, and how often it did."""

    def __init__(self) -> None:
        self.loads: list[tuple[str, str, str, str | None]] = []
        self.state = "Active"

    def load(self, account: str, region: str, name: str, qualifier: str | None) -> Version:
        self.loads.append((account, region, name, qualifier))
        if name == "missing":
            raise ResourceNotFound("Function not found")
        return version(account=account, name=name, version=qualifier or "$LATEST", state=self.state)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def resolver(store) -> Resolver:
    return Resolver(store.load)


@pytest.mark.parametrize(
    ("text", "qualifier", "wanted", "arn"),
    [
        ("hello", None, None, FUNCTION_ARN),
        ("hello", "7", "7", f"{FUNCTION_ARN}:7"),
        ("hello:7", None, "7", f"{FUNCTION_ARN}:7"),
        ("hello:$LATEST", None, "$LATEST", f"{FUNCTION_ARN}:$LATEST"),
        (f"{ACCOUNT}:hello", None, None, FUNCTION_ARN),
        (f"{ACCOUNT}:function:hello", "7", "7", f"{FUNCTION_ARN}:7"),
        (FUNCTION_ARN, None, None, FUNCTION_ARN),
        (f"{FUNCTION_ARN}:7", "7", "7", f"{FUNCTION_ARN}:7"),
    ],
)
def test_every_way_to_name_a_function_finds_it_and_keeps_the_callers_qualifier(text, qualifier, wanted, arn):
    store = Store()
    resolver = Resolver(store.load)
    found, invoked = resolver.resolve(ACCOUNT, REGION, text, qualifier)
    assert store.loads == [(ACCOUNT, REGION, "hello", wanted)]
    assert (found.name, invoked) == ("hello", arn)


def test_a_name_is_looked_up_once(resolver, store):
    first = resolver.resolve(ACCOUNT, REGION, "hello", None)
    assert resolver.resolve(ACCOUNT, REGION, "hello", None) is first
    assert len(store.loads) == 1


def test_a_changed_function_is_looked_up_again_under_all_of_its_names(resolver, store):
    names = [("hello", None), ("hello", "7"), (FUNCTION_ARN, None)]
    for text, qualifier in [*names, ("other", None)]:
        resolver.resolve(ACCOUNT, REGION, text, qualifier)
    store.loads.clear()
    resolver.forget(ACCOUNT, REGION, "hello")
    for text, qualifier in [*names, ("other", None)]:
        resolver.resolve(ACCOUNT, REGION, text, qualifier)
    assert [name for _, _, name, _ in store.loads] == ["hello"] * 3


def test_forgetting_what_was_never_known_is_no_error(resolver):
    resolver.forget(ACCOUNT, REGION, "never")


@pytest.mark.parametrize("state", ["Pending", "Failed", "Inactive"])
def test_a_function_that_is_not_active_conflicts_and_is_not_remembered(resolver, store, state):
    store.state = state
    with pytest.raises(ResourceConflict) as caught:
        resolver.resolve(ACCOUNT, REGION, "hello", None)
    assert caught.value.message == (
        "The operation cannot be performed at this time. The function is currently in the following state: " + state
    )
    store.state = "Active"
    assert resolver.resolve(ACCOUNT, REGION, "hello", None)[0].state == "Active"


def test_a_missing_function_is_not_remembered_either(resolver, store):
    for _ in range(2):
        with pytest.raises(ResourceNotFound):
            resolver.resolve(ACCOUNT, REGION, "missing", None)
    assert len(store.loads) == 2


def test_two_different_qualifiers_are_refused(resolver):
    with pytest.raises(InvalidParameterValue, match="derived qualifier"):
        resolver.resolve(ACCOUNT, REGION, "hello:7", "8")


def test_a_function_of_another_region_is_not_found(resolver):
    with pytest.raises(ResourceNotFound, match="'eu-west-1' are not reachable in this region"):
        resolver.resolve(ACCOUNT, "us-east-1", FUNCTION_ARN, None)


def test_callers_cannot_fill_memory_with_names(resolver, store, monkeypatch):
    monkeypatch.setattr(resolve, "LARGEST", 10)
    for number in range(100):
        resolver.resolve(ACCOUNT, REGION, f"f{number}", None)
    assert len(resolver._known) <= 10
    assert len(resolver._keys) <= 10
