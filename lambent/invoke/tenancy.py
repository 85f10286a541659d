"""Tenant isolation: which tenant an invocation is for, and that it is for one exactly where there have to be tenants.

Source: "Tenant isolation", AWS Lambda Developer Guide. Decision 33.
"""

from msgspec.structs import replace

from lambent.errors import InvalidParameterValue
from lambent.model import Version


def version_for(version: Version, tenant: str) -> Version:
    """`version` with sandboxes that serve nobody but this tenant; itself where there are no tenants.

    Raises InvalidParameterValue for a function with tenants and none named, and the other way round.
    """
    if version.per_tenant is not bool(tenant):
        raise InvalidParameterValue(_NONE_NAMED if version.per_tenant else _NO_TENANTS)
    return replace(version, tenant=tenant) if tenant else version


_NONE_NAMED = (
    "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again."
)
_NO_TENANTS = (
    "The invoked function is not enabled for tenancy configuration. Remove the tenant ID from your request and try "
    "again."
)
