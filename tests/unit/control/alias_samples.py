"""A function with three versions, and requests on its aliases."""

from typing import Any

from control_client import ACCOUNT, Client

ROLE_OF_ANOTHER = f"arn:aws:iam::{ACCOUNT}:role/another"
NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ResourceConflictException"
INVALID, VALIDATION = "InvalidParameterValueException", "ValidationException"


async def publish_three(client: Client) -> Client:
    """`hello` in three versions: 1 and 2 differ in their description only, 3 has another role."""
    await client.create()
    for change in [{"Description": "one"}, {"Description": "two"}, {"Role": ROLE_OF_ANOTHER}]:
        await client("UpdateFunctionConfiguration", FunctionName="hello", **change)
        await client.control.settled()
        await client("PublishVersion", FunctionName="hello")
    return client


def weights(**routing: float) -> dict[str, Any]:
    """A RoutingConfig: `weights(v2=0.1)`."""
    return {"AdditionalVersionWeights": {key.removeprefix("v"): weight for key, weight in routing.items()}}


async def make(client: Client, name: str = "live", version: str = "1", **more: Any) -> dict[str, Any]:
    return await client("CreateAlias", FunctionName="hello", Name=name, FunctionVersion=version, **more)


async def listed(client: Client, **asked: Any) -> tuple[list[str], str | None]:
    """The names of a page, and the marker of the next."""
    answer = await client("ListAliases", FunctionName="hello", **asked)
    return [alias["Name"] for alias in answer["Aliases"]], answer.get("NextMarker")
