"""PutResourcePolicy, GetResourcePolicy and DeleteResourcePolicy: the same policies, whole and by ARN."""

from lambent.arns import FunctionRef, parse_function
from lambent.control import policies, policy_documents
from lambent.control.control import Control
from lambent.control.permissions import NONE
from lambent.errors import ResourceNotFound
from lambent.model import Document
from lambent.wire.parse import Call

WHERE = "GetResourcePolicy"


async def put_resource_policy(control: Control, call: Call) -> Document:
    """Replaces whatever there was; the same policy once more changes nothing, not even the RevisionId."""
    asked = call.parameters
    ref = _named(call)
    policies.refuse_latest(ref)
    async with control.turn(ref.account, ref.region, ref.name):
        policies.require(control, ref)
        policies.check_revision(control, ref, asked.get("RevisionId"), WHERE)
        document = policy_documents.checked(asked["Policy"], ref.arn)
        if document != control.stores.policies.get(ref):
            await policies.change(control, ref, document)
        return {"Policy": document, "RevisionId": policies.revision(control, ref)}


async def get_resource_policy(control: Control, call: Call) -> Document:
    ref = _named(call)
    policies.require(control, ref)
    document = control.stores.policies.get(ref)
    if not document:
        raise ResourceNotFound("The resource you requested does not exist.")
    return {"Policy": document, "RevisionId": policies.revision(control, ref)}


async def delete_resource_policy(control: Control, call: Call) -> Document:
    ref = _named(call)
    async with control.turn(ref.account, ref.region, ref.name):
        policies.require(control, ref)
        if not control.stores.policies.get(ref):
            raise ResourceNotFound(NONE)
        policies.check_revision(control, ref, call.parameters.get("RevisionId"), WHERE)
        await policies.change(control, ref, "")
    return {}


def _named(call: Call) -> FunctionRef:
    """The function, version or alias of ResourceArn; runtimes of customers cannot be made here, so none exists."""
    arn = call.parameters["ResourceArn"]
    if arn.split(":")[5] != "function":
        raise ResourceNotFound("The resource you requested does not exist.")
    return parse_function(arn, None, account=call.account, region=call.region)
