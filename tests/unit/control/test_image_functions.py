"""Functions whose code is a container image."""

import msgspec
import pytest
from control_client import ACCOUNT, REGION, RefusedError, creation, function_arn, make_zip

from lambent.control import images
from lambent.control.documents import as_version
from lambent.model import IMAGE_RUNTIME, ImageConfig
from lambent.store import oci
from lambent.store.image_names import ImageName

ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def have(control):
    """Puts an image into the store as if it had been unpacked, and gives it a name."""

    async def have(name="app:latest", digest=ONE, architecture="x86_64"):
        root = control.images.root / "roots" / digest
        (root / "root").mkdir(parents=True, exist_ok=True)
        info = oci.ImageInfo(digest=digest, layers=[], size=0, architecture=architecture)
        (root / "image.json").write_bytes(msgspec.json.encode(info))
        await control.image_names.put(ImageName(name, digest, 0.0))

    return have


def asked(name="hello", **changes):
    image = {"Runtime": None, "Handler": None, "PackageType": "Image", "Code": {"ImageUri": f"{ECR}/app:latest"}}
    return creation(name, **(image | changes))


async def made(client, **changes):
    answer = await client("CreateFunction", **asked(**changes))
    await client.control.settled()
    return answer


def stored(client, version="$LATEST"):
    return client.control.functions.get_version(ACCOUNT, REGION, "hello", version)


async def refusal(client, operation, **parameters):
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    return caught.value.message


async def test_an_image_function_is_shown_as_on_aws(client, have):
    await have()
    config = {"EntryPoint": ["/run"], "Command": ["a", "b"], "WorkingDirectory": "/srv"}
    created = await made(client, ImageConfig=config)
    assert created["PackageType"] == "Image"
    assert created["ImageConfigResponse"] == {"ImageConfig": config}
    assert (created["CodeSize"], created["CodeSha256"]) == (0, ONE)
    assert not {"Handler", "Runtime", "RuntimeVersionConfig", "ImageConfig"} & set(created)
    answer = await client("GetFunction", FunctionName="hello")
    assert answer["Configuration"]["State"] == "Active"
    assert answer["Code"] == {
        "RepositoryType": "ECR",
        "ImageUri": f"{ECR}/app:latest",
        "ResolvedImageUri": f"{ECR}/app@sha256:{ONE}",
    }


async def test_the_engine_learns_what_to_run(client, have, capacity):
    await have()
    await made(client, ImageConfig={"Command": ["a"], "EntryPoint": [], "WorkingDirectory": ""})
    version = as_version(stored(client))
    assert version.image == ImageConfig(command=("a",))
    assert (version.code_digest, version.runtime, version.husk_runtime) == (ONE, "", IMAGE_RUNTIME)
    assert [each.image for each in capacity.prepared] == [version.image]


async def test_a_function_without_image_config_shows_none(client, have):
    await have()
    assert "ImageConfigResponse" not in await made(client)
    assert as_version(stored(client)).image == ImageConfig()


@pytest.mark.parametrize(
    "uri",
    ["app", "app:latest", f"{ECR}/app", "222222222222.dkr.ecr.us-west-2.amazonaws.com/app:latest", f"app@sha256:{ONE}"],
)
async def test_an_image_may_be_named_as_it_was_added_or_as_in_ecr_or_by_its_digest(client, have, uri):
    await have()
    created = await made(client, Code={"ImageUri": uri})
    assert created["CodeSha256"] == ONE


@pytest.mark.parametrize(
    ("uri", "resolved"),
    [
        ("app", f"app@sha256:{ONE}"),
        ("localhost:5000/team/app", f"localhost:5000/team/app@sha256:{ONE}"),
        ("localhost:5000/team/app:v1", f"localhost:5000/team/app@sha256:{ONE}"),
        (f"app:v1@sha256:{TWO}", f"app@sha256:{ONE}"),
    ],
)
def test_a_resolved_uri_has_the_digest_in_the_place_of_the_tag(uri, resolved):
    assert images.resolved_uri(uri, ONE) == resolved


@pytest.mark.parametrize(
    "uri", ["App", "../app", "app:", "app:ta g", "x" * 600, "app@sha256:12", "http://h/app", "/app"]
)
async def test_what_is_no_name_of_an_image_is_refused(client, uri):
    message = await refusal(client, "CreateFunction", **asked(Code={"ImageUri": uri}))
    assert message == f"Source image {uri} is not valid. Provide a valid source image."


@pytest.mark.parametrize("uri", ["other", "app:v2", f"app@sha256:{TWO}"])
async def test_an_image_that_is_not_there_is_refused_with_the_way_to_add_it(client, have, uri):
    await have()
    message = await refusal(client, "CreateFunction", **asked(Code={"ImageUri": uri}))
    assert message.startswith(f"Source image {uri} does not exist. Provide a valid source image.")
    assert "lambent images add" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Runtime": "python3.13"}, "Please don't provide Handler or Runtime or Layer when the intended function"),
        ({"Handler": "app.handler"}, "Please don't provide Handler or Runtime or Layer when the intended function"),
        (
            {"Layers": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:x:1"]},
            "Please don't provide Handler or Runtime or Layer when the intended function",
        ),
        (
            {"Code": {"ImageUri": "app", "ZipFile": b"x"}},
            "Please don't provide ZipFile when creating a function with packageType Image.",
        ),
        ({"Code": {}}, "Please provide ImageUri when creating a function with packageType Image."),
        ({"ImageConfig": {"Command": ["x" * 17_000]}}, "ImageConfig must be smaller than 16384 bytes."),
    ],
)
async def test_what_does_not_go_with_an_image_is_refused(client, have, changes, message):
    await have()
    assert (await refusal(client, "CreateFunction", **asked(**changes))).startswith(message)


async def test_what_does_not_go_with_a_zip_is_refused(client, have):
    await have()
    message = await refusal(client, "CreateFunction", **creation(Code={"ImageUri": "app"}))
    assert message == "Please don't provide ImageUri when creating a function with packageType Zip."
    config = {"ImageConfig": {"Command": ["x"]}}
    message = await refusal(client, "CreateFunction", **creation(**config))
    assert message == "Please don't provide ImageConfig when the function's PackageType is Zip."
    await client.create()
    assert await refusal(client, "UpdateFunctionConfiguration", FunctionName="hello", **config) == message


async def test_an_image_for_another_machine_is_refused(client, have):
    await have(architecture="arm64")
    message = await refusal(client, "CreateFunction", **asked())
    assert "is made for arm64, and the function's architecture is x86_64" in message


async def test_a_machine_that_cannot_run_images_says_so(client, have, capacity):
    await have()
    capacity.refusals["images"] = "Container images need namespaces."
    assert await refusal(client, "CreateFunction", **asked()) == "Container images need namespaces."


async def test_the_code_of_an_image_function_is_updated_to_what_the_name_means_now(client, have):
    await have()
    await made(client)
    await have(digest=TWO)
    assert stored(client).code_digest == ONE
    updated = await client("UpdateFunctionCode", FunctionName="hello", ImageUri="app")
    assert updated["CodeSha256"] == TWO
    await client.control.settled()
    answer = await client("GetFunction", FunctionName="hello")
    assert answer["Code"]["ImageUri"] == "app"
    message = await refusal(client, "UpdateFunctionCode", FunctionName="hello", ZipFile=make_zip())
    assert message == "Please don't provide ZipFile when updating a function with packageType Image."
    message = await refusal(client, "UpdateFunctionCode", FunctionName="hello")
    assert message == "Please provide ImageUri when updating a function with packageType Image."


async def test_image_config_can_be_changed_and_taken_away(client, have):
    await have()
    await made(client, ImageConfig={"Command": ["a"]})
    update = {"FunctionName": "hello", "ImageConfig": {"WorkingDirectory": "/x"}}
    updated = await client("UpdateFunctionConfiguration", **update)
    assert updated["ImageConfigResponse"] == {"ImageConfig": {"WorkingDirectory": "/x"}}
    await client.control.settled()
    assert "ImageConfigResponse" not in await client(
        "UpdateFunctionConfiguration", FunctionName="hello", ImageConfig={}
    )
    await client.control.settled()
    message = await refusal(client, "UpdateFunctionConfiguration", FunctionName="hello", Handler="a.b")
    assert message.startswith("Please don't provide Handler")


async def test_an_image_stays_while_it_has_a_name_or_a_function_and_no_longer(client, have):
    await have()
    await made(client, Publish=True)
    await have(digest=TWO)  # the name moves on
    await client.control.blobs.sweep()
    assert client.control.images.digests() == [ONE, TWO]
    await client("UpdateFunctionCode", FunctionName="hello", ImageUri="app")
    await client.control.settled()
    assert client.control.images.digests() == [ONE, TWO]  # version 1 has it
    await client("DeleteFunction", FunctionName="hello", Qualifier="1")
    await client.control.settled()
    assert client.control.images.digests() == [TWO]
    await client.control.image_names.remove("app:latest")
    await client("DeleteFunction", FunctionName="hello")
    await client.control.settled()
    assert client.control.images.digests() == []


async def test_a_version_can_be_published_by_the_digest_that_is_shown(client, have):
    await have()
    await made(client)
    published = await client("PublishVersion", FunctionName="hello", CodeSha256=ONE)
    assert (published["Version"], published["FunctionArn"]) == ("1", function_arn(qualifier="1"))
    assert as_version(stored(client, "1")).image == ImageConfig()
