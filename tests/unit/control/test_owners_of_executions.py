"""Which function durable executions belong to, as its names say: for ListDurableExecutionsByFunction."""

import pytest
from control_client import ACCOUNT, REGION, START, make_zip

from lambent.arns import FunctionRef
from lambent.errors import ResourceNotFound
from lambent.names import Names


def ref(name="hello", qualifier=None):
    return FunctionRef(ACCOUNT, REGION, name, qualifier)


@pytest.fixture
def names(control):
    return Names(control.functions, lambda: control)


async def test_a_function_without_a_qualifier_has_the_executions_of_all_versions(client, names):
    await client.create()
    assert names.owner(ref()) == (START, ())


async def test_a_qualifier_stands_for_its_versions(client, names):
    await client.create(Publish=True)
    await client("UpdateFunctionCode", FunctionName="hello", ZipFile=make_zip("other = 1\n"), Publish=True)
    await client.control.settled()
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1", RoutingConfig=routing)
    assert names.owner(ref(qualifier="$LATEST")).versions == ("$LATEST",)
    assert names.owner(ref(qualifier="2")).versions == ("2",)
    assert names.owner(ref(qualifier="live")).versions == ("1", "2")


async def test_a_function_that_was_made_again_is_another_owner(client, names, clock):
    await client.create()
    await client("DeleteFunction", FunctionName="hello")
    clock.advance(5)
    await client.create()
    assert names.owner(ref()).born == START + 5


@pytest.mark.parametrize(("name", "qualifier"), [("nobody", None), ("hello", "7"), ("hello", "gone")])
async def test_what_is_not_there_has_no_executions(client, names, name, qualifier):
    await client.create()
    with pytest.raises(ResourceNotFound) as refused:
        names.owner(ref(name, qualifier))
    assert refused.value.message == f"Function not found: {ref(name, qualifier).arn}"
