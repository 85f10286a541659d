"""Aliases as their users see them: which version runs, in which shares, and that moving one loses no call."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import Function, Server

SOURCE = """
    import os, uuid
    SANDBOX = uuid.uuid4().hex
    def handler(event, context):
        return {"arn": context.invoked_function_arn, "version": context.function_version,
                "label": os.environ["LABEL"], "sandbox": SANDBOX}
"""
THREADS = 4


@pytest.fixture(scope="module")
def function(server: Server) -> Iterator[Function]:
    """Versions 1 and 2, labelled one and two; $LATEST is like 2."""
    function = server.deploy(SOURCE, MemorySize=128, Environment={"Variables": {"LABEL": "one"}})
    server.client.publish_version(FunctionName=function.name)
    relabel(function, "two")
    server.client.publish_version(FunctionName=function.name)
    yield function
    server.client.delete_function(FunctionName=function.name)


def relabel(function: Function, label: str) -> None:
    client = function.server.client
    client.update_function_configuration(FunctionName=function.name, Environment={"Variables": {"LABEL": label}})
    client.get_waiter("function_updated_v2").wait(FunctionName=function.name, WaiterConfig={"Delay": 1})


@pytest.fixture
def alias(function: Function) -> Iterator[Callable[..., Any]]:
    """Makes aliases of the function, and deletes them afterwards."""
    client, made = function.server.client, []

    def make(name: str, version: str, **weights: float) -> Any:
        made.append(name)
        routing = {"AdditionalVersionWeights": {key[1:]: weight for key, weight in weights.items()}}
        return client.create_alias(
            FunctionName=function.name, Name=name, FunctionVersion=version, RoutingConfig=routing
        )

    yield make
    for name in made:
        client.delete_alias(FunctionName=function.name, Name=name)


def move(function: Function, name: str, version: str, weights: dict[str, float]) -> None:
    function.server.client.update_alias(
        FunctionName=function.name, Name=name, FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights},
    )  # fmt: skip


def test_the_version_that_an_alias_stands_for_runs_and_everybody_is_told_which(
    function: Function, alias: Callable[..., Any]
) -> None:
    arn = alias("live", "1")["AliasArn"]
    for named in [{"Qualifier": "live"}, {"FunctionName": f"{function.name}:live"}, {"FunctionName": arn}]:
        answer = function.server.client.invoke(**{"FunctionName": function.name} | named)
        told = json.loads(answer["Payload"].read())
        assert (told["version"], told["label"], told["arn"]) == ("1", "one", arn)
        assert answer["ExecutedVersion"] == "1"

    streamed = function.server.client.invoke_with_response_stream(FunctionName=arn)
    assert streamed["ExecutedVersion"] == "1"
    chunks = [event["PayloadChunk"]["Payload"] for event in streamed["EventStream"] if "PayloadChunk" in event]
    assert json.loads(b"".join(chunks))["arn"] == arn

    with pytest.raises(ClientError, match=f"Function not found: {arn}-2"):
        function.call(Qualifier="live-2")


def test_invocations_are_shared_out_by_the_weights(function: Function, alias: Callable[..., Any]) -> None:
    """By chance: 300 calls at one half are six standard deviations (52) off once in a billion runs."""
    alias("half", "1", v2=0.5)
    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(lambda _: function.call(Qualifier="half"), range(300)))
    assert {answer.error for answer in answers} == {None}
    assert {(answer.version, answer.value["version"], answer.value["label"]) for answer in answers} == {
        ("1", "1", "one"), ("2", "2", "two"),
    }  # fmt: skip
    assert {answer.value["arn"].rpartition(":")[2] for answer in answers} == {"half"}
    assert 98 < Counter(answer.version for answer in answers)["2"] < 202


def test_an_alias_is_moved_to_and_fro_while_calls_run_and_none_fails(
    function: Function, alias: Callable[..., Any]
) -> None:
    alias("moving", "1")
    enough = threading.Event()

    def call_again_and_again() -> list[Any]:
        answers = []
        while not enough.is_set():
            answers.append(function.call(Qualifier="moving"))
        return answers

    seen = []
    with ThreadPoolExecutor(THREADS) as threads:
        callers = [threads.submit(call_again_and_again) for _ in range(THREADS)]
        try:
            for version, weights in itertools.islice(itertools.cycle([("2", {}), ("1", {"2": 0.5}), ("1", {})]), 24):
                move(function, "moving", version, weights)
                if not weights:  # whoever has moved it sees it moved
                    seen.append((version, function.call(Qualifier="moving").version))
        finally:
            enough.set()
        answers = [answer for caller in callers for answer in caller.result()]

    assert [wanted for wanted, _ in seen] == [found for _, found in seen]
    assert {answer.error for answer in answers} == {None}
    assert {answer.version for answer in answers} == {"1", "2"}
    # No sandbox was thrown away: of each version there are as many as ever ran at once.
    assert len({answer.value["sandbox"] for answer in answers}) <= 2 * (THREADS + 1)


def test_what_latest_is_reaches_an_alias_of_it_and_moving_others_leaves_its_sandbox_alone(
    function: Function, alias: Callable[..., Any]
) -> None:
    alias("dev", "$LATEST")
    alias("other", "1")
    before = function.call(Qualifier="dev")
    assert (before.version, before.value["label"]) == ("$LATEST", "two")
    move(function, "other", "2", {})
    assert function.call(Qualifier="dev").value["sandbox"] == before.value["sandbox"]
    relabel(function, "three")
    assert function.call(Qualifier="dev").value["label"] == "three"


def test_the_aws_cli_shifts_traffic(function: Function, aws: Callable[..., Any]) -> None:
    def run(operation: str, *words: str) -> Any:
        done = aws("lambda", *operation.split(), "--function-name", function.name, *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    run("wait published-version-active", "--qualifier", "2")
    weights = ("--routing-config", "AdditionalVersionWeights={2=0.1}")  # a shell takes the quotes of {"2"=0.1} away
    made = run("create-alias", "--name", "cli", "--function-version", "1", *weights)
    assert made["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.1}}
    revision = ("--revision-id", made["RevisionId"])
    none = ("--routing-config", "AdditionalVersionWeights={}")
    moved = run("update-alias", "--name", "cli", "--function-version", "2", *none, *revision)
    assert (moved["FunctionVersion"], "RoutingConfig" in moved) == ("2", False)
    stale = aws(
        "lambda", "update-alias", "--function-name", function.name, "--name", "cli", "--description", "again", *revision
    )  # fmt: skip
    assert "PreconditionFailedException" in stale.stderr
    assert [each["Name"] for each in run("list-aliases", "--function-version", "2")["Aliases"]] == ["cli"]
    used = aws("lambda", "delete-function", "--function-name", f"{function.name}:2")
    assert "Unable to delete version because the following aliases reference it: [cli]" in used.stderr
    run("delete-alias", "--name", "cli")
