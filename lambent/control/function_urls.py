"""Function URLs' configuration: Create, Get, Update, Delete and ListFunctionUrlConfigs.

Sources: lambda-semantics.md §14.1 and §30; localstack-core 2026.3.0 for words and order of the refusals (recorded, as
is that InvokeMode is shown only if it was given).
"""

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from lambent.arns import FunctionRef
from lambent.control import lookup, url_address
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue, ResourceConflict, ResourceNotFound
from lambent.model import Document
from lambent.store.function_urls import NO_CORS, Cors, FunctionUrl
from lambent.store.functions import StoredVersion
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 50
METHODS = ("GET", "PUT", "HEAD", "POST", "PATCH", "DELETE")  # OPTIONS is the service's own
NO_FUNCTION = "Function does not exist"
NO_CONFIG = "The resource you requested does not exist."


async def create_function_url_config(control: Control, call: Call) -> Document:
    asked, ref = call.parameters, lookup.named(call)
    cors = _cors(asked.get("Cors"))
    function = _function(control, ref, NO_FUNCTION)
    if control.function_urls.get(*_key(ref)):
        raise _exists(ref)
    _require_alias(control, ref)
    _refuse_tenants(function)
    now = control.clock.epoch()
    url = FunctionUrl(
        account=ref.account, region=ref.region, name=ref.name, qualifier=ref.qualifier or "",
        url_id=url_address.new_id(), auth_type=asked["AuthType"], invoke_mode=asked.get("InvokeMode") or "",
        cors=cors, created=now, modified=now,
    )  # fmt: skip
    if not await control.function_urls.add(url):
        raise _exists(ref)
    document = _shown(control, call, url)
    del document["LastModifiedTime"]  # which this one operation does not tell
    return document


async def get_function_url_config(control: Control, call: Call) -> Document:
    return _shown(control, call, _existing(control, lookup.named(call)))


async def update_function_url_config(control: Control, call: Call) -> Document:
    """What is not said stays; an empty Cors ends it."""
    asked, ref = call.parameters, lookup.named(call)
    _function(control, ref, NO_FUNCTION)
    _require_alias(control, ref)
    changes: dict[str, Any] = {"modified": control.clock.epoch()}
    if asked.get("AuthType") is not None:
        changes["auth_type"] = asked["AuthType"]
    if asked.get("InvokeMode") is not None:
        changes["invoke_mode"] = asked["InvokeMode"]
    if asked.get("Cors") is not None:
        changes["cors"] = _cors(asked["Cors"])
    async with control.turn(ref.account, ref.region, ref.name):
        url = replace(_existing(control, ref), **changes)
        if not await control.function_urls.update(url):
            raise ResourceNotFound(NO_CONFIG)
    return _shown(control, call, url)


async def delete_function_url_config(control: Control, call: Call) -> Document:
    ref = lookup.named(call)
    _function(control, ref, NO_CONFIG)
    if not await control.function_urls.remove(*_key(ref)):
        raise ResourceNotFound(NO_CONFIG)
    return {}


async def list_function_url_configs(control: Control, call: Call) -> Document:
    """Of a function and its aliases, the function's own first."""
    asked, ref = call.parameters, lookup.named(call)
    _function(control, ref, NO_FUNCTION)
    scope = f"lambda:ListFunctionUrlConfigs:{ref.account}:{ref.region}:{ref.name}"
    after = markers.after(scope, asked) if asked.get("Marker") else None  # "" is a place: after the function's own
    limit = min(asked.get("MaxItems") or PAGE, PAGE)
    found = control.function_urls.list(ref.account, ref.region, ref.name, after, limit + 1)
    more = markers.more(scope, found, limit, lambda last: last.qualifier)
    return {"FunctionUrlConfigs": [_shown(control, call, url) for url in found[:limit]]} | more


# -- details


def _key(ref: FunctionRef) -> tuple[str, str, str, str]:
    return ref.account, ref.region, ref.name, ref.qualifier or ""


def _function(control: Control, ref: FunctionRef, missing: str) -> StoredVersion:
    try:
        return control.functions.get_version(ref.account, ref.region, ref.name)
    except ResourceNotFound:
        raise ResourceNotFound(missing) from None


def _require_alias(control: Control, ref: FunctionRef) -> None:
    if ref.qualifier and lookup.alias(control, ref) is None:
        raise ResourceNotFound(NO_FUNCTION)


def _existing(control: Control, ref: FunctionRef) -> FunctionUrl:
    found = control.function_urls.get(*_key(ref))
    if found is None:
        raise ResourceNotFound(NO_CONFIG)
    return found


def _exists(ref: FunctionRef) -> ResourceConflict:
    return ResourceConflict(
        f"Failed to create function url config for [functionArn = {ref.arn}]. Error message:  FunctionUrlConfig exists "
        "for this Lambda function"
    )


def _refuse_tenants(function: StoredVersion) -> None:
    if function.config.get("TenancyConfig"):
        raise InvalidParameterValue("Function URLs are not supported for functions with tenant isolation.")


def _cors(asked: Mapping[str, Any] | None) -> Cors:
    """The service model has seen to sizes; what a rule between the members forbids is refused here (§30)."""
    cors = msgspec.convert(asked, Cors) if asked else NO_CORS
    methods = cors.allow_methods or ()
    unknown = [method for method in methods if method not in (*METHODS, "*")]
    if unknown:
        raise InvalidParameterValue(
            f"Invalid value {unknown[0]} in AllowMethods: it can hold {', '.join(METHODS)}, or * alone."
        )
    for member, values in (("AllowMethods", methods), ("AllowOrigins", cors.allow_origins or ())):
        if "*" in values and len(values) > 1:
            raise InvalidParameterValue(f"{member} can hold the wildcard * only by itself.")
    return cors


def _shown(control: Control, call: Call, url: FunctionUrl) -> Document:
    """The FunctionUrlConfig; Cors and InvokeMode only if they were given."""
    host = call.request.headers.get("host", "")
    document: Document = {
        "FunctionUrl": url_address.url_of(url.url_id, url.region, control.settings, host),
        "FunctionArn": url.arn,
        "AuthType": url.auth_type,
        "CreationTime": _date(url.created),
        "LastModifiedTime": _date(url.modified),
    }
    cors = msgspec.to_builtins(url.cors)
    return document | ({"Cors": cors} if cors else {}) | ({"InvokeMode": url.invoke_mode} if url.invoke_mode else {})


def _date(epoch: float) -> str:
    """2026-01-31T12:00:00.000000Z"""
    moment = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
