"""How many calls run at once: the account's limit, and a crowd of first calls."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from real_server import Function, Server, client, wait_until

Serve = Callable[..., Server]
Deploy = Callable[..., Function]

SLEEPER = """
    import os, time
    def handler(event, context):
        print("began", flush=True)
        time.sleep(event)
        return os.getuid()
"""


def test_a_call_beyond_the_limit_gets_429_with_its_reason_until_another_ends(serve: Serve) -> None:
    server = serve("--concurrency", "2")
    function = server.deploy(SLEEPER)
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(function.call, 1.5) for _ in range(2)]
        wait_until(lambda: function.logs().count("began") == 2)
        with pytest.raises(ClientError) as refused:
            function.call(0)
        assert [call.result().error for call in running] == [None, None]
    answer = refused.value.response

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert answer["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert answer["Type"] == "User"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    assert function.call(0).error is None


def test_the_limit_is_each_accounts_own(serve: Serve) -> None:
    server = serve("--concurrency", "1")
    function = server.deploy(SLEEPER)
    server.client = client(server.endpoint, account="111111111111")
    other = server.deploy(SLEEPER)
    server.client = client(server.endpoint)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(function.call, 1)
        wait_until(lambda: "began" in function.logs())
        with pytest.raises(ClientError, match="Rate Exceeded"):
            function.call(0)
        with pytest.raises(ClientError, match="Function not found"):
            other.call(0)
        server.client = client(server.endpoint, account="111111111111")
        assert other.call(0).error is None
        running.result()


def test_a_hundred_first_calls_at_once_all_succeed_each_in_an_environment_of_its_own(deploy: Deploy) -> None:
    function = deploy(SLEEPER, MemorySize=128)
    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(lambda _: function.call(1), range(100)))

    assert {answer.error for answer in answers} == {None}
    assert len({answer.value for answer in answers}) > 50, "uids tell environments apart"
    assert {"Init Duration" in answer.log for answer in answers} >= {True}


def test_calls_wait_for_a_place_when_the_node_is_full(serve: Serve) -> None:
    server = serve("--sandboxes", "2", "--husks", "1")
    function = server.deploy(SLEEPER)
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: function.call(0.1), range(6)))
    assert [answer.error for answer in answers] == [None] * 6
    assert len({answer.value for answer in answers}) == 2


def test_an_idle_environment_makes_room_for_another_function(serve: Serve) -> None:
    server = serve("--sandboxes", "1", "--husks", "1")
    first, second = server.deploy(SLEEPER), server.deploy(SLEEPER)
    assert {function.call(0).error for function in (first, second, first)} == {None}
    assert server.status()["sandboxes"]["idle"] == 1


def test_warm_calls_share_one_environment(deploy: Deploy) -> None:
    function = deploy(SLEEPER)
    assert len({function.call(0).value for _ in range(10)}) == 1
