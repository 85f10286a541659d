"""The layers of functions: what is shown, what is refused, and how long their code is kept."""

import io
import zipfile

import pytest
from control_client import ACCOUNT, REGION, RefusedError, creation, make_zip

from lambent.control.documents import as_version

OTHER = "222222222222"


async def publish(client, name="tools", text="x = 1", region=REGION):
    answer = await client("PublishLayerVersion", region=region, LayerName=name, Content={"ZipFile": make_zip(text)})
    return answer["LayerVersionArn"]


async def configured(client, **parameters):
    answer = await client("UpdateFunctionConfiguration", FunctionName="hello", **parameters)
    await client.control.settled()
    return answer


def stored(client, version="$LATEST"):
    return client.control.functions.get_version(ACCOUNT, REGION, "hello", version)


async def test_layers_are_shown_with_their_sizes_in_the_order_given(client):
    one, two = await publish(client, "one"), await publish(client, "two", "y = 22")
    created = await client.create(Layers=[two, one])
    expected = [
        {"Arn": two, "CodeSize": len(make_zip("y = 22"))},
        {"Arn": one, "CodeSize": len(make_zip("x = 1"))},
    ]
    assert created["Layers"] == expected
    assert (await client("GetFunctionConfiguration", FunctionName="hello"))["Layers"] == expected
    assert (await client("GetFunction", FunctionName="hello"))["Configuration"]["Layers"] == expected
    assert (await client("ListFunctions"))["Functions"][0]["Layers"] == expected


async def test_the_engine_gets_the_digests_in_order_and_a_new_deployment_for_every_change(client):
    one, two = await publish(client, "one"), await publish(client, "two", "y = 22")
    await client.create(Layers=[two, one])
    layers = client.control.layers
    digests = {name: layers.get(ACCOUNT, REGION, name, 1).code_digest for name in ("one", "two")}
    before = as_version(stored(client))
    assert before.layers == (digests["two"], digests["one"])
    await configured(client, Layers=[one])
    after = as_version(stored(client))
    assert after.layers == (digests["one"],)
    assert after.revision != before.revision


async def test_of_two_layers_with_the_same_contents_only_the_later_is_attached(client):
    arns = [await publish(client, "a"), await publish(client, "b", "y = 22"), await publish(client, "c")]
    created = await client.create(Layers=arns)
    assert [each["Arn"] for each in created["Layers"]] == arns
    layers = client.control.layers
    digests = [layers.get(ACCOUNT, REGION, name, 1).code_digest for name in ("b", "c")]
    assert list(as_version(stored(client)).layers) == digests


async def test_an_empty_list_takes_layers_away_and_none_leaves_them(client):
    await client.create(Layers=[await publish(client)])
    assert "Layers" in await configured(client, Timeout=5)
    assert "Layers" not in await configured(client, Layers=[])
    assert as_version(stored(client)).layers == ()


async def test_a_published_version_keeps_the_layers_that_it_was_published_with(client):
    await client.create(Layers=[await publish(client)], Publish=True)
    await configured(client, Layers=[])
    assert "Layers" in await client("GetFunctionConfiguration", FunctionName="hello", Qualifier="1")
    assert len(as_version(stored(client, "1")).layers) == 1
    published = await client("PublishVersion", FunctionName="hello")
    assert published["Version"] == "2"
    assert "Layers" not in published


# Wording: errors.tsv, recorded by test_lambda_api.
async def test_layers_that_cannot_be_used_are_refused_in_aws_words(client):
    arns = [await publish(client, f"layer{number}") for number in range(6)]
    later = await publish(client, "layer0", "x = 2")
    elsewhere = await publish(client, "far", region="us-west-2")
    unknown = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:doesnotexist:1"
    theirs = f"arn:aws:lambda:{REGION}:{OTHER}:layer:theirs:1"
    cases = [
        (arns, "Cannot reference more than 5 layers."),
        ([unknown], f"Layer version {unknown} does not exist."),
        ([f"{arns[0][:-1]}9"], f"Layer version {arns[0][:-1]}9 does not exist."),
        (
            [arns[0], later],
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
            f"{arns[0]} and {later} are versions of the same layer.",
        ),
        (
            [arns[0], arns[0]],
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
            f"{arns[0]} and {arns[0]} are versions of the same layer.",
        ),
        (
            [elsewhere],
            f"Layers are not in the same region as the function. Layers are expected to be in region {REGION}.",
        ),
        ([theirs], f"is not authorized to perform: lambda:GetLayerVersion on resource: {theirs}"),
        (["arn:aws:lambda:::awslayer:AmazonLinux1703"], "does not exist."),
        ([arns[0].rpartition(":")[0]], "at 'layers' failed to satisfy constraint"),
    ]
    await client.create()
    for layers, sentence in cases:
        with pytest.raises(RefusedError) as caught:
            await client("CreateFunction", **creation("other", Layers=layers))
        assert sentence in caught.value.message
        with pytest.raises(RefusedError) as caught:
            await configured(client, Layers=layers)
        assert sentence in caught.value.message
    assert "Layers" not in await client("GetFunctionConfiguration", FunctionName="hello")


def zeros(size):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(size))
    return buffer.getvalue()


async def test_code_and_layers_together_may_not_be_bigger_than_the_limit(client):
    arns = []
    for name, size in (("big", 200_000_000), ("bigger", 62_144_000)):
        answer = await client("PublishLayerVersion", LayerName=name, Content={"ZipFile": zeros(size)})
        arns.append(answer["LayerVersionArn"])
    too_much = "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
    with pytest.raises(RefusedError) as caught:
        await client("CreateFunction", **creation(Layers=arns))
    code = len("def handler(event, context): return event\n")
    assert caught.value.message == f"{too_much}The actual size is {262_144_000 + code} bytes."
    await client.create(Layers=arns[:1])
    with pytest.raises(RefusedError, match=too_much):
        await configured(client, Layers=arns)
    with pytest.raises(RefusedError, match=too_much):
        await client("UpdateFunctionCode", FunctionName="hello", ZipFile=zeros(62_144_001))
    assert stored(client).code_size == len(make_zip())


async def test_a_deleted_layer_s_code_stays_while_a_function_uses_it_and_no_longer(client, waits):
    await client.create(Layers=[await publish(client)])
    digest = as_version(stored(client)).layers[0]
    await client("DeleteLayerVersion", LayerName="tools", VersionNumber=1)
    await client.control.settled()
    assert client.control.code.get(digest) is not None
    assert (await client("GetFunctionConfiguration", FunctionName="hello"))["Layers"]
    await configured(client, Layers=[])
    assert client.control.code.get(digest) is None
    assert waits[-1] >= 3  # calls that still ran had it: at least the function's time-out


async def test_a_published_layer_s_code_survives_its_functions_and_the_sweep_at_start(client):
    await client.create(Layers=[await publish(client)])
    digest = as_version(stored(client)).layers[0]
    await client("DeleteFunction", FunctionName="hello")
    await client.control.settled()
    await client.control.blobs.sweep()
    assert client.control.code.get(digest) is not None
    await client("DeleteLayerVersion", LayerName="tools", VersionNumber=1)
    await client.control.settled()
    assert client.control.code.get(digest) is None


async def test_the_code_of_a_layer_and_of_a_function_is_shared_when_it_is_the_same(client):
    await client("PublishLayerVersion", LayerName="tools", Content={"ZipFile": make_zip()})
    await client.create()
    assert len(client.control.code.digests()) == 1
    await client("DeleteLayerVersion", LayerName="tools", VersionNumber=1)
    await client.control.settled()
    assert len(client.control.code.digests()) == 1
