"""PutFunctionRecursionConfig and GetFunctionRecursionConfig. What a loop is, `invoke/lineage.py` knows."""

from lambent.control import lookup
from lambent.control.control import Control
from lambent.model import Document
from lambent.wire.parse import Call


async def put_function_recursion_config(control: Control, call: Call) -> Document:
    ref = lookup.unqualified(call)
    lookup.latest(control, ref)
    loop = call.parameters["RecursiveLoop"]
    await control.invoke_configs.put_recursion(ref.account, ref.region, ref.name, loop)
    return {"RecursiveLoop": loop}


async def get_function_recursion_config(control: Control, call: Call) -> Document:
    ref = lookup.unqualified(call)
    lookup.latest(control, ref)
    return {"RecursiveLoop": control.invoke_configs.recursion(ref.account, ref.region, ref.name)}
