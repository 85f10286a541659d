"""Which function does which operation of the Lambda API."""

from collections.abc import Awaitable, Callable

from lambent.control import environments
from lambent.control.account import get_account_settings
from lambent.control.aliases import create_alias, delete_alias, get_alias, list_aliases, update_alias
from lambent.control.capacity_providers import (
    create_capacity_provider,
    delete_capacity_provider,
    get_capacity_provider,
    list_capacity_providers,
    list_function_versions_by_capacity_provider,
    update_capacity_provider,
)
from lambent.control.code_signing import (
    create_code_signing_config,
    delete_code_signing_config,
    delete_function_code_signing_config,
    get_code_signing_config,
    get_function_code_signing_config,
    list_code_signing_configs,
    list_functions_by_code_signing_config,
    put_function_code_signing_config,
    update_code_signing_config,
)
from lambent.control.concurrency import (
    delete_function_concurrency,
    get_function_concurrency,
    put_function_concurrency,
)
from lambent.control.control import Control
from lambent.control.create import create_function
from lambent.control.function_scaling import get_function_scaling_config, put_function_scaling_config
from lambent.control.function_urls import (
    create_function_url_config,
    delete_function_url_config,
    get_function_url_config,
    list_function_url_configs,
    update_function_url_config,
)
from lambent.control.functions import delete_function, get_function, get_function_configuration, list_functions
from lambent.control.invoke_configs import (
    delete_function_event_invoke_config,
    get_function_event_invoke_config,
    list_function_event_invoke_configs,
    put_function_event_invoke_config,
    update_function_event_invoke_config,
)
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
from lambent.control.mappings import (
    create_event_source_mapping,
    delete_event_source_mapping,
    get_event_source_mapping,
    list_event_source_mappings,
    update_event_source_mapping,
)
from lambent.control.permissions import add_permission, get_policy, remove_permission
from lambent.control.provisioned import (
    delete_provisioned_concurrency_config,
    get_provisioned_concurrency_config,
    list_provisioned_concurrency_configs,
    put_provisioned_concurrency_config,
)
from lambent.control.recursion import get_function_recursion_config, put_function_recursion_config
from lambent.control.resource_policies import delete_resource_policy, get_resource_policy, put_resource_policy
from lambent.control.runtime_management import get_runtime_management_config, put_runtime_management_config
from lambent.control.tags import list_tags, tag_resource, untag_resource
from lambent.control.updates import update_function_code, update_function_configuration
from lambent.control.versions import list_versions_by_function, publish_version
from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.wire.parse import Call

Handler = Callable[[Control, Call], Awaitable[Document]]

operations: dict[str, Handler] = {
    "AddLayerVersionPermission": add_layer_version_permission,
    "AddPermission": add_permission,
    "CreateAlias": create_alias,
    "CreateCapacityProvider": create_capacity_provider,
    "CreateCodeSigningConfig": create_code_signing_config,
    "CreateEventSourceMapping": create_event_source_mapping,
    "CreateFunction": create_function,
    "CreateFunctionUrlConfig": create_function_url_config,
    "DeleteAlias": delete_alias,
    "DeleteCapacityProvider": delete_capacity_provider,
    "DeleteCodeSigningConfig": delete_code_signing_config,
    "DeleteEventSourceMapping": delete_event_source_mapping,
    "DeleteFunction": delete_function,
    "DeleteFunctionCodeSigningConfig": delete_function_code_signing_config,
    "DeleteFunctionConcurrency": delete_function_concurrency,
    "DeleteFunctionEventInvokeConfig": delete_function_event_invoke_config,
    "DeleteFunctionUrlConfig": delete_function_url_config,
    "DeleteLayerVersion": delete_layer_version,
    "DeleteProvisionedConcurrencyConfig": delete_provisioned_concurrency_config,
    "DeleteResourcePolicy": delete_resource_policy,
    "GetAccountSettings": get_account_settings,
    "GetAlias": get_alias,
    "GetCapacityProvider": get_capacity_provider,
    "GetCodeSigningConfig": get_code_signing_config,
    "GetEventSourceMapping": get_event_source_mapping,
    "GetFunction": get_function,
    "GetFunctionCodeSigningConfig": get_function_code_signing_config,
    "GetFunctionConcurrency": get_function_concurrency,
    "GetFunctionConfiguration": get_function_configuration,
    "GetFunctionEventInvokeConfig": get_function_event_invoke_config,
    "GetFunctionRecursionConfig": get_function_recursion_config,
    "GetFunctionScalingConfig": get_function_scaling_config,
    "GetFunctionUrlConfig": get_function_url_config,
    "GetLayerVersion": get_layer_version,
    "GetLayerVersionByArn": get_layer_version_by_arn,
    "GetLayerVersionPolicy": get_layer_version_policy,
    "GetPolicy": get_policy,
    "GetProvisionedConcurrencyConfig": get_provisioned_concurrency_config,
    "GetRuntimeManagementConfig": get_runtime_management_config,
    "GetResourcePolicy": get_resource_policy,
    "ListAliases": list_aliases,
    "ListCapacityProviders": list_capacity_providers,
    "ListCodeSigningConfigs": list_code_signing_configs,
    "ListEventSourceMappings": list_event_source_mappings,
    "ListFunctionEventInvokeConfigs": list_function_event_invoke_configs,
    "ListFunctionUrlConfigs": list_function_url_configs,
    "ListFunctionVersionsByCapacityProvider": list_function_versions_by_capacity_provider,
    "ListFunctions": list_functions,
    "ListFunctionsByCodeSigningConfig": list_functions_by_code_signing_config,
    "ListLayerVersions": list_layer_versions,
    "ListLayers": list_layers,
    "ListProvisionedConcurrencyConfigs": list_provisioned_concurrency_configs,
    "ListTags": list_tags,
    "ListVersionsByFunction": list_versions_by_function,
    "PublishLayerVersion": publish_layer_version,
    "PublishVersion": publish_version,
    "PutFunctionCodeSigningConfig": put_function_code_signing_config,
    "PutFunctionConcurrency": put_function_concurrency,
    "PutFunctionEventInvokeConfig": put_function_event_invoke_config,
    "PutFunctionRecursionConfig": put_function_recursion_config,
    "PutFunctionScalingConfig": put_function_scaling_config,
    "PutProvisionedConcurrencyConfig": put_provisioned_concurrency_config,
    "PutRuntimeManagementConfig": put_runtime_management_config,
    "PutResourcePolicy": put_resource_policy,
    "RemoveLayerVersionPermission": remove_layer_version_permission,
    "RemovePermission": remove_permission,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateAlias": update_alias,
    "UpdateCapacityProvider": update_capacity_provider,
    "UpdateCodeSigningConfig": update_code_signing_config,
    "UpdateEventSourceMapping": update_event_source_mapping,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
    "UpdateFunctionEventInvokeConfig": update_function_event_invoke_config,
    "UpdateFunctionUrlConfig": update_function_url_config,
}


async def handle(control: Control, call: Call) -> Document:
    """Do an operation of the control plane. Raises NotImplementedYet, which names it, if it is not built."""
    handler = operations.get(call.operation)
    if handler is None:
        raise NotImplementedYet(f"Lambent does not support the operation {call.operation} yet.")
    control.guard.check(call)
    return await environments.show(control, await handler(control, call))
