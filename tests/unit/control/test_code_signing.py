"""Code signing configurations: made, changed, listed, given to functions; and what they let pass."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from control_client import ACCOUNT, REGION, RefusedError, creation, function_arn, make_zip
from signing_samples import ENFORCE, REFUSED, Signer, publishers

PROFILE = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/release/Ab3dEf6hIj"
NOWHERE = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-00000000000000000"
SHOWN = ("SigningProfileVersionArn", "SigningJobArn")


@pytest.fixture
async def signer(stores, clock) -> Signer:
    return await Signer(clock).be_trusted(stores)


async def make(client, *arns: str, **more):
    made = await client("CreateCodeSigningConfig", AllowedPublishers=publishers(*arns or (PROFILE,)), **more)
    return made["CodeSigningConfig"]["CodeSigningConfigArn"]


def changed(package: bytes) -> bytes:
    """A signed zip with one file made another after it had been signed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            new.writestr(
                entry,
                b"def handler(event, context): return 'evil'\n" if entry.filename == "app.py" else old.read(entry),
            )
    return buffer.getvalue()


async def test_a_configuration_shows_as_recorded(client):
    """cloudformation.resources.test_lambda::test_lambda_code_signing_config"""
    recorded = json.loads((Path(__file__).parent / "recorded_code_signing.json").read_text())["config"]
    test = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/test"

    arn = await make(client, test, Description="Code Signing", CodeSigningPolicies=ENFORCE)
    got = (await client("GetCodeSigningConfig", CodeSigningConfigArn=arn))["CodeSigningConfig"]

    assert got["CodeSigningConfigArn"].endswith(f":code-signing-config:{got['CodeSigningConfigId']}")
    assert set(got) == set(recorded)
    assert {key: got[key] for key in ("CodeSigningPolicies", "Description")} == {
        key: recorded[key] for key in ("CodeSigningPolicies", "Description")
    }
    assert got["AllowedPublishers"] == publishers(test)
    assert got["LastModified"] == "2026-01-12T15:37:17.250+0000"


async def test_a_policy_that_is_not_given_is_to_warn(client):
    made = (await client("CreateCodeSigningConfig", AllowedPublishers=publishers(PROFILE)))["CodeSigningConfig"]
    assert made["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert "Description" not in made


async def test_an_update_changes_what_it_says(client, clock):
    arn = await make(client, Description="before")
    clock.advance(60)
    after = (await client("UpdateCodeSigningConfig", CodeSigningConfigArn=arn, CodeSigningPolicies=ENFORCE))[
        "CodeSigningConfig"
    ]
    assert (after["Description"], after["CodeSigningPolicies"]) == ("before", ENFORCE)
    assert after["AllowedPublishers"] == publishers(PROFILE)
    assert after["LastModified"] == "2026-01-12T15:38:17.250+0000"


async def test_configurations_are_listed_in_pages(client):
    made = sorted([await make(client) for _ in range(5)])
    seen, marker = [], {}
    while marker is not None:
        page = await client("ListCodeSigningConfigs", MaxItems=2, **marker)
        seen += [each["CodeSigningConfigArn"] for each in page["CodeSigningConfigs"]]
        marker = {"Marker": page["NextMarker"]} if "NextMarker" in page else None
    assert seen == made
    assert (await client("ListCodeSigningConfigs", region="us-east-1"))["CodeSigningConfigs"] == []


async def test_a_function_gets_and_loses_its_configuration(client):
    await client.create()
    arn = await make(client)
    assert set(await client("GetFunctionCodeSigningConfig", FunctionName="hello")) == {"ResponseMetadata"}

    put = await client("PutFunctionCodeSigningConfig", FunctionName=function_arn(), CodeSigningConfigArn=arn)
    got = await client("GetFunctionCodeSigningConfig", FunctionName="hello")
    listed = await client("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=arn)
    with pytest.raises(RefusedError, match="409 ResourceConflictException"):
        await client("DeleteCodeSigningConfig", CodeSigningConfigArn=arn)
    gone = await client("DeleteFunctionCodeSigningConfig", FunctionName="hello")

    assert put == got == {
        "CodeSigningConfigArn": arn, "FunctionName": "hello", "ResponseMetadata": {"HTTPStatusCode": 200},
    }  # fmt: skip
    assert listed["FunctionArns"] == [function_arn()]
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert (await client("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=arn))["FunctionArns"] == []
    await client("DeleteCodeSigningConfig", CodeSigningConfigArn=arn)
    assert (await client("ListCodeSigningConfigs"))["CodeSigningConfigs"] == []


async def test_a_configuration_goes_with_its_function_but_stays_itself(client):
    arn = await make(client)
    await client.create(CodeSigningConfigArn=arn)
    await client("DeleteFunction", FunctionName="hello")
    assert (await client("ListFunctionsByCodeSigningConfig", CodeSigningConfigArn=arn))["FunctionArns"] == []
    await client.create()
    assert "CodeSigningConfigArn" not in await client("GetFunctionCodeSigningConfig", FunctionName="hello")


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        *(
            (
                operation, {"CodeSigningConfigArn": NOWHERE},
                (404, "ResourceNotFoundException",
                 f"The Lambda code signing configuration {NOWHERE} can not be found."),
            )
            for operation in (
                "GetCodeSigningConfig", "UpdateCodeSigningConfig", "DeleteCodeSigningConfig",
                "ListFunctionsByCodeSigningConfig",
            )
        ),
        *(
            (
                operation, parameters | {"CodeSigningConfigArn": NOWHERE},
                (404, "CodeSigningConfigNotFoundException", "The code signing configuration cannot be found. Check "
                 f"that the provided configuration is not deleted: {NOWHERE}."),
            )
            for operation, parameters in (
                ("PutFunctionCodeSigningConfig", {"FunctionName": "nobody"}), ("CreateFunction", creation()),
            )
        ),
        *(
            (operation, {"FunctionName": "nobody"},
             (404, "ResourceNotFoundException", f"Function not found: {function_arn('nobody')}"))
            for operation in ("GetFunctionCodeSigningConfig", "DeleteFunctionCodeSigningConfig")
        ),
        (
            "CreateCodeSigningConfig", {"AllowedPublishers": publishers("arn:aws:s3:::bucket")},
            (400, "InvalidParameterValueException",
             "arn:aws:s3:::bucket is not the ARN of a signing profile version."),
        ),
    ],
)  # fmt: skip
async def test_what_is_not_there_or_not_right_is_refused(client, operation, parameters, expected):
    with pytest.raises(RefusedError) as refused:
        await client(operation, **parameters)
    assert (refused.value.status, refused.value.code, refused.value.message) == expected


async def test_tags_of_a_configuration(client):
    arn = await make(client, Tags={"a": "1"})
    await client("TagResource", Resource=arn, Tags={"b": "2"})
    await client("UntagResource", Resource=arn, TagKeys=["a"])
    assert (await client("ListTags", Resource=arn))["Tags"] == {"b": "2"}
    with pytest.raises(RefusedError, match=r"404 .*The resource you requested does not exist\."):
        await client("ListTags", Resource=NOWHERE)


async def test_code_that_an_allowed_publisher_has_signed_is_deployed_and_says_so(client, signer):
    arn = await make(client, signer.arn, CodeSigningPolicies=ENFORCE)
    await client.create(Code={"ZipFile": signer.sign()}, CodeSigningConfigArn=arn)
    first = await client("GetFunctionConfiguration", FunctionName="hello")
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=signer.sign(make_zip("# new\n")))
    await client.control.settled()
    second = await client("GetFunctionConfiguration", FunctionName="hello")

    assert first["SigningProfileVersionArn"] == second["SigningProfileVersionArn"] == signer.arn
    assert first["SigningJobArn"] != second["SigningJobArn"]
    assert first["SigningJobArn"].startswith(f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-jobs/")


@pytest.mark.parametrize(
    "case", ["unsigned", "another publisher", "nobody trusts it", "expired", "revoked", "job revoked"]
)
async def test_code_that_is_not_signed_as_wanted_is_refused_or_let_pass_by_the_policy(
    client, stores, clock, signer, case
):
    counted = []
    client.control.mistrusted = lambda ref, worth: counted.append((ref.name, str(worth)))
    other = Signer(clock, "other")
    package = make_zip() if case == "unsigned" else signer.sign()
    if case == "another publisher":
        package = (await other.be_trusted(stores)).sign()
    elif case == "nobody trusts it":
        package = other.sign()
    elif case == "expired":
        clock.advance(31 * 86400)
    elif case == "revoked":
        await stores.code_signing.revoke(signer.arn, 0.0)
    elif case == "job revoked":
        job = (await client("CreateFunction", **creation("first", Code={"ZipFile": package})))["SigningJobArn"]
        await stores.code_signing.revoke(job, 0.0)
    strict = await make(client, signer.arn, CodeSigningPolicies=ENFORCE)
    warning = await make(client, signer.arn)

    with pytest.raises(RefusedError) as refused:
        await client.create(Code={"ZipFile": package}, CodeSigningConfigArn=strict)
    await client.create(Code={"ZipFile": package}, CodeSigningConfigArn=warning)

    assert (refused.value.status, refused.value.code) == (400, "CodeVerificationFailedException")
    assert refused.value.message == REFUSED.format("hello")
    worth = {"nobody trusts it": "unknown", "another publisher": "good", "job revoked": "revoked"}.get(case, case)
    assert counted == [("hello", worth)] * 2


@pytest.mark.parametrize("policies", [{}, {"CodeSigningPolicies": ENFORCE}])
async def test_code_that_was_changed_after_it_had_been_signed_is_never_deployed(client, signer, policies):
    arn = await make(client, signer.arn, **policies)
    with pytest.raises(RefusedError) as refused:
        await client.create(Code={"ZipFile": changed(signer.sign())}, CodeSigningConfigArn=arn)
    assert (refused.value.status, refused.value.code) == (400, "InvalidCodeSignatureException")
    assert "failed the integrity check" in refused.value.message
    assert (await client("ListFunctions"))["Functions"] == []


async def test_an_update_is_checked_and_what_was_there_stays(client, signer):
    arn = await make(client, signer.arn, CodeSigningPolicies=ENFORCE)
    await client.create(Code={"ZipFile": signer.sign()}, CodeSigningConfigArn=arn)
    before = await client("GetFunctionConfiguration", FunctionName="hello")

    for dry in (True, False):
        with pytest.raises(RefusedError, match="400 CodeVerificationFailedException"):
            await client("UpdateFunctionCode", FunctionName="hello", ZipFile=make_zip("# unsigned\n"), DryRun=dry)

    assert await client("GetFunctionConfiguration", FunctionName="hello") == before


async def test_unsigned_code_takes_the_signature_away_from_what_is_shown(client, signer):
    await client.create(Code={"ZipFile": signer.sign()})
    assert set(SHOWN) <= set(await client("GetFunctionConfiguration", FunctionName="hello"))
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=make_zip("# unsigned\n"))
    assert not set(SHOWN) & set(await client("GetFunctionConfiguration", FunctionName="hello"))


async def test_a_signature_that_nobody_trusts_is_not_shown(client, clock):
    await client.create(Code={"ZipFile": Signer(clock).sign()})
    assert not set(SHOWN) & set(await client("GetFunctionConfiguration", FunctionName="hello"))


async def publish(client, name: str, package: bytes) -> dict:
    return await client("PublishLayerVersion", LayerName=name, Content={"ZipFile": package})


async def test_layers_show_their_signature_and_have_to_be_signed_too(client, signer):
    arn = await make(client, signer.arn, CodeSigningPolicies=ENFORCE)
    signed = await publish(client, "signed", signer.sign(make_zip("# layer\n")))
    unsigned = await publish(client, "unsigned", make_zip("# another\n"))
    await client.create(Code={"ZipFile": signer.sign()}, CodeSigningConfigArn=arn, Layers=[signed["LayerVersionArn"]])

    assert signed["Content"]["SigningProfileVersionArn"] == signer.arn
    assert not set(SHOWN) & (set(signed) | set(unsigned["Content"]))
    [shown] = (await client("GetFunctionConfiguration", FunctionName="hello"))["Layers"]
    assert shown["SigningJobArn"] == signed["Content"]["SigningJobArn"]
    with pytest.raises(RefusedError) as refused:
        await client("UpdateFunctionConfiguration", FunctionName="hello", Layers=[unsigned["LayerVersionArn"]])
    assert refused.value.message == REFUSED.format(unsigned["LayerVersionArn"])
    with pytest.raises(RefusedError, match="CodeVerificationFailedException"):
        await client.create(
            "other", Code={"ZipFile": signer.sign()}, CodeSigningConfigArn=arn, Layers=[unsigned["LayerVersionArn"]]
        )


async def test_code_that_is_there_already_is_not_looked_at_when_a_function_gets_a_configuration(client):
    await client.create()
    arn = await make(client, CodeSigningPolicies=ENFORCE)
    await client("PutFunctionCodeSigningConfig", FunctionName="hello", CodeSigningConfigArn=arn)
    await client("UpdateFunctionConfiguration", FunctionName="hello", Timeout=9)
    await client.control.settled()
    with pytest.raises(RefusedError, match="400 CodeVerificationFailedException"):
        await client("UpdateFunctionCode", FunctionName="hello", ZipFile=make_zip("# unsigned\n"))
