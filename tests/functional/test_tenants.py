"""Tenants of a function share nothing: environments of their own, whichever way a call comes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import botocore.exceptions
import pytest
from real_server import Function, Server, wait_until

PER_TENANT = {"TenantIsolationMode": "PER_TENANT"}
VISITORS = """
    import json, logging, os, pathlib
    seen = []
    def handler(event, context):
        mark = pathlib.Path("/tmp/mark")
        before = mark.read_text() if mark.exists() else ""
        mark.write_text(before + context.tenant_id)
        seen.append(context.tenant_id)
        logging.getLogger().warning("visited")
        return {"seen": seen, "mark": before, "environment": context.log_stream_name}
"""
UNNAMED = (
    "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
)
UNKNOWN = (
    "The invoked function is not enabled for tenancy configuration. Remove the tenant ID from your request and try "
    "again."
)


@pytest.fixture(scope="module")
def visitors(server: Server) -> Iterator[Function]:
    function = server.deploy(VISITORS, TenancyConfig=PER_TENANT, LoggingConfig={"LogFormat": "JSON"}, Publish=True)
    yield function
    server.client.delete_function(FunctionName=function.name)


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_each_tenant_has_environments_of_its_own_and_keeps_them(visitors: Function) -> None:
    first = visitors.call(TenantId="blue").value
    assert first["seen"] == ["blue"]
    again = visitors.call(TenantId="blue").value
    assert (again["seen"], again["mark"]) == (["blue", "blue"], "blue")
    assert again["environment"] == first["environment"]
    green = visitors.call(TenantId="green: 1/2@x+y=z_a.b-c").value
    assert (green["seen"], green["mark"]) == (["green: 1/2@x+y=z_a.b-c"], "")
    assert green["environment"] != first["environment"]
    published = visitors.call(TenantId="blue", Qualifier="1").value
    assert published["seen"] == ["blue"]
    assert published["environment"] != first["environment"]
    assert visitors.call(TenantId="blue").value["seen"] == ["blue"] * 3


def test_a_tenant_is_named_where_there_are_tenants_and_only_there(visitors: Function, server: Server) -> None:
    client, name = server.client, visitors.name
    assert refusal(lambda: client.invoke(FunctionName=name)) == ("InvalidParameterValueException", UNNAMED)
    for kind in ("Event", "DryRun"):
        unnamed = refusal(lambda kind=kind: client.invoke(FunctionName=name, InvocationType=kind))
        assert unnamed == ("InvalidParameterValueException", UNNAMED)
    stream = refusal(lambda: client.invoke_with_response_stream(FunctionName=name))
    assert stream == ("InvalidParameterValueException", UNNAMED)
    plain = server.deploy("def handler(event, context): return context.tenant_id")
    try:
        other = refusal(lambda: client.invoke(FunctionName=plain.name, TenantId="blue"))
        assert other == ("InvalidParameterValueException", UNKNOWN)
        assert plain.call().value is None
    finally:
        client.delete_function(FunctionName=plain.name)
    long = refusal(lambda: client.invoke(FunctionName=name, TenantId="x" * 257))
    assert long[0] == "ValidationException"


def test_an_event_runs_for_the_tenant_that_it_was_sent_for(visitors: Function, server: Server) -> None:
    accepted = server.client.invoke(FunctionName=visitors.name, InvocationType="Event", TenantId="later")
    assert accepted["StatusCode"] == 202
    request_id = accepted["ResponseMetadata"]["RequestId"]

    def entries() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in visitors.logs() if request_id in line]
        return found if any(entry.get("type") == "platform.report" for entry in found) else []

    logged = wait_until(entries)
    assert {entry.get("tenantId") or entry["record"].get("tenantId") for entry in logged} == {"later"}
    assert [entry["type"] for entry in logged if "type" in entry] == ["platform.start", "platform.report"]
    assert [entry["message"] for entry in logged if "message" in entry] == ["visited"]


def test_a_stream_is_the_tenants_too(visitors: Function, server: Server) -> None:
    answer = server.client.invoke_with_response_stream(FunctionName=visitors.name, TenantId="streaming")
    body = b"".join(event["PayloadChunk"]["Payload"] for event in answer["EventStream"] if "PayloadChunk" in event)
    assert json.loads(body)["seen"] == ["streaming"]


def test_tenancy_is_shown_wherever_a_function_is(visitors: Function, server: Server) -> None:
    client, name = server.client, visitors.name
    assert client.get_function_configuration(FunctionName=name)["TenancyConfig"] == PER_TENANT
    assert client.get_function(FunctionName=name, Qualifier="1")["Configuration"]["TenancyConfig"] == PER_TENANT
    listed = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["TenancyConfig"] for version in listed] == [PER_TENANT] * 2
