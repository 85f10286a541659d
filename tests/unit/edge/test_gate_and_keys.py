"""Who may use Lambent's own requests, the requests about access keys, and credentials for clones."""

import json
import time
from typing import Any

import pytest

from lambent.clock import FixedClock
from lambent.edge.doors import public
from lambent.edge.gate import Gate
from lambent.edge.keys import KeysDoor
from lambent.edge.vending import Vending
from lambent.errors import AwsError
from lambent.iam.authenticator import Authenticator
from lambent.iam.credentials import Mint
from lambent.iam.keys import Keyring
from lambent.identity import FunctionKeys, validity_s
from lambent.model import Version
from lambent.principal import NOBODY, Principal
from lambent.sandbox.role_keys import PATH
from lambent.settings import Settings
from lambent.store.access_keys import AccessKeys
from lambent.stores import Stores
from lambent.wire.http import Request, Response

OWN, OTHER = "000000000000", "444455556666"


def user(account: str) -> Principal:
    return Principal(account=account, arn=f"arn:aws:iam::{account}:user/ada", proven=True)


ROLE = Principal(
    account=OWN, arn=f"arn:aws:sts::{OWN}:assumed-role/r/f", role=f"arn:aws:iam::{OWN}:role/r", proven=True
)
FEDERATED = Principal(account=OWN, arn=f"arn:aws:sts::{OWN}:federated-user/x", proven=True)


def get(path: str, query: str = "", method: str = "GET", body: bytes = b"", **headers: str) -> Request:
    return Request(method, path, query, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def admitted(caller: Principal, request: Request, *, auth: bool = True) -> Request:
    return Gate(Settings(auth=auth), lambda _: caller).admit(request)


def refused(caller: Principal, request: Request) -> str:
    with pytest.raises(AwsError) as caught:
        admitted(caller, request)
    assert caught.value.status == 403
    return caught.value.code


# -- the gate


@pytest.mark.parametrize("path", ["/_lambent/status", "/_lambent/keys", "/_lambent/logs/f", "/_lambent/clock/advance"])
def test_users_of_the_servers_own_account_may_do_everything(path: str) -> None:
    request = get(path, "account=1", "POST")

    assert admitted(user(OWN), request) is request
    assert admitted(NOBODY, request, auth=False) is request


@pytest.mark.parametrize("path", ["/_lambent/status", "/_lambent/keys", "/_lambent/logs/f", "/_lambent/metrics"])
def test_who_has_not_signed_roles_and_federated_users_may_do_nothing(path: str) -> None:
    assert refused(NOBODY, get(path)) == "MissingAuthenticationTokenException"
    assert refused(ROLE, get(path)) == "AccessDeniedException"
    assert refused(FEDERATED, get(path)) == "AccessDeniedException"


@pytest.mark.parametrize("path", ["/_lambent/logs/f", "/_lambent/metrics"])
@pytest.mark.parametrize("query", ["", f"account={OWN}", f"since=5&account={OWN}&account={OWN}", f"%61ccount={OWN}"])
def test_users_of_other_accounts_see_their_own_logs_and_metrics_whatever_they_ask_for(path: str, query: str) -> None:
    found = admitted(user(OTHER), get(path, query)).query

    assert OWN not in found
    assert found.endswith(f"account={OTHER}")
    assert ("since=5" in found) == ("since=5" in query)


@pytest.mark.parametrize(
    "request_", [get("/_lambent/status"), get("/_lambent/keys"), get("/_lambent/explain/x"), get("/_lambent/events"),
                 get("/_lambent/metrics", method="POST"), get("/_lambent/clock/advance", method="POST")],
)  # fmt: skip
def test_users_of_other_accounts_see_nothing_else(request_: Request) -> None:
    assert refused(user(OTHER), request_) == "AccessDeniedException"


def test_a_web_page_moves_no_clock_and_reads_no_logs_behind_somebodys_back() -> None:
    page = get("/_lambent/clock/advance", method="POST", origin="https://evil.example", host="127.0.0.1:4566")

    with pytest.raises(AwsError, match="must be signed"):
        admitted(NOBODY, page, auth=False)
    assert admitted(user(OWN), page) is page


def test_links_to_code_have_a_signature_of_their_own() -> None:
    assert admitted(NOBODY, get(f"/_lambent/code/{'a' * 64}")).path.startswith("/_lambent/code/")


# -- keys


@pytest.fixture
def stores(tmp_path):
    stores = Stores(tmp_path / "data")
    yield stores
    stores.close()


@pytest.fixture
def door(stores) -> KeysDoor:
    return door_of(stores, auth=True)


def door_of(stores: Stores, *, auth: bool) -> KeysDoor:
    clock, settings = FixedClock(), Settings(auth=auth)
    keys = Keyring(AccessKeys(stores.database), b"for tests")
    return KeysDoor(Authenticator(settings, keys, Mint(b"for tests"), clock, time.time), settings, clock)


async def ask(door: KeysDoor, method: str, key: str = "", body: Any = None, kind: str = "application/json") -> Any:
    path = f"/_lambent/keys/{key}" if key else "/_lambent/keys"
    content = b"" if body is None else json.dumps(body).encode()
    answer = await door.answer(get(path, method=method, body=content, content_type=kind))
    return json.loads(answer.body)  # type: ignore[arg-type]


async def test_a_key_is_shown_with_its_secret_once(door) -> None:
    made = await ask(door, "POST", body={"user": "ada"})
    listed = (await ask(door, "GET"))["keys"]

    assert made["arn"] == f"arn:aws:iam::{OWN}:user/ada"
    assert listed == [{name: value for name, value in made.items() if name != "secret"}]


async def test_keys_are_there_after_a_restart_and_gone_after_they_were_removed(stores, door) -> None:
    kept = await ask(door, "POST")
    gone = await ask(door, "POST", body={"account": OTHER})
    assert await ask(door, "DELETE", gone["access_key"]) == {"removed": gone["access_key"]}

    again = door_of(stores, auth=True)

    assert [each["access_key"] for each in (await ask(again, "GET"))["keys"]] == [kept["access_key"]]
    with pytest.raises(AwsError, match="There is no access key"):
        await ask(again, "DELETE", gone["access_key"])


async def test_a_key_that_somebody_brings_is_kept_as_it_is(door) -> None:
    brought = {"access_key": "AKIABROUGHT", "secret": "a secret that was brought", "account": OTHER}

    made = await ask(door, "POST", body=brought)

    assert {name: made[name] for name in brought} == brought
    with pytest.raises(AwsError, match="There is an access key AKIABROUGHT already"):
        await ask(door, "POST", body=brought)


async def test_without_the_last_key_nobody_could_add_another(stores, door) -> None:
    last = (await ask(door, "POST"))["access_key"]
    await ask(door, "POST", body={"account": OTHER})

    with pytest.raises(AwsError, match="is the last key of the account 000000000000"):
        await ask(door, "DELETE", last)
    assert await ask(door_of(stores, auth=False), "DELETE", last) == {"removed": last}


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_web_page_cannot_add_a_key_behind_somebodys_back(door, kind: str) -> None:
    with pytest.raises(AwsError, match="The Content-Type must be application/json"):
        await ask(door, "POST", body={}, kind=kind)


@pytest.mark.parametrize("body", [[], {"user": 1}, {"who": "ada"}, "ada"])
async def test_a_body_that_asks_for_no_key_is_refused(door, body: Any) -> None:
    with pytest.raises(AwsError, match="The body must be like"):
        await ask(door, "POST", body=body)


@pytest.mark.parametrize(("method", "key"), [("PUT", ""), ("POST", "AKIA"), ("DELETE", ""), ("GET", "AKIA")])
async def test_other_requests_about_keys_are_refused(door, method: str, key: str) -> None:
    with pytest.raises(AwsError, match=f"{method} is not for"):
        await ask(door, method, key)


# -- credentials for clones


VERSION = Version(
    account=OWN, region="r", name="orders", version="1", revision="r", runtime="python3.13", handler="a.b",
    code_digest="0", role=f"arn:aws:iam::{OWN}:role/worker",
)  # fmt: skip


async def test_a_voucher_buys_credentials_of_the_role_as_the_sdks_read_them() -> None:
    mint, clock = Mint(b"for tests"), FixedClock()
    functions = FunctionKeys(mint, clock, 3600)
    vending = Vending(functions.redeem, 3600, clock.epoch)

    answer = await vending.answer(get(PATH, authorization=functions.voucher(VERSION)))
    made = json.loads(answer.body)  # type: ignore[arg-type]

    session = mint.open(made["Token"])
    assert session is not None
    assert session.arn == f"arn:aws:sts::{OWN}:assumed-role/worker/orders"
    assert session.expires == clock.epoch() + 3600
    assert set(made) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert functions.voucher(VERSION) == functions.voucher(VERSION)


@pytest.mark.parametrize("shown", ["", "any", "AAAA", Mint(b"another").voucher(None)])  # type: ignore[arg-type]
async def test_nothing_else_buys_credentials(shown: str) -> None:
    functions = FunctionKeys(Mint(b"for tests"), FixedClock(), 3600)

    answer = await Vending(functions.redeem, 3600, time.time).answer(get(PATH, authorization=shown))

    assert answer.status == 403


async def test_a_voucher_is_no_session_and_a_session_no_voucher() -> None:
    mint = Mint(b"for tests")
    functions = FunctionKeys(mint, FixedClock(), 3600)

    assert mint.open(functions.voucher(VERSION)) is None
    assert mint.redeem(functions.of(VERSION).session_token) is None


async def test_only_doors_inside_sandboxes_sell_credentials() -> None:
    async def inner(request: Request) -> Response:
        return Response(200, [], b"the endpoint")

    async def vend(request: Request) -> Response:
        return Response(200, [], b"credentials")

    inside, without = public(inner, vend), public(inner)

    assert (await inside(get(PATH))).body == b"credentials"
    assert (await without(get(PATH))).status == 403
    assert (await inside(get("/_lambent/keys"))).status == 403


@pytest.mark.parametrize(
    ("max_age_s", "at_least_s"), [(60, 43_200), (14_400, 43_200), (86_400, 90_000), (0, 31_536_000)]
)
def test_credentials_live_longer_than_any_sandbox(max_age_s: int, at_least_s: int) -> None:
    assert validity_s(max_age_s) == at_least_s
