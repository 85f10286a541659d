"""Which function does which operation of the Lambda API."""

from collections.abc import Awaitable, Callable

from lambent.control import environments
from lambent.control.account import get_account_settings
from lambent.control.aliases import create_alias, delete_alias, get_alias, list_aliases, update_alias
from lambent.control.control import Control
from lambent.control.create import create_function
from lambent.control.functions import delete_function, get_function, get_function_configuration, list_functions
from lambent.control.layer_grants import (
    add_layer_version_permission,
    get_layer_version_policy,
    remove_layer_version_permission,
)
from lambent.control.layers import (
    delete_layer_version,
    get_layer_version,
    get_layer_version_by_arn,
    list_layer_versions,
    list_layers,
    publish_layer_version,
)
from lambent.control.tags import list_tags, tag_resource, untag_resource
from lambent.control.updates import update_function_code, update_function_configuration
from lambent.control.versions import list_versions_by_function, publish_version
from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.wire.parse import Call

Handler = Callable[[Control, Call], Awaitable[Document]]

operations: dict[str, Handler] = {
    "AddLayerVersionPermission": add_layer_version_permission,
    "CreateAlias": create_alias,
    "CreateFunction": create_function,
    "DeleteAlias": delete_alias,
    "DeleteFunction": delete_function,
    "DeleteLayerVersion": delete_layer_version,
    "GetAccountSettings": get_account_settings,
    "GetAlias": get_alias,
    "GetFunction": get_function,
    "GetFunctionConfiguration": get_function_configuration,
    "GetLayerVersion": get_layer_version,
    "GetLayerVersionByArn": get_layer_version_by_arn,
    "GetLayerVersionPolicy": get_layer_version_policy,
    "ListAliases": list_aliases,
    "ListFunctions": list_functions,
    "ListLayerVersions": list_layer_versions,
    "ListLayers": list_layers,
    "ListTags": list_tags,
    "ListVersionsByFunction": list_versions_by_function,
    "PublishLayerVersion": publish_layer_version,
    "PublishVersion": publish_version,
    "RemoveLayerVersionPermission": remove_layer_version_permission,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateAlias": update_alias,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
}


async def handle(control: Control, call: Call) -> Document:
    """Do an operation of the control plane. Raises NotImplementedYet, which names it, if it is not built."""
    handler = operations.get(call.operation)
    if handler is None:
        raise NotImplementedYet(f"Lambent does not support the operation {call.operation} yet.")
    return await environments.show(control, await handler(control, call))
