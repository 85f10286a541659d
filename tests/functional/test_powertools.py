"""AWS Lambda Powertools for Python, as it comes from its package, in a function behind a function URL.

Its event handler routes the URL's requests, its logger and metrics write to the function's log, and its tracer reads
the trace header. Its idempotency keeps what it has answered in DynamoDB, which moto is here (decision 42).
"""

import importlib.metadata
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from real_server import Function, Server, client, wait_until
from url_client import Url

PACKAGES = ("aws-lambda-powertools", "aws-xray-sdk", "jmespath", "typing-extensions", "wrapt")

APP = """
    from aws_lambda_powertools import Logger, Metrics, Tracer
    from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
    from aws_lambda_powertools.event_handler.exceptions import NotFoundError
    from aws_lambda_powertools.logging import correlation_paths
    from aws_lambda_powertools.metrics import MetricUnit
    from aws_lambda_powertools.shared.cookies import Cookie

    logger, tracer = Logger(service="orders"), Tracer(service="orders")
    metrics = Metrics(namespace="Shop", service="orders")
    app = LambdaFunctionUrlResolver()

    @app.get("/orders/<number>")
    @tracer.capture_method
    def order(number):
        logger.info("looked up", number=number)
        tracer.put_annotation("number", number)
        metrics.add_metric(name="Lookups", unit=MetricUnit.Count, value=1)
        if number == "0":
            raise NotFoundError(f"no order {number}")
        wanted = app.current_event.get_query_string_value(name="currency", default_value="EUR")
        return {"number": number, "currency": wanted, "agent": app.current_event.request_context.http.user_agent}

    @app.post("/orders")
    def add():
        return Response(
            status_code=201, content_type="text/plain", body=app.current_event.json_body["name"],
            headers={"X-Order": "7"}, cookies=[Cookie(name="last", value="7")],
        )

    @app.get("/trace")
    def trace():
        return {"trace": str(tracer.provider.get_trace_entity() and tracer.provider.get_trace_entity().trace_id)}

    @logger.inject_lambda_context(correlation_id_path=correlation_paths.LAMBDA_FUNCTION_URL)
    @tracer.capture_lambda_handler
    @metrics.log_metrics(capture_cold_start_metric=True)
    def handler(event, context):
        return app.resolve(event, context)
"""


def installed(package: str) -> Iterator[tuple[str, bytes]]:
    """The Python files of an installed package: what `pip install --target` would put into a zip."""
    for file in importlib.metadata.files(package) or ():
        if file.suffix in (".py", ".json") and ".." not in file.parts:
            yield str(file), file.locate().read_bytes()


@pytest.fixture(scope="module")
def orders(server: Server) -> Iterator[Function]:
    files: dict[str, str | bytes] = {"app.py": APP}
    for package in PACKAGES:
        files |= dict(installed(package))
    function = server.deploy(files)
    yield function
    server.client.delete_function(FunctionName=function.name)


@pytest.fixture(scope="module")
def url(orders: Function) -> Url:
    return Url(orders).grant()


def logged(function: Function) -> list[dict[str, Any]]:
    """What the function has logged as JSON."""
    return [json.loads(line) for line in function.logs() if line.startswith("{")]


def test_the_event_handler_routes_requests_and_makes_responses(url: Url) -> None:
    heard = url.call("GET", "/orders/7?currency=USD", headers={"User-Agent": "tests"})
    assert (heard.status, heard.header("Content-Type")) == (200, "application/json")
    assert json.loads(heard.body) == {"number": "7", "currency": "USD", "agent": "tests"}

    heard = url.call("POST", "/orders", b'{"name": "tea"}', {"Content-Type": "application/json"})
    assert (heard.status, heard.body) == (201, b"tea")
    assert (heard.header("X-Order"), heard.header("Set-Cookie")) == ("7", "last=7; Secure")

    heard = url.call("GET", "/orders/0")
    assert (heard.status, json.loads(heard.body)) == (404, {"statusCode": 404, "message": "no order 0"})
    assert url.call("GET", "/nothing").status == 404


def test_the_logger_knows_the_context_and_the_request(url: Url, orders: Function) -> None:
    heard = url.call("GET", "/orders/8")
    request_id = heard.header("x-amzn-RequestId")

    def line() -> dict[str, Any] | None:
        return next((each for each in logged(orders) if each.get("number") == "8"), None)

    told = wait_until(line)
    assert (told["level"], told["message"], told["service"]) == ("INFO", "looked up", "orders")
    assert told["function_name"] == orders.name
    assert told["function_request_id"] == told["correlation_id"] == request_id
    assert told["function_arn"].endswith(f":function:{orders.name}")
    assert str(heard.header("X-Amzn-Trace-Id")).startswith(f"Root={told['xray_trace_id']}")


def test_metrics_are_written_in_the_embedded_format(url: Url, orders: Function) -> None:
    url.call("GET", "/orders/9")

    def embedded(name: str) -> dict[str, Any] | None:
        return next((each for each in logged(orders) if "_aws" in each and name in each), None)

    lookups, cold = wait_until(lambda: embedded("Lookups")), wait_until(lambda: embedded("ColdStart"))
    assert (lookups["Lookups"], lookups["service"]) == ([1.0], "orders")
    assert lookups["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Shop"
    assert (cold["ColdStart"], cold["function_name"]) == ([1.0], orders.name)


def test_the_tracer_works_within_the_trace_of_the_request(url: Url) -> None:
    heard = url.call("GET", "/trace")
    assert heard.status == 200, heard.body
    assert json.loads(heard.body)["trace"] in str(heard.header("X-Amzn-Trace-Id"))


ONCE = """
    import os, time
    from aws_lambda_powertools.utilities.idempotency import (
        DynamoDBPersistenceLayer, IdempotencyConfig, idempotent,
    )

    kept = DynamoDBPersistenceLayer(table_name=os.environ["TABLE"])

    @idempotent(persistence_store=kept, config=IdempotencyConfig(event_key_jmespath="order"))
    def handler(event, context):
        print("RAN", event["order"])
        time.sleep(event.get("takes", 0))
        if event.get("fail"):
            raise ValueError("no")
        return {"order": event["order"], "by": context.aws_request_id}
"""


@pytest.fixture
def once(server: Server) -> Iterator[Function]:
    """A function that does each order once, and its table."""
    dynamodb, table = client(server.endpoint, service="dynamodb"), f"once-{uuid.uuid4().hex}"
    dynamodb.create_table(
        TableName=table, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expiration"}
    )
    files: dict[str, str | bytes] = {"app.py": ONCE}
    for package in PACKAGES:
        files |= dict(installed(package))
    function = server.deploy(files, Environment={"Variables": {"TABLE": table}}, Timeout=60)
    yield function
    server.client.delete_function(FunctionName=function.name)
    dynamodb.delete_table(TableName=table)


def test_idempotency_runs_an_order_once_and_answers_it_again_from_its_table(once: Function) -> None:
    first, again, other = [once.call({"order": order}) for order in ("tea", "tea", "milk")]
    assert (first.error, again.error, other.error) == (None, None, None), first.value
    assert first.value == {"order": "tea", "by": first.request_id}
    assert again.value == first.value
    assert other.value == {"order": "milk", "by": other.request_id}
    ran = wait_until(lambda: len(found := [line for line in once.logs() if "RAN" in line]) == 2 and found)
    assert [line.split()[-1] for line in ran] == ["tea", "milk"]


def test_idempotency_forgets_an_order_that_failed(once: Function) -> None:
    assert once.call({"order": "tea", "fail": True}).error == "Unhandled"
    again = once.call({"order": "tea"})
    assert again.value == {"order": "tea", "by": again.request_id}


def test_idempotency_refuses_an_order_that_is_under_way(once: Function) -> None:
    once.call({"order": "ready"})
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(once.call, [{"order": "tea", "takes": 3}] * 2))
    assert sorted(str(each.error) for each in answers) == ["None", "Unhandled"]
    refused = next(each for each in answers if each.error)
    assert refused.error_type == "IdempotencyAlreadyInProgressError"
