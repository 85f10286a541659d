"""Layers: publishing, reading, listing, deleting, and who else may use them."""

import io
import zipfile

import pytest
from control_client import ACCOUNT, REGION, RefusedError, make_zip
from msgspec import structs

from lambent.arns import LayerRef
from lambent.control import download
from lambent.control.layer_grants import may_get

OTHER = "222222222222"


def layer_arn(name="tools", version=""):
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}"
    return f"{arn}:{version}" if version else arn


async def publish(client, name="tools", text="x = 1", **more):
    return await client("PublishLayerVersion", LayerName=name, Content={"ZipFile": make_zip(text)}, **more)


async def refusal(client, operation, **parameters):
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    return caught.value


async def test_a_published_version_is_shown_whole_and_can_be_downloaded(client, control, clock):
    published = await publish(
        client,
        Description="what we share",
        LicenseInfo="MIT",
        CompatibleRuntimes=["python3.12", "python3.13"],
        CompatibleArchitectures=["x86_64"],
    )
    assert published["ResponseMetadata"]["HTTPStatusCode"] == 201
    content = published.pop("Content")
    path, _, query = content["Location"].removeprefix("http://localhost:4566").partition("?")
    digest = download.check(path, query, control.secret, clock.epoch())
    assert control.code.zip(digest).read_bytes() == make_zip("x = 1")
    assert content["CodeSize"] == len(make_zip("x = 1"))
    assert content["CodeSha256"] == control.code.get(digest).sha256_b64
    del published["ResponseMetadata"]
    assert published == {
        "LayerArn": layer_arn(),
        "LayerVersionArn": layer_arn(version=1),
        "Version": 1,
        "Description": "what we share",
        "LicenseInfo": "MIT",
        "CreatedDate": "2026-01-12T15:37:17.250+0000",
        "CompatibleRuntimes": ["python3.12", "python3.13"],
        "CompatibleArchitectures": ["x86_64"],
    }


async def test_both_ways_to_read_a_version_show_what_publishing_showed(client):
    published = await publish(client)
    by_name = await client("GetLayerVersion", LayerName="tools", VersionNumber=1)
    by_its_arn = await client("GetLayerVersion", LayerName=layer_arn(), VersionNumber=1)
    by_arn = await client("GetLayerVersionByArn", Arn=layer_arn(version=1))
    for answer in (published, by_name, by_its_arn, by_arn):
        del answer["ResponseMetadata"]
    assert published == by_name == by_its_arn == by_arn
    assert "LicenseInfo" not in published
    assert published["Description"] == ""


async def test_numbers_are_never_given_again_not_even_when_all_versions_are_gone(client):
    assert [(await publish(client))["Version"] for _ in range(2)] == [1, 2]
    for number in (1, 2):
        await client("DeleteLayerVersion", LayerName="tools", VersionNumber=number)
    assert (await client("ListLayers"))["Layers"] == []
    assert (await publish(client))["Version"] == 3


@pytest.mark.parametrize("operation", ["GetLayerVersion", "DeleteLayerVersion", "GetLayerVersionPolicy"])
async def test_a_number_below_one_is_refused_in_aws_words(client, operation):
    error = await refusal(client, operation, LayerName="tools", VersionNumber=0)
    assert (error.status, error.code) == (400, "InvalidParameterValueException")
    assert error.message == "Layer Version Cannot be less than 1"


async def test_a_version_that_is_not_there_is_not_found_but_may_be_deleted(client):
    await publish(client)
    for parameters in ({"LayerName": "tools", "VersionNumber": 2}, {"LayerName": "nobody", "VersionNumber": 1}):
        error = await refusal(client, "GetLayerVersion", **parameters)
        assert (error.status, error.message) == (404, "The resource you requested does not exist.")
        deleted = await client("DeleteLayerVersion", **parameters)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    error = await refusal(client, "GetLayerVersionByArn", Arn=layer_arn(version=2))
    assert (error.status, error.message) == (404, "The resource you requested does not exist.")


async def test_layers_are_listed_by_their_newest_version_that_fits(client):
    await publish(client, "b", CompatibleRuntimes=["python3.12"])
    await publish(client, "b", "x = 2", CompatibleRuntimes=["nodejs22.x"], CompatibleArchitectures=["arm64"])
    await publish(client, "a")

    async def listed(**filters):
        answer = await client("ListLayers", **filters)
        return [(each["LayerName"], each["LatestMatchingVersion"]["Version"]) for each in answer["Layers"]]

    assert await listed() == [("a", 1), ("b", 2)]
    assert await listed(CompatibleRuntime="python3.12") == [("b", 1)]
    assert await listed(CompatibleArchitecture="arm64") == [("b", 2)]
    assert await listed(CompatibleRuntime="python3.12", CompatibleArchitecture="arm64") == []
    assert await listed(CompatibleRuntime="java21") == []


async def test_pages_of_layers_and_of_versions_go_on_where_the_last_one_ended(client):
    for name in ("a", "b", "c"):
        await publish(client, name)
    for text in ("x = 2", "x = 3"):
        await publish(client, "a", text)
    first = await client("ListLayers", MaxItems=2)
    second = await client("ListLayers", MaxItems=2, Marker=first["NextMarker"])
    assert [each["LayerName"] for each in first["Layers"] + second["Layers"]] == ["a", "b", "c"]
    assert "NextMarker" not in second
    first = await client("ListLayerVersions", LayerName="a", MaxItems=2)
    second = await client("ListLayerVersions", LayerName="a", MaxItems=2, Marker=first["NextMarker"])
    assert [each["Version"] for each in first["LayerVersions"]] == [3, 2]
    assert [each["Version"] for each in second["LayerVersions"]] == [1]
    assert "NextMarker" not in second
    assert first["LayerVersions"][0]["LayerVersionArn"] == layer_arn("a", 3)


async def test_a_layer_that_is_not_there_has_no_versions(client):
    answer = await client("ListLayerVersions", LayerName="nobody")
    assert answer["LayerVersions"] == []


@pytest.mark.parametrize("marker", ["x", "-1", "9" * 60])
async def test_a_marker_of_somebody_else_is_refused(client, marker):
    await publish(client)
    error = await refusal(client, "ListLayerVersions", LayerName="tools", Marker=marker)
    assert error.code == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        ({"ZipFile": b"no zip"}, 400, "Could not unzip uploaded file. Please check your file"),
        ({}, 400, "Please provide a source for layer content."),
        ({"S3Bucket": "bucket", "S3Key": "key"}, 400, "S3 Error Code: NoSuchBucket"),
        ({"S3Bucket": "bucket", "S3Key": "key", "ZipFile": b"x"}, 400, "Please do not provide other"),
        ({"ZipFile": b"x" * 52_428_801}, 413, "Zipped size must be smaller than 52428800 bytes"),
    ],
)
async def test_what_is_no_content_is_refused(client, content, status, sentence):
    error = await refusal(client, "PublishLayerVersion", LayerName="tools", Content=content)
    assert error.status == status
    assert sentence in error.message


async def test_a_layer_that_is_too_big_unpacked_is_refused(client):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(262_144_001))
    error = await refusal(client, "PublishLayerVersion", LayerName="big", Content={"ZipFile": buffer.getvalue()})
    assert error.message == "Unzipped size must be smaller than 262144000 bytes"
    assert (await client("ListLayers"))["Layers"] == []


async def test_unknown_runtimes_and_architectures_are_refused_as_the_model_says(client):
    error = await refusal(
        client, "PublishLayerVersion", LayerName="x", Content={"ZipFile": make_zip()},
        CompatibleRuntimes=["invalidruntime"], CompatibleArchitectures=["invalidarch"],
    )  # fmt: skip
    assert error.code == "ValidationException"
    assert error.message.startswith("2 validation errors detected: ")
    assert "Value '[invalidruntime]' at 'compatibleRuntimes' failed to satisfy constraint" in error.message


async def test_layers_count_as_code_storage(client):
    await publish(client)
    usage = (await client("GetAccountSettings"))["AccountUsage"]
    assert usage == {"TotalCodeSize": len(make_zip("x = 1")), "FunctionCount": 0}


# -- other accounts


async def test_anothers_layer_is_denied_whether_it_is_there_or_not(client):
    arn = f"arn:aws:lambda:{REGION}:{OTHER}:layer:theirs"
    for operation, parameters in [
        ("GetLayerVersion", {"LayerName": arn, "VersionNumber": 1}),
        ("GetLayerVersionByArn", {"Arn": f"{arn}:1"}),
        ("DeleteLayerVersion", {"LayerName": arn, "VersionNumber": 1}),
        ("PublishLayerVersion", {"LayerName": arn, "Content": {"ZipFile": make_zip()}}),
        ("ListLayerVersions", {"LayerName": arn}),
    ]:
        error = await refusal(client, operation, **parameters)
        assert (error.status, error.code) == (403, "AccessDeniedException")
        assert f"is not authorized to perform: lambda:{operation.removesuffix('ByArn')} on resource: {arn}" in str(
            error
        )


async def grant(client, principal, sid="s1", **more):
    return await client(
        "AddLayerVersionPermission", LayerName="tools", VersionNumber=1, StatementId=sid, Principal=principal,
        Action="lambda:GetLayerVersion", **more,
    )  # fmt: skip


@pytest.mark.parametrize("principal", [OTHER, f"arn:aws:iam::{OTHER}:root", "*"])
async def test_a_grant_lets_another_account_use_a_version_until_it_is_removed(client, control, principal):
    await publish(client)
    layer = control.layers.get(ACCOUNT, REGION, "tools", 1)
    ref = LayerRef(ACCOUNT, REGION, "tools", 1)
    assert not may_get(control, OTHER, ref, layer)
    await grant(client, principal)
    assert may_get(control, OTHER, ref, layer)
    assert may_get(control, "333333333333", ref, layer) == (principal == "*")
    await client("RemoveLayerVersionPermission", LayerName="tools", VersionNumber=1, StatementId="s1")
    assert not may_get(control, OTHER, ref, layer)


async def test_a_policy_shows_its_statements_and_changes_its_revision_with_them(client):
    await publish(client)
    error = await refusal(client, "GetLayerVersionPolicy", LayerName="tools", VersionNumber=1)
    assert error.status == 404
    added = await grant(client, OTHER)
    assert f'"Resource":"{layer_arn(version=1)}"' in added["Statement"]
    shown = await client("GetLayerVersionPolicy", LayerName="tools", VersionNumber=1)
    assert added["Statement"] in shown["Policy"]
    assert shown["RevisionId"] == added["RevisionId"]
    again = await grant(client, "*", "s2", RevisionId=added["RevisionId"])
    assert again["RevisionId"] != added["RevisionId"]
    error = await refusal(
        client, "RemoveLayerVersionPermission", LayerName="tools", VersionNumber=1, StatementId="s1",
        RevisionId=added["RevisionId"],
    )  # fmt: skip
    assert (error.status, error.code) == (412, "PreconditionFailedException")


async def test_statements_are_unique_and_those_that_are_not_there_are_not_found(client):
    await publish(client)
    await grant(client, OTHER)
    with pytest.raises(RefusedError, match=r"The statement id \(s1\) provided already exists"):
        await grant(client, "*")
    with pytest.raises(RefusedError, match="Statement doesnotexist is not found in resource policy"):
        await client("RemoveLayerVersionPermission", LayerName="tools", VersionNumber=1, StatementId="doesnotexist")
    error = await refusal(client, "GetLayerVersionPolicy", LayerName="tools", VersionNumber=2)
    assert error.message == f"Layer version {layer_arn(version=2)} does not exist."


async def test_a_grant_to_an_organization_is_for_those_who_belong_to_it(client, control):
    await publish(client)
    shown = await grant(client, "*", OrganizationId="o-1234567890")
    assert '"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}' in shown["Statement"]
    layer = control.layers.get(ACCOUNT, REGION, "tools", 1)
    ref = LayerRef(ACCOUNT, REGION, "tools", 1)
    assert not may_get(control, OTHER, ref, layer)
    for organization in ("o-0987654321", "o-1234567890"):
        control.settings = structs.replace(control.settings, organization=organization)
        assert may_get(control, OTHER, ref, layer) == (organization == "o-1234567890")
    with pytest.raises(RefusedError, match="OrganizationId is only supported with the principal"):
        await grant(client, OTHER, "s2", OrganizationId="o-1234567890")


async def test_a_new_version_of_a_deleted_one_s_layer_has_no_grants(client, control):
    await publish(client)
    await grant(client, "*")
    layer = control.layers.get(ACCOUNT, REGION, "tools", 1)
    await client("DeleteLayerVersion", LayerName="tools", VersionNumber=1)
    assert control.layers.grants(layer) == []
