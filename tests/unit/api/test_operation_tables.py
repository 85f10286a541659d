"""Every operation answers as its table says: members, statuses, codes and sentences."""

from typing import Any

import fuzz_run
import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from fuzz_house import House
from fuzz_requests import model, well_formed
from fuzz_values import ZIPS
from tables import MEMBERS, NAMES, SOURCES, Row, differs, filled, tables

from lambent.control.registry import operations
from lambent.edge.frontdoor import INVOKES

# Operations that no request of a table can make succeed, and why.
NEVER_SUCCESSFUL = {
    "PutFunctionScalingConfig": "refused for good: decision 31",
    "CheckpointDurableExecution": "only while its function runs: tests/unit/durable",
    "GetDurableExecutionState": "only while its function runs: tests/unit/durable",
}


class Told:
    """A house that is asked row after row."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.names: dict[str, Any] = dict(NAMES)

    async def wrong(self, operation: str, row: Row) -> list[str]:
        """Asks what the row says; what is wrong about the answer."""
        asked = filled(row.get("with", {}), self.names)
        name = row.get("do", operation)
        status, answer = await self.ask(name, asked)
        await self.house.rest()
        for key, path in row.get("keep", {}).items():
            self.names[key] = _at(answer, path)
        if "do" in row and "status" not in row:
            return [] if status < 300 else [f"{name}: {status} {answer}"]
        return _compared(filled(row, self.names), status, answer)

    async def ask(self, operation: str, parameters: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and answer of one request, as botocore would parse it."""
        response = await self.house.frontdoor.answer(well_formed("lambda", operation, parameters))
        body = response.body if isinstance(response.body, bytes) else b"".join([part async for part in response.body])
        if operation == "InvokeWithResponseStream" and response.status < 300:
            return response.status, {}
        raw = {"status_code": response.status, "headers": HeadersDict(response.headers), "body": body}
        shape = model("lambda").operation_model(operation).output_shape
        if response.status < 300 and shape is not None and shape.serialization.get("payload"):
            raw["body"] = _Body(body)
        parsed = create_parser("rest-json").parse(raw, shape)
        parsed.pop("ResponseMetadata", None)
        return response.status, _plain(parsed)


class _Body(bytes):
    """What a streaming member is parsed to."""

    def read(self) -> bytes:
        return self


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, bytes):
        return value.decode()
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _at(answer: Any, path: str) -> Any:
    for step in path.split("."):
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


def _compared(row: Row, status: int, answer: dict[str, Any]) -> list[str]:
    if status != row["status"]:
        return [f"{status} {answer} instead of {row['status']}"]
    if status >= 300:
        said = {"code": answer["Error"]["Code"], "message": answer["Error"]["Message"]}
        return differs({"code": row["code"], "message": row["message"]}, said, whole=True)
    wanted, whole = (row["answer"], True) if "answer" in row else (row.get("shows", {}), False)
    return differs(wanted, answer, whole=whole)


@pytest.mark.parametrize("operation", sorted(tables()))
async def test_an_operation_answers_as_its_table_says(operation, tmp_path):
    async with fuzz_run.house() as house:
        told = Told(house)
        found = [
            f"{row.get('says') or row['do']}: {line}"
            for row in tables()[operation]
            for line in await told.wrong(operation, row)
        ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("operation", sorted(tables()))
def test_a_row_says_what_it_shows_and_where_that_is_from(operation):
    assert operation in model("lambda").operation_names
    for row in tables()[operation]:
        assert set(row) <= MEMBERS
        if "do" not in row:
            assert row["says"]
            assert row["source"] in SOURCES
            assert row["status"] < 300 or (row["code"] and row["message"])


def test_every_operation_of_the_model_has_rows_one_that_succeeds_and_one_that_is_refused():
    """One that is added without its rows is named here."""
    names = set(model("lambda").operation_names)
    successes = {name for name, rows in tables().items() if any(row.get("status", 999) < 300 for row in rows)}
    refusals = {name for name, rows in tables().items() if any(row.get("status", 0) >= 400 for row in rows)}
    assert names - refusals == ALWAYS_SUCCESSFUL
    assert names - successes == set(NEVER_SUCCESSFUL)


async def test_every_operation_of_the_model_is_served():
    async with fuzz_run.house() as house:
        assert {*operations, *INVOKES, *house.frontdoor.durable} == set(model("lambda").operation_names)


# Their requests have nothing that could be wrong.
ALWAYS_SUCCESSFUL = {"GetAccountSettings"}
# What operations must be given besides a function, before they look for it.
FURTHER: dict[str, dict[str, Any]] = {
    "AddPermission": {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"},
    "CreateAlias": {"Name": "blue", "FunctionVersion": "1"},
    "CreateFunctionUrlConfig": {"AuthType": "NONE"},
    "DeleteAlias": {"Name": "blue"},
    "DeleteProvisionedConcurrencyConfig": {"Qualifier": "1"},
    "GetAlias": {"Name": "blue"},
    "GetFunctionScalingConfig": {"Qualifier": "1"},
    "GetProvisionedConcurrencyConfig": {"Qualifier": "1"},
    "InvokeAsync": {"InvokeArgs": b"{}"},
    "PutFunctionConcurrency": {"ReservedConcurrentExecutions": 1},
    "PutFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
    "PutFunctionRecursionConfig": {"RecursiveLoop": "Allow"},
    "PutFunctionScalingConfig": {"Qualifier": "1", "FunctionScalingConfig": {}},
    "PutProvisionedConcurrencyConfig": {"Qualifier": "1", "ProvisionedConcurrentExecutions": 1},
    "PutRuntimeManagementConfig": {"UpdateRuntimeOn": "Auto"},
    "RemovePermission": {"StatementId": "s"},
    "UpdateAlias": {"Name": "blue"},
    "UpdateFunctionCode": {"ZipFile": ZIPS[0]},
    "UpdateFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
}
# They make one, or are refused for something else first: for a source, or for a code-signing configuration.
NEED_NO_FUNCTION = {"CreateFunction", "CreateEventSourceMapping", "PutFunctionCodeSigningConfig"}


def _names_a_function(operation: str) -> bool:
    shape = model("lambda").operation_model(operation).input_shape
    return shape is not None and "FunctionName" in shape.required_members and operation not in NEED_NO_FUNCTION


async def test_a_function_that_is_not_there_is_a_404_wherever_one_must_be_named():
    """Of every operation that is served, also of those to come."""
    async with fuzz_run.house() as house:
        told, found = Told(house), {}
        for operation in filter(_names_a_function, model("lambda").operation_names):
            status, answer = await told.ask(operation, {"FunctionName": "nobody", **FURTHER.get(operation, {})})
            found[operation] = (status, answer["Error"]["Code"] if status >= 300 else "")
    assert {name for name, said in found.items() if said != (404, "ResourceNotFoundException")} == set()
