"""Code of functions and layers that lies in S3, and what is refused of it.

Sources of AWS's words: shared/oracles/errors.tsv (GetObject), cdk-preflight 1.9.1 (pf-lambda-code-s3-pair).
"""

import pytest
from control_client import RefusedError, creation, make_zip

from lambent.control.objects import Wanted
from lambent.errors import ObjectRefused

PLACE = {"S3Bucket": "code", "S3Key": "a/app.zip"}
GONE = "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}"


class Shelf:
    """Objects in memory; remembers who asked."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.asked: list[Wanted] = []

    async def fetch(self, wanted: Wanted, most: int) -> bytes:
        self.asked.append(wanted)
        if wanted.bucket not in {bucket for bucket, _ in self.objects}:
            raise ObjectRefused("The specified bucket does not exist", code="NoSuchBucket")
        if (wanted.bucket, wanted.key) not in self.objects:
            raise ObjectRefused("The specified key does not exist.", code="NoSuchKey")
        return self.objects[wanted.bucket, wanted.key][: most + 1]


@pytest.fixture
def shelf(control):
    control.objects = Shelf()
    control.objects.objects["code", "a/app.zip"] = make_zip()
    return control.objects


async def test_a_function_of_an_object_is_the_same_as_of_its_bytes(client, shelf):
    await client.create("sent")
    await client.create("fetched", Code=PLACE | {"S3ObjectVersion": "v1"})
    sent, fetched = [
        await client("GetFunctionConfiguration", FunctionName=name) for name in ("sent", "fetched")
    ]  # fmt: skip
    assert (fetched["CodeSha256"], fetched["CodeSize"]) == (sent["CodeSha256"], sent["CodeSize"])
    assert shelf.asked == [Wanted("code", "a/app.zip", "v1", "111111111111", "eu-west-1")]


async def test_new_code_and_layers_come_from_there_too(client, control, shelf):
    await client.create()
    shelf.objects["code", "b.zip"] = make_zip("changed = 1\n")
    updated = await client("UpdateFunctionCode", FunctionName="hello", S3Bucket="code", S3Key="b.zip")
    assert updated["CodeSize"] == len(shelf.objects["code", "b.zip"])
    layer = await client("PublishLayerVersion", LayerName="tools", Content={"S3Bucket": "code", "S3Key": "b.zip"})
    assert layer["Content"]["CodeSha256"] == updated["CodeSha256"]
    await control.settled()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ({"S3Bucket": "none", "S3Key": "k"}, GONE.format("NoSuchBucket", "The specified bucket does not exist")),
        ({"S3Bucket": "code", "S3Key": "k"}, GONE.format("NoSuchKey", "The specified key does not exist.")),
        ({"S3Bucket": "code"}, "S3 Bucket and Key are required for uploading with S3 parameters."),
        ({"S3Key": "k"}, "S3 Bucket and Key are required for uploading with S3 parameters."),
        (
            PLACE | {"ZipFile": b"x"},
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
    ],
)
async def test_what_cannot_be_fetched_is_refused_in_awss_words(client, shelf, code, message):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(Code=code))
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    assert caught.value.message == message
    assert (await client("ListFunctions"))["Functions"] == []


async def test_an_object_may_be_larger_than_a_zip_in_a_request_but_not_than_code(client, shelf, monkeypatch):
    monkeypatch.setattr("lambent.control.rules.ZIPPED_BYTES", 10)
    await client.create(Code=PLACE)
    monkeypatch.setattr("lambent.control.rules.UNZIPPED_BYTES", 20)
    with pytest.raises(RefusedError, match="Unzipped size must be smaller than 20 bytes"):
        await client("UpdateFunctionCode", FunctionName="hello", **PLACE)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Code": PLACE | {"S3ObjectStorageMode": "REFERENCE"}}, "S3ObjectStorageMode REFERENCE is not available here"),
        ({"Code": PLACE | {"SourceKMSKeyArn": "arn:aws:kms:eu-west-1:111111111111:key/k"}}, "SourceKMSKeyArn is not"),
        ({"PublishTo": "LATEST_PUBLISHED"}, "PublishTo is not available here"),
        ({"AcceleratorConfig": {"AcceleratorMemorySize": 16}}, "AcceleratorConfig is not available here"),
        (
            {"RuntimeConfig": {"RuntimeArn": f"arn:aws:lambda:eu-west-1:111111111111:runtime/{'r' * 9}",
                               "RuntimeAlias": "live"}},
            "RuntimeConfig is not available here",
        ),
    ],
)  # fmt: skip
async def test_what_is_refused_for_good_is_refused_with_its_reason(client, shelf, changes, sentence):
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(**changes))
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    assert sentence in caught.value.message


async def test_copying_is_what_happens_anyway(client, shelf):
    await client.create(Code=PLACE | {"S3ObjectStorageMode": "COPY"})
    assert (await client("ListFunctions"))["Functions"]


async def test_an_image_function_takes_nothing_from_s3(client, shelf):
    with pytest.raises(RefusedError, match="Please don't provide S3ObjectStorageMode when creating a function with"):
        await client(
            "CreateFunction",
            **creation(
                Runtime=None, Handler=None, PackageType="Image", Code={"ImageUri": "x", "S3ObjectStorageMode": "COPY"}
            ),
        )
