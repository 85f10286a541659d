"""STS: who is calling, and real temporary credentials. Compared with what AWS answered (recorded_sts.json)."""

import asyncio
import datetime
import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sts_client import sts_client

from lambent.clock import FixedClock
from lambent.iam.authenticator import Authenticator
from lambent.iam.credentials import Mint
from lambent.iam.keys import Keyring
from lambent.services.sts.registry import Sts
from lambent.settings import Settings
from lambent.store.access_keys import AccessKeys
from lambent.stores import Stores
from lambent.wire.parse import Wire

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded_sts.json").read_text())
ACCOUNT, OTHER = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/worker"
ROOT, USER = ("AKIAROOT", "the secret of root", None), ("AKIAUSER", "the secret of a user", None)
Key = tuple[str, str, str | None]


class Town:
    """A server's identity: root and a user of one account have keys."""

    def __init__(self, stores: Stores, *, auth: bool) -> None:
        self.clock = FixedClock(time.time())
        mint, keys = Mint(b"for tests"), Keyring(AccessKeys(stores.database), b"for tests")
        asyncio.run(self._add(keys))
        settings = Settings(auth=auth)
        self._wire = Wire(settings, Authenticator(settings, keys, mint, self.clock, time.time).identify)
        self._sts = Sts(mint, self.clock)

    @staticmethod
    async def _add(keys: Keyring) -> None:
        await keys.add(ACCOUNT, "", 0.0, access_key=ROOT[0], secret=ROOT[1])
        await keys.add(ACCOUNT, "ada", 0.0, access_key=USER[0], secret=USER[1])

    def client(self, key: Key = USER) -> Any:
        return sts_client(self._wire, self._sts, key)

    def assumed(self, key: Key = USER, **more: Any) -> Key:
        asked = {"RoleArn": ROLE, "RoleSessionName": "me", **more}
        return key_of(self.client(key).assume_role(**asked)["Credentials"])


def key_of(made: dict[str, Any]) -> Key:
    return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]


def refused(work: Any, **asked: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        work(**asked)
    answer: dict[str, Any] = caught.value.response
    return answer


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """As recordings have it: without the members that are of the transport."""
    return answer | {
        "ResponseMetadata": {"HTTPHeaders": {}, "HTTPStatusCode": answer["ResponseMetadata"]["HTTPStatusCode"]}
    }


@pytest.fixture
def stores(tmp_path):
    stores = Stores(tmp_path / "data")
    yield stores
    stores.close()


@pytest.fixture
def town(stores):
    return Town(stores, auth=True)


@pytest.fixture
def open_town(stores):
    return Town(stores, auth=False)


# -- who is calling


def test_root_and_users_are_told_who_they_are(town) -> None:
    root, user = town.client(ROOT).get_caller_identity(), town.client().get_caller_identity()

    assert (root["Account"], root["Arn"], root["UserId"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    assert (user["Account"], user["Arn"], user["UserId"][:4]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA")
    assert len(user["UserId"]) == 21


def test_whoever_is_believed_is_the_root_of_the_account_that_is_claimed(open_town) -> None:
    claimed = open_town.client(("333344445555", "any", None)).get_caller_identity()

    assert (claimed["Account"], claimed["Arn"]) == ("333344445555", "arn:aws:iam::333344445555:root")


# -- AssumeRole, as recorded


def test_assume_role_answers_as_recorded(town) -> None:
    answer = plain(town.client().assume_role(RoleArn=ROLE, RoleSessionName="me"))
    made, user = answer["Credentials"], answer["AssumedRoleUser"]
    role_id = user["AssumedRoleId"].removesuffix(":me")

    expected = json.loads(
        json.dumps(RECORDED["test_assume_role"]["assume-role"])
        .replace("<partition>", "aws")
        .replace("<resource:1>", "worker")
        .replace("<role-session-name:1>", "me")
        .replace("<role-id:1>", role_id)
        .replace("<access-key-id:1>", made["AccessKeyId"])
        .replace("<secret-access-key:1>", made["SecretAccessKey"])
        .replace("<session-token:1>", made["SessionToken"])
    )
    expected["Credentials"]["Expiration"] = made["Expiration"]
    assert answer == expected
    assert (made["AccessKeyId"][:4], len(made["AccessKeyId"]), len(made["SecretAccessKey"])) == ("ASIA", 20, 40)
    assert (role_id[:4], len(role_id)) == ("AROA", 21)
    assert made["Expiration"] == datetime.datetime.fromtimestamp(int(town.clock.epoch()) + 3600, datetime.UTC)


@pytest.mark.parametrize(
    ("step", "asked"),
    [
        ("malformed-arn", {"RoleArn": "nothing-valid-in-here"}),
        ("no-partition", {"RoleArn": "arn::b:::something/test-role"}),
        ("no-service", {"RoleArn": "arn:a::::something/test-role"}),
        ("not-enough-colons", {"RoleArn": "arn:a:::something/test-role"}),
        ("no-resource", {"RoleArn": "arn:a:a::aaaaaaaaaa:"}),
        ("invalid-session-name", {"RoleSessionName": "Session1:2"}),
    ],
)
def test_invalid_parameters_are_refused_as_recorded(town, step: str, asked: dict[str, str]) -> None:
    answer = refused(town.client().assume_role, **({"RoleArn": ROLE, "RoleSessionName": "me"} | asked))

    assert plain(answer) == RECORDED["test_sts_invalid_parameters"][step]


@pytest.mark.parametrize(
    ("step", "tags", "transitive"),
    [
        ("invalid-transitive-tag-keys", {"a": "1"}, ["b"]),
        ("duplicate-tag-keys-different-casing", {"name": "1", "Name": "2"}, []),
    ],
)
def test_tags_are_refused_as_recorded(town, step: str, tags: dict[str, str], transitive: list[str]) -> None:
    answer = refused(
        town.client().assume_role, RoleArn=ROLE, RoleSessionName="me", TransitiveTagKeys=transitive,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )  # fmt: skip

    assert plain(answer) == RECORDED["test_assume_role_tag_validation"][step]


@pytest.mark.parametrize(
    ("step", "key"), [("override-transitive-tag-error", "team"), ("override-transitive-tag-case-ignore-error", "TEAM")]
)
def test_tags_that_pass_on_cannot_be_overridden_as_recorded(town, step: str, key: str) -> None:
    first = town.assumed(Tags=[{"Key": "team", "Value": "a"}, {"Key": "x", "Value": "1"}], TransitiveTagKeys=["team"])
    second = town.assumed(first, Tags=[{"Key": "x", "Value": "2"}])

    for session in (first, second):
        answer = refused(
            town.client(session).assume_role, RoleArn=ROLE, RoleSessionName="me", Tags=[{"Key": key, "Value": "b"}]
        )
        assert plain(answer) == RECORDED["test_iam_role_chaining_override_transitive_tags"][step]


def test_every_recorded_step_is_compared_or_named_as_not_served() -> None:
    assert {name: sorted(steps) for name, steps in RECORDED.items() if name != "source"} == {
        "test_assume_role": ["assume-role"],
        "test_assume_role_tag_validation": ["duplicate-tag-keys-different-casing", "invalid-transitive-tag-keys"],
        "test_get_federation_token": ["not served"],
        "test_iam_role_chaining_override_transitive_tags": [
            "override-transitive-tag-case-ignore-error", "override-transitive-tag-error",
        ],
        "test_sts_invalid_parameters": [
            "invalid-session-name", "malformed-arn", "no-partition", "no-resource", "no-service", "not-enough-colons",
        ],
    }  # fmt: skip


# -- what the credentials are good for


def test_temporary_credentials_are_real(town) -> None:
    found = town.client(town.assumed()).get_caller_identity()

    assert (found["Account"], found["Arn"]) == (ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/me")
    assert found["UserId"].endswith(":me")


def test_temporary_credentials_expire_on_the_clock_of_the_product(town) -> None:
    session = town.client(town.assumed(DurationSeconds=900))

    town.clock.advance(899)
    assert session.get_caller_identity()["Account"] == ACCOUNT
    town.clock.advance(2)
    answer = refused(session.get_caller_identity)
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ExpiredToken", 403)


def test_tags_and_the_source_identity_are_answered(town) -> None:
    answer = town.client().assume_role(
        RoleArn=ROLE, RoleSessionName="me", Tags=[{"Key": "a", "Value": "b"}], SourceIdentity="ada"
    )
    again = town.client(key_of(answer["Credentials"])).assume_role(RoleArn=ROLE, RoleSessionName="me")

    assert (answer["SourceIdentity"], answer["PackedPolicySize"]) == ("ada", 1)
    assert again["SourceIdentity"] == "ada"
    assert "PackedPolicySize" not in again


@pytest.mark.parametrize("arn", [f"arn:aws:iam::{OTHER}:role/worker", f"arn:aws:iam::{ACCOUNT}:user/worker"])
def test_nobody_gets_into_another_account_or_another_kind_of_thing(town, arn: str) -> None:
    answer = refused(town.client().assume_role, RoleArn=arn, RoleSessionName="me")

    assert answer["Error"]["Code"] == "AccessDenied"
    assert answer["Error"]["Message"] == (
        f"User: arn:aws:iam::{ACCOUNT}:user/ada is not authorized to perform: sts:AssumeRole on resource: {arn}"
    )


def test_without_authentication_the_role_of_any_account_may_be_assumed(open_town) -> None:
    made = open_town.assumed(("test", "any", None), RoleArn=f"arn:aws:iam::{OTHER}:role/worker")

    assert open_town.client(made).get_caller_identity()["Account"] == OTHER


def test_from_one_role_to_another_is_for_an_hour_at_most(town) -> None:
    answer = refused(town.client(town.assumed()).assume_role, RoleArn=ROLE, RoleSessionName="me", DurationSeconds=3601)

    assert answer["Error"]["Message"].startswith("The requested DurationSeconds exceeds the 1 hour session limit")


@pytest.mark.parametrize("seconds", [899, 43_201])
def test_a_session_of_a_role_is_15_minutes_to_12_hours_long(town, seconds: int) -> None:
    answer = refused(town.client().assume_role, RoleArn=ROLE, RoleSessionName="me", DurationSeconds=seconds)

    assert answer["Error"]["Code"] == "ValidationError"
    assert "'durationSeconds' failed to satisfy constraint" in answer["Error"]["Message"]


@pytest.mark.parametrize(
    "more", [{"Policy": "{}"}, {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]}]
)
def test_what_nothing_would_enforce_is_refused_by_name(town, more: dict[str, Any]) -> None:
    answer = refused(town.client().assume_role, RoleArn=ROLE, RoleSessionName="me", **more)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert f"does not support {next(iter(more))} of AssumeRole" in answer["Error"]["Message"]


def test_an_operation_that_is_not_built_is_named(town) -> None:
    answer = refused(town.client().get_federation_token, Name="ada")

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "sts:GetFederationToken" in answer["Error"]["Message"]


# -- GetSessionToken


@pytest.mark.parametrize(
    ("key", "asked", "seconds"),
    [
        (USER, {}, 43_200),
        (USER, {"DurationSeconds": 900}, 900),
        (ROOT, {}, 3600),
        (ROOT, {"DurationSeconds": 7200}, 3600),
    ],
)
def test_a_session_of_ones_own_is_as_long_as_aws_makes_it(town, key: Key, asked: dict[str, int], seconds: int) -> None:
    made = town.client(key).get_session_token(**asked)["Credentials"]

    assert made["Expiration"] == datetime.datetime.fromtimestamp(int(town.clock.epoch()) + seconds, datetime.UTC)
    mine, session = town.client(key).get_caller_identity(), town.client(key_of(made)).get_caller_identity()
    assert (session["Arn"], session["UserId"]) == (mine["Arn"], mine["UserId"])


def test_a_session_begets_no_session(town) -> None:
    made = town.client().get_session_token()["Credentials"]
    for session in (key_of(made), town.assumed()):
        assert refused(town.client(session).get_session_token)["Error"] == {
            "Code": "AccessDenied", "Message": "Cannot call GetSessionToken with session credentials", "Type": "Sender",
        }  # fmt: skip


def test_no_code_of_a_device_is_right(town) -> None:
    device = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/ada", "TokenCode": "123456"}

    assert "MultiFactorAuthentication failed" in refused(town.client().get_session_token, **device)["Error"]["Message"]
