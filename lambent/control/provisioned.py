"""Provisioned concurrency: PutProvisionedConcurrencyConfig and its Get, List and Delete.

Source: lambda-semantics.md §7; localstack-core 2026.3.0 for the order of the checks (recorded). What stands for how far
it is comes from the engine.
"""

import datetime

from lambent.arns import FunctionRef
from lambent.control import claims, lookup, snapstart
from lambent.control.control import Control
from lambent.errors import AwsError, InvalidParameterValue, ResourceConflict, ResourceNotFound
from lambent.model import Document
from lambent.store.concurrency import Claims, ProvisionedConfig
from lambent.store.functions import LATEST
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 50

_UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
_NO_QUALIFIED = "The function resource provided must be an alias or a published version."


async def put_provisioned_concurrency_config(control: Control, call: Call) -> Document:
    ref = _qualified(call, _UNPUBLISHED)
    return _shown(control, await provision(control, ref, call.parameters["ProvisionedConcurrentExecutions"]))


async def provision(control: Control, ref: FunctionRef, requested: int) -> ProvisionedConfig:
    """Keep `requested` environments for the version or alias that `ref` names, if all of AWS's rules allow it."""
    async with control.turn(ref.account, ref.region, ref.name):
        versions = _versions(control, ref)
        _check_versions(control, ref, versions)
        config = ProvisionedConfig(
            account=ref.account,
            region=ref.region,
            name=ref.name,
            qualifier=ref.qualifier or "",
            requested=requested,
            last_modified=control.clock.epoch(),
        )

        def judge(found: Claims) -> None:
            claims.check_provisioned(found, ref.name, config.qualifier, requested, control.settings.concurrency)
            _refuse_overlap(control, ref, versions, found)

        await control.concurrency.provision(config, judge)
    control.capacity.limits_changed(ref.account, ref.region, ref.name)
    return config


async def get_provisioned_concurrency_config(control: Control, call: Call) -> Document:
    ref = _qualified(call, _NO_QUALIFIED)
    _versions(control, ref)
    for config in control.concurrency.provisioned(ref.account, ref.region, ref.name):
        if config.qualifier == ref.qualifier:
            return _shown(control, config)
    raise AwsError(
        "No Provisioned Concurrency Config found for this function",
        code="ProvisionedConcurrencyConfigNotFoundException",
        status=404,
    )


async def list_provisioned_concurrency_configs(control: Control, call: Call) -> Document:
    asked = call.parameters
    ref = lookup.named(call)
    lookup.latest(control, ref)
    scope = f"lambda:ListProvisionedConcurrencyConfigs:{ref.account}:{ref.region}:{ref.name}"
    after = markers.after(scope, asked)
    limit = min(asked.get("MaxItems") or PAGE, PAGE)
    configs = control.concurrency.provisioned(ref.account, ref.region, ref.name)
    found = [config for config in configs if config.qualifier > after]
    shown = [{"FunctionArn": config.arn} | _shown(control, config) for config in found[:limit]]
    more = markers.more(scope, found, limit, lambda last: last.qualifier)
    return {"ProvisionedConcurrencyConfigs": shown} | more


async def delete_provisioned_concurrency_config(control: Control, call: Call) -> Document:
    """Nothing provisioned counts as deleted, as on AWS, but the version or alias has to be there."""
    ref = _qualified(call, _NO_QUALIFIED)
    async with control.turn(ref.account, ref.region, ref.name):
        _versions(control, ref)
        had_any = await control.concurrency.withdraw(ref.account, ref.region, ref.name, ref.qualifier or "")
    if had_any:
        control.capacity.limits_changed(ref.account, ref.region, ref.name)
    return {}


def _qualified(call: Call, refusal: str) -> FunctionRef:
    ref = lookup.named(call)
    if ref.qualifier == LATEST:
        raise InvalidParameterValue(refusal)
    return ref


def _versions(control: Control, ref: FunctionRef) -> tuple[str, ...]:
    """The versions that `ref` stands for, the main one first. Raises ResourceNotFound."""
    if not lookup.is_alias(ref.qualifier):
        return (lookup.version(control, ref).version,)
    alias = lookup.alias(control, ref)
    if alias is None:
        raise ResourceNotFound(f"Cannot find alias arn: {ref.arn}")
    return alias.versions


def _check_versions(control: Control, ref: FunctionRef, versions: tuple[str, ...]) -> None:
    """An alias that is split can have no provisioned concurrency set, though it keeps what it had (as on AWS)."""
    if len(versions) > 1:
        raise InvalidParameterValue("Alias with weights can not be used with Provisioned Concurrency")
    if versions[0] == LATEST:
        raise InvalidParameterValue(_UNPUBLISHED)
    if lookup.version(control, ref).config.get("TenancyConfig"):  # this and the next: AWS's rules, our sentences
        raise InvalidParameterValue("Provisioned Concurrency is not supported for functions with tenant isolation.")
    if snapstart.applies(lookup.version(control, ref).config):
        raise InvalidParameterValue("Provisioned Concurrency is not supported for SnapStart enabled functions.")


def _refuse_overlap(control: Control, ref: FunctionRef, versions: tuple[str, ...], found: Claims) -> None:
    """A version has provisioned concurrency of its own or by an alias, not both. Raises ResourceConflict."""
    taken = {qualifier for name, qualifier in found.provisioned if name == ref.name and qualifier != ref.qualifier}
    if lookup.is_alias(ref.qualifier):
        if taken.intersection(versions):
            raise ResourceConflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
            )
    elif taken.intersection(control.aliases.standing_for(ref.account, ref.region, ref.name, versions[0])):
        raise ResourceConflict("Version is pointed by a Provisioned Concurrency alias")


def _shown(control: Control, config: ProvisionedConfig) -> Document:
    how = control.capacity.allocation(config.account, config.region, config.name, config.qualifier)
    modified = datetime.datetime.fromtimestamp(config.last_modified, datetime.UTC)
    document: Document = {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AllocatedProvisionedConcurrentExecutions": how.allocated,
        "AvailableProvisionedConcurrentExecutions": how.available,
        "Status": how.status,
        "LastModified": f"{modified:%Y-%m-%dT%H:%M:%S}+0000",
    }
    return document | ({"StatusReason": how.reason} if how.reason else {})
