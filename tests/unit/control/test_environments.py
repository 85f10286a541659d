"""Environment variables are sealed in the store and opened in answers, one function at a time."""

import pytest
from control_client import ACCOUNT, REGION, make_zip
from msgspec.structs import replace

from lambent.control import environments
from lambent.control.documents import SOURCE, fingerprint

SECRET = "correct-horse-battery"
GIVEN = {"Variables": {"PASSWORD": SECRET}}


@pytest.fixture
def everything_stored(database):
    """The bytes of the database, the write-ahead log included."""

    def read() -> bytes:
        return b"".join(path.read_bytes() for path in database.path.parent.glob("lambent.db*"))

    return read


async def shown_everywhere(client) -> list[dict]:
    answers = [
        await client("GetFunctionConfiguration", FunctionName="hello"),
        (await client("GetFunction", FunctionName="hello"))["Configuration"],
        *(await client("ListFunctions"))["Functions"],
        *(await client("ListFunctions", FunctionVersion="ALL"))["Functions"],
        *(await client("ListVersionsByFunction", FunctionName="hello"))["Versions"],
    ]
    return [answer["Environment"] for answer in answers]


async def test_every_answer_shows_the_variables_and_the_store_never_has_them(client, everything_stored):
    created = await client.create(Environment=GIVEN, Publish=True)
    updated = await client("UpdateFunctionConfiguration", FunctionName="hello", Timeout=9)
    await client.control.settled()
    published = await client("PublishVersion", FunctionName="hello")
    coded = await client("UpdateFunctionCode", FunctionName="hello", ZipFile=make_zip("new"))
    await client.control.settled()

    shown = [answer["Environment"] for answer in (created, updated, published, coded)]
    shown += await shown_everywhere(client)
    assert len(shown) == 4 + 3 + 2 * 3
    assert all(environment == GIVEN for environment in shown)
    assert SECRET.encode() not in everything_stored()
    assert b"PASSWORD" not in everything_stored()


async def test_a_version_is_not_published_twice_because_of_its_variables(client):
    await client.create(Environment=GIVEN)
    first = await client("PublishVersion", FunctionName="hello")
    await client("UpdateFunctionConfiguration", FunctionName="hello", Environment=GIVEN)
    await client.control.settled()
    assert (await client("PublishVersion", FunctionName="hello"))["Version"] == first["Version"] == "1"
    await client("UpdateFunctionConfiguration", FunctionName="hello", Environment={"Variables": {"PASSWORD": "x"}})
    await client.control.settled()
    assert (await client("PublishVersion", FunctionName="hello"))["Version"] == "2"


async def test_what_cannot_be_opened_is_told_in_the_answer_which_is_given_all_the_same(client):
    await client.create(Environment=GIVEN)
    stored = client.control.functions.get_version(ACCOUNT, REGION, "hello")
    other = await client.control.capacity.seal({"PASSWORD": SECRET}, "somebody else")
    await client.control.functions.store_config(
        replace(
            stored, config=stored.config | {"Environment": {"Sealed": environments.base64.b64encode(other).decode()}}
        )
    )
    for environment in await shown_everywhere(client):
        assert environment == {"Error": {"ErrorCode": "KMSAccessDeniedException", "Message": "access denied"}}
    assert (await client("UpdateFunctionConfiguration", FunctionName="hello", Environment=GIVEN))[
        "Environment"
    ] == GIVEN


async def test_what_an_older_lambent_stored_is_sealed_and_nothing_of_it_stays_in_the_file(
    client, database, everything_stored
):
    await client.create(Environment={"Variables": {"PASSWORD": "another"}})
    await client.create("plain", Environment=GIVEN)
    await client("PublishVersion", FunctionName="plain")
    for number in ("$LATEST", "1"):  # as it was stored before
        stored = client.control.functions.get_version(ACCOUNT, REGION, "plain", number)
        stored = replace(stored, config=stored.config | {"Environment": GIVEN})
        if number == "1":
            stored = replace(stored, config=stored.config | {SOURCE: fingerprint(stored)})
        await client.control.functions.store_config(stored)
    assert SECRET.encode() in everything_stored()

    assert await environments.migrate(client.control) == 2
    database.forget_deleted()

    assert SECRET.encode() not in everything_stored()
    assert (await client("GetFunctionConfiguration", FunctionName="plain"))["Environment"] == GIVEN
    assert (await client("PublishVersion", FunctionName="plain"))["Version"] == "1", "nothing has changed for it"
    assert await environments.migrate(client.control) == 0
