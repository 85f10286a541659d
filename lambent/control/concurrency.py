"""PutFunctionConcurrency, GetFunctionConcurrency and DeleteFunctionConcurrency: reserved concurrency.

Source: lambda-semantics.md §7; localstack-core 2026.3.0 for the order of the checks (recorded).
"""

from msgspec.structs import replace

from lambent.arns import FunctionRef
from lambent.control import claims, lookup
from lambent.control.control import Control
from lambent.model import Document
from lambent.store.functions import LATEST
from lambent.wire.parse import Call


async def put_function_concurrency(control: Control, call: Call) -> Document:
    ref = lookup.unqualified(call)
    reserved, limit = call.parameters["ReservedConcurrentExecutions"], control.settings.concurrency
    async with control.turn(ref.account, ref.region, ref.name):
        lookup.version(control, replace(ref, qualifier=LATEST))  # AWS names $LATEST here when there is no function
        await control.concurrency.reserve(
            ref.account, ref.region, ref.name, reserved,
            lambda found: claims.check_reserved(found, ref.name, reserved, limit),
        )  # fmt: skip
    control.capacity.limits_changed(ref.account, ref.region, ref.name)
    return {"ReservedConcurrentExecutions": reserved}


async def get_function_concurrency(control: Control, call: Call) -> Document:
    ref = lookup.unqualified(call)
    lookup.latest(control, ref)
    return shown(control, ref)


async def delete_function_concurrency(control: Control, call: Call) -> Document:
    """Nothing reserved counts as deleted, but the function has to be there."""
    ref = lookup.unqualified(call)
    async with control.turn(ref.account, ref.region, ref.name):
        lookup.latest(control, ref)
        await control.concurrency.unreserve(ref.account, ref.region, ref.name)
    control.capacity.limits_changed(ref.account, ref.region, ref.name)
    return {}


def shown(control: Control, ref: FunctionRef) -> Document:
    """Concurrency as GetFunction has it: empty if nothing is reserved, which is not the same as 0."""
    reserved = control.concurrency.reserved(ref.account, ref.region, ref.name)
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}
