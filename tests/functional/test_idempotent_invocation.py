"""Idempotency-Key with the unmodified boto3: one run for many callers, over hang-ups, restarts, kills and time."""

import http.client
import json
import threading
import urllib.request
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from real_server import Function, Server, alive, client, wait_until

from lambent.invoke.keys import TAG

Deploy = Callable[..., Function]
TAGS = {TAG: "1h"}

# Tells in its log that it runs, and takes as long as it is asked to.
SOURCE = """
    import time
    def handler(event, context):
        print("run", event.get("mark"))
        time.sleep(event.get("sleep", 0))
        if event.get("fail"):
            raise ValueError("as asked")
        return {"id": context.aws_request_id, "mark": event.get("mark")}
"""


class Told(NamedTuple):
    """What came back from one Invoke."""

    payload: Any
    request_id: str
    replayed: bool
    answer: dict[str, Any]


def invoke(server: Server, name: str, event: dict[str, Any], key: str = "", **parameters: Any) -> Told:
    aws = client(server.endpoint)

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"]["Idempotency-Key"] = key

    if key:
        aws.meta.events.register("before-call.lambda.Invoke", add)
    try:
        answer = aws.invoke(FunctionName=name, Payload=json.dumps(event), **parameters)
        body = answer["Payload"].read()
    finally:
        aws.close()
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    replayed = headers.get("idempotency-replayed") == "true"
    return Told(json.loads(body) if body else None, headers["x-amzn-requestid"], replayed, answer)


def refusal(server: Server, name: str, event: dict[str, Any], key: str, **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        invoke(server, name, event, key, **parameters)
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def invoke_in_vain(server: Server, name: str, event: dict[str, Any], key: str) -> None:
    with pytest.raises(BotoCoreError):
        invoke(server, name, event, key)


def hang_up_while_it_runs(server: Server, function: Function, event: dict[str, Any], key: str) -> None:
    """A first caller who leaves as soon as the function has begun."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Idempotency-Key": key, "Authorization": signed(), "Content-Type": "application/json"}
    path = f"/2015-03-31/functions/{function.name}/invocations"
    connection.request("POST", path, json.dumps(event), headers)
    wait_until(lambda: runs(function, event["mark"]))
    connection.close()


def signed() -> str:
    scope = "000000000000/20260101/us-east-1/lambda/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def runs(function: Function, mark: str) -> int:
    return sum(line.strip() == f"run {mark}" for line in function.logs())


def ran(function: Function, mark: str, times: int) -> bool:
    """So often and no more, once its log has come to us."""
    wait_until(lambda: runs(function, mark) >= times)
    return runs(function, mark) == times


def key() -> str:
    return f"order-{uuid.uuid4().hex}"


@pytest.fixture
def keyed(deploy: Deploy) -> Function:
    return deploy(SOURCE, Tags=TAGS)


def test_concurrent_and_later_calls_get_the_answer_of_the_one_run(server: Server, keyed: Function) -> None:
    mine, event = key(), {"mark": "together", "sleep": 1}
    with ThreadPoolExecutor(8) as pool:
        together = [each.result() for each in [pool.submit(invoke, server, keyed.name, event, mine) for _ in range(8)]]
    later = invoke(server, keyed.name, event, mine, LogType="Tail")
    assert ran(keyed, "together", 1)
    assert sorted(told.replayed for told in together) == [False] + [True] * 7
    assert {told.request_id for told in (*together, later)} == {later.payload["id"]}
    assert {json.dumps(told.payload) for told in (*together, later)} == {json.dumps(later.payload)}
    assert later.replayed
    assert later.answer["ExecutedVersion"] == "$LATEST"
    assert "LogResult" in later.answer
    assert invoke(server, keyed.name, event).request_id != later.request_id


def test_a_function_error_is_given_again_and_another_payload_is_refused(server: Server, keyed: Function) -> None:
    mine = key()
    told = [invoke(server, keyed.name, {"mark": "fails", "fail": True}, mine) for _ in range(2)]
    assert [each.answer["FunctionError"] for each in told] == ["Unhandled"] * 2
    assert told[0].payload == told[1].payload
    assert ran(keyed, "fails", 1)
    mismatch = ("IdempotentParameterMismatchException", 400)
    assert refusal(server, keyed.name, {"mark": "other"}, mine) == mismatch
    assert refusal(server, keyed.name, {"mark": "fails", "fail": True}, mine, InvocationType="Event") == mismatch
    assert refusal(server, keyed.name, {}, "not visible") == ("InvalidParameterValueException", 400)
    assert runs(keyed, "other") == 0


def test_the_answer_is_there_although_the_first_caller_had_gone(server: Server, keyed: Function) -> None:
    mine, event = key(), {"mark": "left", "sleep": 2}
    hang_up_while_it_runs(server, keyed, event, mine)
    told = invoke(server, keyed.name, event, mine)
    assert told.replayed
    assert told.payload["mark"] == "left"
    assert ran(keyed, "left", 1)


def test_an_event_under_a_key_is_accepted_once(server: Server, keyed: Function) -> None:
    mine, event = key(), {"mark": "event"}
    first = invoke(server, keyed.name, event, mine, InvocationType="Event")
    again = invoke(server, keyed.name, event, mine, InvocationType="Event")
    assert (first.replayed, again.replayed, again.answer["StatusCode"]) == (False, True, 202)
    assert first.request_id == again.request_id
    invoke(server, keyed.name, {"mark": "after"}, key(), InvocationType="Event")
    wait_until(lambda: runs(keyed, "after"))
    assert ran(keyed, "event", 1)


def test_functions_opt_in_by_a_tag_that_is_a_span(server: Server, deploy: Deploy) -> None:
    function = deploy(SOURCE)
    mine, event = key(), {"mark": "plain"}
    told = [invoke(server, function.name, event, mine) for _ in range(2)]
    assert [each.replayed for each in told] == [False, False]
    arn = server.client.get_function(FunctionName=function.name)["Configuration"]["FunctionArn"]
    with pytest.raises(server.client.exceptions.InvalidParameterValueException, match="like 90s, 30m, 1h or 7d"):
        server.client.tag_resource(Resource=arn, Tags={TAG: "forever"})
    server.client.tag_resource(Resource=arn, Tags=TAGS)
    told = [invoke(server, function.name, event, mine) for _ in range(2)]
    assert [each.replayed for each in told] == [False, True]


def test_answers_survive_a_restart_runs_are_taken_up_after_a_kill_and_keys_expire(
    serve: Callable[..., Server],
) -> None:
    server = serve("--clock", "virtual")
    function = server.deploy(SOURCE, Tags=TAGS)
    answered, cut_off = key(), key()
    first = invoke(server, function.name, {"mark": "answered"}, answered)

    slow = {"mark": "slow", "sleep": 3}
    caller = threading.Thread(target=invoke_in_vain, args=(server, function.name, slow, cut_off))
    caller.start()
    wait_until(lambda: runs(function, "slow"))
    family = server.family()
    server.kill()
    caller.join()
    wait_until(lambda: not alive(family))

    server = serve("--clock", "virtual")
    function = Function(server, function.name)
    again = invoke(server, function.name, {"mark": "answered"}, answered)
    assert (again.replayed, again.payload, again.request_id) == (True, first.payload, first.request_id)
    assert refusal(server, function.name, {"mark": "other"}, cut_off)[0] == "IdempotentParameterMismatchException"
    taken_up = invoke(server, function.name, slow, cut_off)
    assert not taken_up.replayed
    assert ran(function, "slow", 2)
    assert server.status()["idempotency"]["repeated"] == 1
    assert invoke(server, function.name, slow, cut_off).payload == taken_up.payload

    advance(server, "61m")
    assert not invoke(server, function.name, {"mark": "answered"}, answered).replayed
    assert ran(function, "answered", 2)


def advance(server: Server, by: str) -> None:
    request = urllib.request.Request(
        f"{server.endpoint}/_lambent/clock/advance", json.dumps({"by": by}).encode(), method="POST"
    )
    urllib.request.urlopen(request, timeout=60).close()
