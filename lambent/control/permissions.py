"""AddPermission, RemovePermission and GetPolicy: the resource policy of a function, version or alias, by statements."""

import msgspec

from lambent.arns import function_arn
from lambent.control import lookup, policies, policy_documents
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue, ResourceNotFound
from lambent.model import Document
from lambent.wire.parse import Call

URL_ACTIONS = ("lambda:InvokeFunctionUrl",)
NONE = "No policy is associated with the given resource."


async def add_permission(control: Control, call: Call) -> Document:
    asked = call.parameters
    ref = lookup.named(call)
    policies.refuse_latest(ref)
    async with control.turn(ref.account, ref.region, ref.name):
        policies.require(control, ref)
        policies.check_revision(control, ref, asked.get("RevisionId"), "GetPolicy")
        statement = policy_documents.statement(asked, ref.arn)
        _check_url(asked.get("FunctionUrlAuthType"), asked["Action"])
        document = policy_documents.added(control.stores.policies.get(ref), statement)
        await policies.change(control, ref, document)
    return {"Statement": msgspec.json.encode(statement).decode()}


def _check_url(auth_type: str | None, action: str) -> None:
    if auth_type and action not in URL_ACTIONS:
        raise InvalidParameterValue("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")


async def remove_permission(control: Control, call: Call) -> Document:
    asked = call.parameters
    ref = lookup.named(call)
    async with control.turn(ref.account, ref.region, ref.name):
        try:
            control.functions.get(ref.account, ref.region, ref.name)
        except ResourceNotFound:
            arn = function_arn(ref.account, ref.region, ref.name)
            raise ResourceNotFound(f"No policy found for: {arn}") from None
        policies.require(control, ref)
        before = control.stores.policies.get(ref)
        if not before:
            raise ResourceNotFound(NONE)
        after = policy_documents.removed(before, asked["StatementId"])
        if after is None:
            raise ResourceNotFound(f"Statement {asked['StatementId']} is not found in resource policy.")
        policies.check_revision(control, ref, asked.get("RevisionId"), "GetFunction/GetAlias")
        await policies.change(control, ref, after)
    return {}


async def get_policy(control: Control, call: Call) -> Document:
    ref = lookup.named(call)
    lookup.latest(control, ref)
    document = control.stores.policies.get(ref)
    if not document:
        raise ResourceNotFound("The resource you requested does not exist.")
    return {"Policy": document, "RevisionId": policies.revision(control, ref)}
