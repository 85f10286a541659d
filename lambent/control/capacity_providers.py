"""Capacity providers: kept, checked and listed. They describe EC2 fleets, and there is no EC2 here, so a function that
names one is refused (decision 0031).

Sources: lambda-semantics.md §20, §28, §30; the service model; sentences that users of AWS have reported (Managed
Instances, 2026): scaling policies with Auto, and CapacityProviderConfig on an ordinary function.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from lambent.control import rules
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue, ResourceNotFound
from lambent.model import Document
from lambent.store.capacity_providers import StoredProvider, provider_arn
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 50
MOST_VCPUS = 400  # of a fleet that says nothing else

_ARN = re.compile(r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):capacity-provider:(?P<name>.+)")

Key = tuple[str, str, str]  # account, region, name


async def create_capacity_provider(control: Control, call: Call) -> Document:
    asked = call.parameters
    key = _own(call, asked["CapacityProviderName"])
    _check(asked)
    rules.check_tags(asked.get("Tags") or {})
    details = {name: asked[name] for name in ("VpcConfig", "PermissionsConfig")}
    details |= {
        "InstanceRequirements": asked.get("InstanceRequirements") or {"Architectures": ["x86_64"]},
        "CapacityProviderScalingConfig": _scaling(asked.get("CapacityProviderScalingConfig") or {}),
    }
    details |= {name: asked[name] for name in ("KmsKeyArn", "PropagateTags") if asked.get(name)}
    details |= _telemetry(asked, key[2])
    provider = StoredProvider(
        account=key[0], region=key[1], name=key[2], details=details, tags=dict(asked.get("Tags") or {}),
        last_modified=control.timestamp(),
    )  # fmt: skip
    await control.stores.capacity_providers.create(provider)
    return {"CapacityProvider": shown(provider, "Pending")}


async def get_capacity_provider(control: Control, call: Call) -> Document:
    return {"CapacityProvider": shown(_find(control, call))}


async def list_capacity_providers(control: Control, call: Call) -> Document:
    """All of them are Active: a fleet that nobody starts has no other state to be in."""
    asked = call.parameters
    scope = f"lambda:ListCapacityProviders:{call.account}:{call.region}:{asked.get('State', '')}"
    after = markers.after(scope, asked)
    if asked.get("State", "Active") != "Active":
        return {"CapacityProviders": []}
    limit = min(asked.get("MaxItems") or PAGE, PAGE)
    found = control.stores.capacity_providers.page(call.account, call.region, after, limit + 1)
    more = markers.more(scope, found, limit, lambda last: last.name)
    return {"CapacityProviders": [shown(provider) for provider in found[:limit]]} | more


async def update_capacity_provider(control: Control, call: Call) -> Document:
    asked = call.parameters
    current = _find(control, call)
    _check(asked)

    def change(found: StoredProvider) -> StoredProvider:
        return replace(found, details=found.details | _changes(asked, found), last_modified=control.timestamp())

    changed = await control.stores.capacity_providers.change(current.account, current.region, current.name, change)
    return {"CapacityProvider": shown(changed, "Pending")}


def _changes(asked: Mapping[str, Any], found: StoredProvider) -> Document:
    changes: Document = {"PropagateTags": asked["PropagateTags"]} if asked.get("PropagateTags") else {}
    if asked.get("CapacityProviderScalingConfig") is not None:
        changes["CapacityProviderScalingConfig"] = _scaling(asked["CapacityProviderScalingConfig"])
    return changes | _telemetry(asked, found.name)


async def delete_capacity_provider(control: Control, call: Call) -> Document:
    """Nothing holds it: AWS refuses while function versions are on it, and here there can be none."""
    provider = _find(control, call)
    if not await control.stores.capacity_providers.delete(provider.account, provider.region, provider.name):
        raise _not_found((provider.account, provider.region, provider.name))
    return {"CapacityProvider": shown(provider, "Deleting")}


async def list_function_versions_by_capacity_provider(control: Control, call: Call) -> Document:
    provider = _find(control, call)
    if call.parameters.get("Marker"):  # no list of these ever goes on, so nobody was given one
        raise InvalidParameterValue("Invalid pagination token provided.")
    return {"CapacityProviderArn": provider.arn, "FunctionVersions": []}


def refuse_use(control: Control, call: Call) -> None:
    """CapacityProviderConfig of a new function: raises ResourceNotFound, or InvalidParameterValue that says why not."""
    asked = call.parameters.get("CapacityProviderConfig")
    if asked is None:
        return
    arn = asked["LambdaManagedInstancesCapacityProviderConfig"]["CapacityProviderArn"]
    key = _key(arn, call.account, call.region)
    if _own_one(control, key, call.account, call.region) is None:
        raise _not_found(key)
    raise InvalidParameterValue(
        f"Lambent cannot run a function on the capacity provider {provider_arn(*key)}: it runs functions on this "
        "machine and starts no EC2 instances. Remove CapacityProviderConfig from the request and try again."
    )


def refuse_change(asked: Mapping[str, Any] | None) -> None:
    """CapacityProviderConfig for a function that has none, as all of them here. Raises InvalidParameterValue."""
    if asked is not None:
        raise InvalidParameterValue("CapacityProviderConfig isn't supported for Lambda Default functions.")


def tags(control: Control, call: Call) -> dict[str, str]:
    """The tags of the provider that Resource names. Raises ResourceNotFound."""
    return _find(control, call, "Resource").tags


async def change_tags(control: Control, call: Call, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Tag it as `change` says of what it has. Raises ResourceNotFound, InvalidParameterValue for too many."""
    provider = _find(control, call, "Resource")

    def changed(found: StoredProvider) -> StoredProvider:
        tags = change(found.tags)
        rules.check_tags(tags)
        return replace(found, tags=tags)

    await control.stores.capacity_providers.change(provider.account, provider.region, provider.name, changed)


def shown(provider: StoredProvider, state: str = "Active") -> Document:
    """The CapacityProvider of the API; a change is Pending in its own answer only, because nothing has to start."""
    return provider.details | {
        "CapacityProviderArn": provider.arn,
        "State": state,
        "LastModified": provider.last_modified,
    }


def _check(asked: Mapping[str, Any]) -> None:
    """Rules between members."""
    scaling = asked.get("CapacityProviderScalingConfig") or {}
    manual = scaling.get("ScalingMode", "Auto") == "Manual"
    if scaling.get("ScalingPolicies") and not manual:
        raise InvalidParameterValue("A scaling policy can't be specified when the scalingMode is set to Auto")
    if manual and not scaling.get("ScalingPolicies"):
        raise InvalidParameterValue("A scaling policy must be specified when the scalingMode is set to Manual")
    kinds = asked.get("InstanceRequirements") or {}
    if kinds.get("AllowedInstanceTypes") and kinds.get("ExcludedInstanceTypes"):
        raise InvalidParameterValue("AllowedInstanceTypes and ExcludedInstanceTypes can't be specified together")
    propagated = asked.get("PropagateTags") or {}
    if bool(propagated.get("ExplicitTags")) != (propagated.get("Mode") == "Explicit"):
        raise InvalidParameterValue("ExplicitTags must be specified if, and only if, the Mode is set to Explicit")


def _scaling(asked: Mapping[str, Any]) -> Document:
    return {"MaxVCpuCount": MOST_VCPUS, "ScalingMode": "Auto"} | dict(asked)


def _telemetry(asked: Mapping[str, Any], name: str) -> Document:
    if asked.get("TelemetryConfig") is None:
        return {}
    default = {"SystemLogLevel": "INFO", "LogGroup": f"/aws/lambda/capacity-provider/{name}"}
    return {"TelemetryConfig": {"LoggingConfig": default | (asked["TelemetryConfig"].get("LoggingConfig") or {})}}


def _find(control: Control, call: Call, member: str = "CapacityProviderName") -> StoredProvider:
    key = _key(call.parameters[member], call.account, call.region)
    provider = _own_one(control, key, call.account, call.region)
    if provider is None:
        raise _not_found(key)
    return provider


def _own_one(control: Control, key: Key, account: str, region: str) -> StoredProvider | None:
    """One of another account or region is as good as not there."""
    return control.stores.capacity_providers.get(*key) if key[:2] == (account, region) else None


def _own(call: Call, text: str) -> Key:
    key = _key(text, call.account, call.region)
    if key[:2] != (call.account, call.region):
        raise InvalidParameterValue("A capacity provider is made in the account and the Region of the request.")
    return key


def _key(text: str, account: str, region: str) -> Key:
    match = _ARN.fullmatch(text)
    return (match["account"], match["region"], match["name"]) if match else (account, region, text)


def _not_found(key: Key) -> ResourceNotFound:
    return ResourceNotFound(f"Capacity provider not found: {provider_arn(*key)}")
