"""What the operations on policies share: which policy is meant, at which revision it is, and how it is changed."""

from msgspec.structs import replace

from lambent.arns import FunctionRef
from lambent.control import lookup, policy_documents
from lambent.control.control import Control, new_revision
from lambent.errors import AwsError, InvalidParameterValue, PreconditionFailed
from lambent.store.functions import LATEST


def require(control: Control, ref: FunctionRef) -> None:
    """Raises ResourceNotFound for a function, version or alias that is not there, in the words for each."""
    lookup.latest(control, replace(ref, qualifier=None))
    if lookup.is_alias(ref.qualifier) and lookup.alias(control, ref) is None:
        raise lookup.no_alias(ref)
    lookup.version(control, ref)


def refuse_latest(ref: FunctionRef) -> None:
    """$LATEST is no resource of its own that could have a policy. Raises InvalidParameterValue."""
    if ref.qualifier and ref.qualifier.startswith(LATEST):
        raise InvalidParameterValue(f"We currently do not support adding policies for {ref.qualifier}.")


def revision(control: Control, ref: FunctionRef) -> str:
    """The RevisionId of the policy's owner, which every change of the policy changes too. Raises ResourceNotFound."""
    alias = lookup.alias(control, ref)
    return alias.revision if alias else lookup.version(control, ref).revision


def check_revision(control: Control, ref: FunctionRef, wanted: str | None, where: str) -> None:
    """Raises PreconditionFailed, which says `where` to look, unless `wanted` is the latest or was not given."""
    if wanted and wanted != revision(control, ref):
        raise PreconditionFailed(
            "The Revision Id provided does not match the latest Revision Id. "
            f"Call the {where} API to retrieve the latest Revision Id"
        )


async def change(control: Control, ref: FunctionRef, document: str) -> None:
    """Store the policy ("": take it away), and give its owner another RevisionId. Within the function's turn."""
    if document and control.settings.block_public_policies and policy_documents.public(document):
        raise AwsError(
            "Lambda blocked the creation of this policy because it would grant public access to your function. If this "
            "is intentional, start Lambent without --block-public-policies and try again.",
            code="PublicPolicyException",
            status=400,
        )
    if document:
        await control.stores.policies.put(ref, document, denies=policy_documents.denies(document))
    else:
        await control.stores.policies.remove(ref)
    control.permits.forget(ref.account, ref.region, ref.name)
    await _move_revision(control, ref)


async def _move_revision(control: Control, ref: FunctionRef) -> None:
    while True:
        alias = lookup.alias(control, ref)
        if alias:
            try:
                return await control.aliases.update(replace(alias, revision=new_revision()), alias.revision)
            except PreconditionFailed:
                continue  # changed meanwhile; look again
        stored = lookup.version(control, ref)
        if await control.functions.settle(replace(stored, revision=new_revision()), stored.revision):
            return None
