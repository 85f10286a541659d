"""Every paginator and waiter of botocore's: pages of one give what one page gives, and what is waited for comes."""

import json
from pathlib import Path
from typing import Any

import botocore
import fuzz_run
import pytest
from fuzz_house import House
from fuzz_values import ACCOUNT, REGION, ROLE, ZIPS
from test_operation_tables import Told

_DATA = Path(botocore.__file__).parent / "data" / "lambda" / "2015-03-31"
_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
_VPC = {"SubnetIds": ["subnet-0123456789abcdef0"], "SecurityGroupIds": ["sg-0123456789abcdef0"]}
_PUBLISHER = {"SigningProfileVersionArns": [f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/abcdefghij"]}
# What a list is asked with besides its tokens; all others are of a function.
OF: dict[str, dict[str, Any]] = {
    "GetDurableExecutionHistory": {"DurableExecutionArn": "{execution}"},
    "ListCapacityProviders": {},
    "ListCodeSigningConfigs": {},
    "ListDurableExecutionsByFunction": {"FunctionName": "lasting", "Qualifier": "1"},
    "ListFunctionVersionsByCapacityProvider": {"CapacityProviderName": "pool-1"},
    "ListFunctions": {},
    "ListFunctionsByCodeSigningConfig": {"CodeSigningConfigArn": "{signing}"},
    "ListLayerVersions": {"LayerName": "shelf"},
    "ListLayers": {},
}
ONLY_INSIDE = "GetDurableExecutionState"  # answers while its function runs, and nobody else


def lists(names: dict[str, str]) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every paginator: its operation, what it is asked with, and botocore's description."""
    return [
        (name, {key: value.format(**names) for key, value in OF.get(name, {"FunctionName": "alpha"}).items()}, page)
        for name, page in documents("paginators").items()
        if name != ONLY_INSIDE
    ]


def documents(kind: str) -> dict[str, Any]:
    """botocore's own description of paginators, or of waiters."""
    found: dict[str, Any] = {}
    for path in sorted(_DATA.glob(f"{kind}*.json")):
        found |= json.loads(path.read_text()).get("pagination" if kind == "paginators" else "waiters", {})
    return found


async def fill(told: Told) -> dict[str, str]:
    """Two of everything that there are lists of; the names that later requests need."""
    many: list[tuple[str, dict[str, Any]]] = [
        ("CreateAlias", {"FunctionName": "alpha", "Name": "blue", "FunctionVersion": "2"}),
        ("PublishLayerVersion", {"LayerName": "shelf", "Content": {"ZipFile": ZIPS[1]}}),
        ("PublishLayerVersion", {"LayerName": "other", "Content": {"ZipFile": ZIPS[1]}}),
        ("Invoke", {"FunctionName": "lasting:1", "InvocationType": "Event", "DurableExecutionName": "two"}),
    ]
    for qualifier in ("live", "blue"):
        of = {"FunctionName": "alpha", "Qualifier": qualifier}
        many += [
            ("PutFunctionEventInvokeConfig", of | {"MaximumRetryAttempts": 1}),
            ("PutProvisionedConcurrencyConfig", of | {"ProvisionedConcurrentExecutions": 1}),
            ("CreateFunctionUrlConfig", of | {"AuthType": "NONE"}),
        ]
    permissions = {"CapacityProviderOperatorRoleArn": ROLE}
    for number in ("1", "2"):
        stream = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{number}"
        provider = {"CapacityProviderName": f"pool-{number}", "VpcConfig": _VPC, "PermissionsConfig": permissions}
        many += [
            ("CreateCapacityProvider", provider),
            ("CreateCodeSigningConfig", {"AllowedPublishers": _PUBLISHER}),
            (
                "CreateEventSourceMapping",
                {"FunctionName": "alpha", "EventSourceArn": stream, "StartingPosition": "LATEST"},
            ),
        ]
    names = {}
    for operation, parameters in many:
        status, answer = await told.ask(operation, parameters)
        assert status < 300, (operation, answer)
        names["signing"] = answer.get("CodeSigningConfig", {}).get("CodeSigningConfigArn") or names.get("signing", "")
        await told.house.rest()
    for function in ("alpha", "beta"):
        asked = {"FunctionName": function, "CodeSigningConfigArn": names["signing"]}
        assert (await told.ask("PutFunctionCodeSigningConfig", asked))[0] == 200
    _, executions = await told.ask("ListDurableExecutionsByFunction", OF["ListDurableExecutionsByFunction"])
    return names | {"execution": executions["DurableExecutions"][0]["DurableExecutionArn"]}


async def pages(told: Told, name: str, asked: dict[str, Any], page: dict[str, Any], size: int) -> list[Any]:
    """All that a list has, in pages of `size`."""
    found, more = [], {}
    for _ in range(30):
        status, answer = await told.ask(name, asked | more | {page["limit_key"]: size})
        assert status == 200, (name, answer)
        items = answer.get(page["result_key"], [])
        assert len(items) <= size, name
        found += items
        if not answer.get(page["output_token"]):
            return found
        more = {page["input_token"]: answer[page["output_token"]]}
    raise AssertionError(f"{name} does not end")


@pytest.fixture
async def house(tmp_path: Path) -> Any:
    async with fuzz_run.house(tmp_path) as built:
        yield built


async def test_pages_of_one_give_what_one_page_gives(house: House) -> None:
    told, short = Told(house), []
    for name, asked, page in lists(await fill(told)):
        whole = await pages(told, name, asked, page, 50)
        assert await pages(told, name, asked, page, 1) == whole, name
        short += [name] if len(whole) < 2 else []
    assert short == ["ListFunctionVersionsByCapacityProvider"], "a list of less than two shows nothing"


async def test_a_token_that_was_never_given_is_refused(house: House) -> None:
    told = Told(house)
    for name, asked, page in lists(await fill(told)):
        status, answer = await told.ask(name, asked | {page["input_token"]: "bm9uc2Vuc2U="})
        assert (status, answer["Error"]["Code"]) == (400, "InvalidParameterValueException"), (name, answer)


async def test_the_states_that_waiters_wait_for_come(house: House) -> None:
    """Each waiter asks an operation that is served, for a state that a function, and a version, comes to."""
    told = Told(house)
    for name, waiter in documents("waiters").items():
        status, answer = await told.ask(waiter["operation"], {"FunctionName": "alpha", "Qualifier": "1"})
        assert status == 200, name
        shown = answer.get("Configuration", answer)
        wanted = [each for each in waiter["acceptors"] if each["state"] == "success" and each["matcher"] == "path"]
        for acceptor in wanted:
            member = acceptor["argument"].rpartition(".")[2]
            assert shown.get(member, "Successful") == acceptor["expected"], (name, shown)
