"""Reserved and provisioned concurrency, with real environments."""

import math
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from real_server import Function, Process, Server, wait_until

Serve = Callable[..., Server]
Deploy = Callable[..., Function]

WAITER = """
    import os, time
    kind, born = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], time.time()
    if kind != "on-demand":
        with open("/proc/self/comm", "w") as name:
            name.write("provisioned")
    def handler(event, context):
        if event:
            print("began", flush=True)
            time.sleep(event)
        return kind, context.function_version, born
"""


@contextmanager
def running(function: Function, calls: int, seconds: float, **parameters: Any) -> Iterator[list[Any]]:
    """So many calls at work; what they answered is in the list when the block is over."""
    began = function.logs().count("began")
    answers: list[Any] = []
    with ThreadPoolExecutor(calls) as threads:
        futures = [threads.submit(function.call, seconds, **parameters) for _ in range(calls)]
        wait_until(lambda: function.logs().count("began") == began + calls)
        yield answers
        answers += [future.result() for future in futures]


def refusal(function: Function, **parameters: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        function.call(0, **parameters)
    return dict(caught.value.response)


def allocation(function: Function, qualifier: str) -> dict[str, Any]:
    found = function.server.client.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier=qualifier)
    return {name: found[name] for name in found if name not in ("ResponseMetadata", "LastModified")}


def provision(function: Function, qualifier: str, count: int) -> None:
    function.server.client.put_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )
    wait_until_ready(function, qualifier, count)


def wait_until_ready(function: Function, qualifier: str, count: int) -> None:
    ready = {
        "RequestedProvisionedConcurrentExecutions": count,
        "AllocatedProvisionedConcurrentExecutions": count,
        "AvailableProvisionedConcurrentExecutions": count,
        "Status": "READY",
    }
    wait_until(lambda: allocation(function, qualifier) == ready)


def published(function: Function) -> str:
    number: str = function.server.client.publish_version(FunctionName=function.name)["Version"]
    wait_until(lambda: state(function, number) == "Active")
    return number


def state(function: Function, number: str) -> str:
    found = function.server.client.get_function_configuration(FunctionName=function.name, Qualifier=number)
    return str(found["State"])


def test_reserved_concurrency_is_a_cap_a_guarantee_and_with_nought_a_stop(serve: Serve) -> None:
    server = serve("--concurrency", "102")
    own, other = server.deploy(WAITER, MemorySize=128), server.deploy(WAITER, MemorySize=128)
    server.client.put_function_concurrency(FunctionName=own.name, ReservedConcurrentExecutions=2)

    with running(own, 2, 2.5):
        answer = refusal(own)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert answer["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
        assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert answer["Type"] == "User"
        assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
        assert other.call(0).error is None, "the others have what is left"
        (row,) = [row for row in server.status()["concurrency"] if row["name"] == own.name]
        assert (row["running"], row["reserved"]) == (2, 2)
    assert own.call(0).error is None

    server.client.put_function_concurrency(FunctionName=own.name, ReservedConcurrentExecutions=0)
    stopped = refusal(own)
    assert stopped["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert int(stopped["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) > 1
    server.client.delete_function_concurrency(FunctionName=own.name)
    assert own.call(0).error is None


def test_reserved_concurrency_is_there_when_others_have_used_up_the_account_and_after_a_restart(serve: Serve) -> None:
    server = serve("--concurrency", "104")
    own, other = server.deploy(WAITER, MemorySize=128), server.deploy(WAITER, MemorySize=128)
    server.client.put_function_concurrency(FunctionName=own.name, ReservedConcurrentExecutions=1)
    server.stop()

    server = serve("--concurrency", "3", data=server.data)
    own.server = other.server = server
    with running(other, 2, 2.5):
        assert refusal(other)["Reason"] == "ConcurrentInvocationLimitExceeded"
        assert own.call(0).error is None


def test_provisioned_environments_are_there_before_the_first_call_and_calls_beyond_them_run_on_demand(
    server: Server, deploy: Deploy
) -> None:
    function = deploy(WAITER, MemorySize=128)
    number = published(function)
    provision(function, number, 2)
    began = time.time()
    first = function.call(0, Qualifier=number)

    assert first.value[:2] == ["provisioned-concurrency", number]
    assert first.value[2] < began
    duration, billed = re.findall(r"Duration: ([\d.]+) ms\tBilled Duration: (\d+) ms", first.log)[0]
    assert int(billed) == math.ceil(float(duration)), "its init is no part of the call"
    assert function.call(0).value[0] == "on-demand", "another qualifier"
    with running(function, 3, 2.5, Qualifier=number) as answers:
        (row,) = [row for row in server.status()["concurrency"] if row["name"] == function.name]
        assert row["running"] == 3
    assert sorted(answer.value[0] for answer in answers) == ["on-demand", *["provisioned-concurrency"] * 2]

    server.client.delete_provisioned_concurrency_config(FunctionName=function.name, Qualifier=number)
    assert function.call(0, Qualifier=number).value[0] == "on-demand"


def test_an_init_that_fails_leaves_the_calls_on_demand_and_says_why(deploy: Deploy) -> None:
    function = deploy("""
        import os
        assert os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
        def handler(event, context):
            return "here"
    """)
    number = published(function)
    function.server.client.put_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier=number, ProvisionedConcurrentExecutions=1
    )
    wait_until(lambda: allocation(function, number)["Status"] == "FAILED")
    assert allocation(function, number) == {
        "RequestedProvisionedConcurrentExecutions": 1,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "AvailableProvisionedConcurrentExecutions": 0,
        "Status": "FAILED",
        "StatusReason": "FUNCTION_ERROR_INIT_FAILURE",
    }
    (row,) = [row for row in function.server.status()["concurrency"] if row["name"] == function.name]
    assert row["provisioned"][number]["reason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert function.call(0, Qualifier=number).value == "here"


@pytest.mark.root
def test_provisioned_environments_come_back_after_a_restart_and_a_kill_and_follow_their_alias(serve: Serve) -> None:
    server = serve("--husks", "2")
    function = server.deploy(WAITER, MemorySize=128)
    client, name = server.client, function.name
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=published(function))
    provision(function, "live", 1)
    server.stop()

    server = function.server = serve("--husks", "2", data=server.data)
    wait_until_ready(function, "live", 1)
    assert function.call(0, Qualifier="live").value[:2] == ["provisioned-concurrency", "1"]

    (before,) = marked(server)
    os.kill(before.pid, signal.SIGKILL)
    wait_until(lambda: marked(server) not in ([], [before]))
    wait_until_ready(function, "live", 1)
    began = time.time()
    kind, _, born = function.call(0, Qualifier="live").value
    assert kind == "provisioned-concurrency"
    assert born < began, "it was made up for before the call came"

    client = server.client
    client.update_function_configuration(FunctionName=name, Description="another")
    wait_until(lambda: client.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=published(function))
    wait_until_ready(function, "live", 1)
    assert function.call(0, Qualifier="live").value[:2] == ["provisioned-concurrency", "2"]


def marked(server: Server) -> list[Process]:
    """Processes of provisioned environments, by the name that they have given themselves."""
    return [each for each, name in server.family().items() if name == "provisioned"]
