"""KMSKeyArn: the key that a function's environment variables are sealed under.

Source of AWS's words: terraform issue 20813 (aliases).
"""

import base64
import json

import pytest
from control_client import ACCOUNT, REGION, RefusedError, creation

from lambent.errors import EnvironmentDenied

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
OTHER = f"arn:aws:kms:{REGION}:222222222222:key/mrk-0123456789abcdef0123456789abcdef"
SECRET = {"Variables": {"PASSWORD": "correct horse"}}


def key_of(control, version: str = "$LATEST") -> str:
    """The key that what is stored of the variables was sealed under."""
    stored = control.functions.get_version(ACCOUNT, REGION, "hello", version).config["Environment"]["Sealed"]
    return str(json.loads(base64.b64decode(stored)[::-1])[2])


async def update(client, **changes):
    answer = await client("UpdateFunctionConfiguration", FunctionName="hello", **changes)
    await client.control.settled()
    return answer


async def shown(client, **qualifier):
    found = await client("GetFunctionConfiguration", FunctionName="hello", **qualifier)
    return found.get("KMSKeyArn"), found.get("Environment")


async def test_variables_are_sealed_under_the_key_that_is_named_and_shown(client, control):
    answer = await client.create(Environment=SECRET, KMSKeyArn=KEY)
    assert answer["KMSKeyArn"] == KEY == key_of(control)
    assert await shown(client) == (KEY, SECRET)


async def test_a_function_that_names_none_shows_none(client, control):
    await client.create(Environment=SECRET)
    assert await shown(client) == (None, SECRET)
    assert key_of(control) == ""


async def test_new_variables_come_under_the_key_that_is_there(client, control):
    await client.create(Environment=SECRET, KMSKeyArn=KEY)
    await update(client, Environment={"Variables": {"AB": "c"}})
    assert await shown(client) == (KEY, {"Variables": {"AB": "c"}})
    assert key_of(control) == KEY


@pytest.mark.parametrize(("wanted", "sees"), [(OTHER, OTHER), ("", None)])
async def test_a_new_key_seals_the_variables_that_are_there(client, control, wanted, sees):
    await client.create(Environment=SECRET, KMSKeyArn=KEY, Publish=True)
    await update(client, KMSKeyArn=wanted)
    assert await shown(client) == (sees, SECRET)
    assert key_of(control) == wanted
    assert await shown(client, Qualifier="1") == (KEY, SECRET)
    assert key_of(control, "1") == KEY


async def test_other_changes_leave_key_and_variables_alone(client, control):
    await client.create(Environment=SECRET, KMSKeyArn=KEY)
    before = control.functions.get_version(ACCOUNT, REGION, "hello").config["Environment"]
    await update(client, Timeout=9)
    await update(client, KMSKeyArn=KEY)
    assert control.functions.get_version(ACCOUNT, REGION, "hello").config["Environment"] == before
    assert await shown(client) == (KEY, SECRET)


async def test_a_key_without_variables_waits_for_them(client, control):
    await client.create(KMSKeyArn=KEY)
    assert await shown(client) == (KEY, None)
    await update(client, Environment=SECRET)
    assert key_of(control) == KEY


async def test_variables_whose_key_is_gone_are_shown_as_an_error_and_cannot_be_moved_to_another(
    client, control, capacity
):
    await client.create(Environment=SECRET, KMSKeyArn=KEY)
    capacity.lost_keys.add(KEY)
    _, environment = await shown(client)
    assert environment["Error"]["ErrorCode"] == "KMSAccessDeniedException"
    with pytest.raises(RefusedError) as caught:
        await update(client, KMSKeyArn=OTHER)
    assert caught.value.code == "KMSAccessDeniedException"
    await update(client, KMSKeyArn=OTHER, Environment=SECRET)
    assert await shown(client) == (OTHER, SECRET)


INVALID = (
    "Lambda was unable to configure access to your environment variables because the KMS key is invalid for "
    "CreateGrant. Please check your KMS key settings. KMS Exception: "
)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (
            f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/mine",
            "InvalidArnException KMS Message: Key Aliases are not supported for this operation.",
        ),
        (KEY.replace(REGION, "us-east-1"), "NotFoundException KMS Message: Invalid arn us-east-1"),
        ("arn:aws:s3:::bucket", "NotFoundException KMS Message: Invalid keyId 'arn:aws:s3:::bucket'"),
        (f"{KEY}/../../x", f"NotFoundException KMS Message: Invalid keyId '{KEY}/../../x'"),
    ],
)
async def test_what_names_no_key_of_the_region_is_refused(client, key, why):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(KMSKeyArn=key))
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    assert caught.value.message == INVALID + why
    await client.create()
    with pytest.raises(RefusedError, match="KMS key is invalid"):
        await update(client, KMSKeyArn=key)


async def test_a_change_that_comes_in_between_is_not_undone(client, control, capacity, monkeypatch):
    """The variables are opened and sealed anew while somebody else sets others."""
    await client.create(Environment=SECRET, KMSKeyArn=KEY)
    opened, meanwhile = capacity.open, []

    async def slow(sealed):
        if not meanwhile:
            meanwhile.append(1)
            await update(client, Environment={"Variables": {"NEW": "1"}})
        return await opened(sealed)

    monkeypatch.setattr(capacity, "open", slow)
    await update(client, KMSKeyArn=OTHER)
    assert await shown(client) == (OTHER, {"Variables": {"NEW": "1"}})


async def test_a_deployment_that_cannot_open_the_variables_says_so(client, capacity):
    capacity.failure = EnvironmentDenied("the key is not there")
    await client("CreateFunction", **creation(Environment=SECRET, KMSKeyArn=KEY))
    await client.control.settled()
    found = await client("GetFunctionConfiguration", FunctionName="hello")
    assert (found["State"], found["StateReasonCode"], found["StateReason"]) == (
        "Failed",
        "KMSKeyAccessDenied",
        "the key is not there",
    )
