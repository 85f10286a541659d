"""Event invoke configs: how asynchronous invocations of $LATEST, a version or an alias are treated.

Source: lambda-semantics.md §4; localstack-core 2026.3.0 for words and order of the refusals (recorded).
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambent.arns import FunctionRef
from lambent.control import destinations, lookup
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue, ResourceNotFound
from lambent.model import Document
from lambent.store.functions import LATEST
from lambent.store.invoke_configs import Change, StoredInvokeConfig
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 50

_SETTINGS = ("MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig")


async def put_function_event_invoke_config(control: Control, call: Call) -> Document:
    """Takes the place of whatever there was, also where the request says nothing."""
    ref = _addressed(control, call)

    def change(before: StoredInvokeConfig | None) -> StoredInvokeConfig:
        return _changed(_nothing(ref), call.parameters, control.clock.epoch())

    return await _change(control, ref, call, change)


async def update_function_event_invoke_config(control: Control, call: Call) -> Document:
    """Changes what the request says; DestinationConfig is one thing."""
    ref = _addressed(control, call)
    if control.invoke_configs.find(*_key(ref)) is None:
        raise _has_none(ref)

    def change(before: StoredInvokeConfig | None) -> StoredInvokeConfig:
        if before is None:
            raise _has_none(ref)
        return _changed(before, call.parameters, control.clock.epoch())

    return await _change(control, ref, call, change)


async def get_function_event_invoke_config(control: Control, call: Call) -> Document:
    ref = lookup.named(call)
    found = control.invoke_configs.find(*_key(ref))
    if found is None:
        raise _has_none(ref)
    return _shown(found)


async def list_function_event_invoke_configs(control: Control, call: Call) -> Document:
    asked = call.parameters
    ref = replace(lookup.named(call), qualifier=None)
    _require(control, ref)
    key = (ref.account, ref.region, ref.name)
    scope = f"lambda:ListFunctionEventInvokeConfigs:{':'.join(key)}"
    after = markers.after(scope, asked)
    limit = min(asked.get("MaxItems") or PAGE, PAGE)
    found = control.invoke_configs.list(*key, after=after, limit=limit + 1)
    more = markers.more(scope, found, limit, lambda last: last.qualifier)
    return {"FunctionEventInvokeConfigs": [_shown(config) for config in found[:limit]]} | more


async def delete_function_event_invoke_config(control: Control, call: Call) -> Document:
    ref = lookup.named(call)
    if not await control.invoke_configs.remove(*_key(ref)):
        raise _has_none(ref)
    return {}


async def _change(control: Control, ref: FunctionRef, call: Call, change: Change) -> Document:
    destinations.check(control, ref, call.parameters.get("DestinationConfig") or {})
    return _shown(await control.invoke_configs.change(*_key(ref), change))


def _addressed(control: Control, call: Call) -> FunctionRef:
    """What a Put or an Update is about, which is there. Raises InvalidParameterValue, ResourceNotFound."""
    if all(call.parameters.get(setting) is None for setting in _SETTINGS):
        raise InvalidParameterValue("You must specify at least one of error handling or destination setting.")
    ref = lookup.named(call)
    _require(control, ref)
    return ref


def _require(control: Control, ref: FunctionRef) -> None:
    try:
        lookup.version(control, ref)
    except ResourceNotFound:
        raise ResourceNotFound("The function doesn't exist.") from None


def _key(ref: FunctionRef) -> tuple[str, str, str, str]:
    return ref.account, ref.region, ref.name, ref.qualifier or LATEST


def _has_none(ref: FunctionRef) -> ResourceNotFound:
    arn = replace(ref, qualifier=ref.qualifier or LATEST).arn
    return ResourceNotFound(f"The function {arn} doesn't have an EventInvokeConfig")


def _nothing(ref: FunctionRef) -> StoredInvokeConfig:
    account, region, name, qualifier = _key(ref)
    return StoredInvokeConfig(account=account, region=region, name=name, qualifier=qualifier, last_modified=0.0)


def _changed(before: StoredInvokeConfig, asked: Mapping[str, Any], now: float) -> StoredInvokeConfig:
    changes: dict[str, Any] = {"last_modified": now}
    if asked.get("MaximumEventAgeInSeconds") is not None:
        changes["max_age_s"] = asked["MaximumEventAgeInSeconds"]
    if asked.get("MaximumRetryAttempts") is not None:
        changes["max_retries"] = asked["MaximumRetryAttempts"]
    wanted = asked.get("DestinationConfig")
    if wanted is not None:
        changes["on_success"] = destinations.chosen(wanted, "OnSuccess")
        changes["on_failure"] = destinations.chosen(wanted, "OnFailure")
    return replace(before, **changes)


def _shown(config: StoredInvokeConfig) -> Document:
    """A FunctionEventInvokeConfig: without what was never said, but with both sides of DestinationConfig (recorded)."""
    document: Document = {
        "LastModified": config.last_modified,
        "FunctionArn": config.arn,
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }
    if config.max_age_s is not None:
        document["MaximumEventAgeInSeconds"] = config.max_age_s
    if config.max_retries is not None:
        document["MaximumRetryAttempts"] = config.max_retries
    return document
