"""What lists go on with: a client cannot make it up, change it, or take it to another list."""

import base64

import pytest
from control_client import RefusedError, make_zip

LISTS = {
    "ListFunctions": {},
    "ListFunctions of versions": {"FunctionVersion": "ALL"},
    "ListVersionsByFunction": {"FunctionName": "a"},
    "ListLayers": {},
    "ListLayerVersions": {"LayerName": "a"},
    "ListAliases": {"FunctionName": "a"},
}


@pytest.fixture
async def house(client):
    """Two of everything that can be listed."""
    for name in ("a", "b"):
        await client.create(name, Publish=True)
        await client("CreateAlias", FunctionName="a", Name=f"to-{name}", FunctionVersion="1")
        for text in ("x", "y"):
            await client("PublishLayerVersion", LayerName=name, Content={"ZipFile": make_zip(text)})
    return client


async def listed(client, name: str, **more):
    return await client(name.partition(" ")[0], **LISTS[name], **more)


async def refused(client, name: str, marker: str) -> str:
    with pytest.raises(RefusedError) as caught:
        await listed(client, name, Marker=marker)
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameterValueException")
    return caught.value.message


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_goes_on_where_it_was(house, name):
    first = await listed(house, name, MaxItems=1)
    rest = await listed(house, name, Marker=first["NextMarker"])
    (key,) = [key for key in first if key not in ("NextMarker", "ResponseMetadata")]
    assert [*first[key], *rest[key]] == (await listed(house, name))[key]
    assert "NextMarker" not in rest


@pytest.mark.parametrize("name", LISTS)
async def test_a_marker_is_told_from_what_somebody_made_up(house, name):
    marker = (await listed(house, name, MaxItems=1))["NextMarker"]
    changed = marker[:-6] + ("A" if marker[-6] != "A" else "B") + marker[-5:]
    made_up = ["a", "1", base64.b64encode(b"a:$LATEST").decode(), "=", "\x00", changed, marker[4:], "A" * 2000]
    assert {await refused(house, name, each) for each in made_up} == {"Invalid pagination token provided."}


async def test_a_marker_is_of_one_list_only(house):
    markers = {name: (await listed(house, name, MaxItems=1))["NextMarker"] for name in LISTS}
    for name in LISTS:
        for other in LISTS.keys() - {name}:
            await refused(house, name, markers[other])


async def test_replicated_functions_are_listed_with_all_versions_only(house):
    with pytest.raises(RefusedError, match="FunctionVersion must be set to ALL when MasterRegion is specified"):
        await house("ListFunctions", MasterRegion="ALL")
    assert len((await house("ListFunctions", MasterRegion="ALL", FunctionVersion="ALL"))["Functions"]) == 4
    assert (await house("ListFunctions", MasterRegion="us-west-2", FunctionVersion="ALL"))["Functions"] == []
