"""Code signing configurations, and which functions have them.

Source: the service model, the recording of cloudformation.resources.test_lambda, localstack-core 2026.3.0 (AWS's
sentences). What "ours" marks is not AWS's.
"""

import re
import secrets
import string
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from lambent.arns import function_arn
from lambent.control import documents, lookup, rules
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue, ResourceNotFound
from lambent.model import Document
from lambent.store.code_signing import Key, StoredSigning, gone
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 50

_PUBLISHER = re.compile(r"arn:aws[a-z-]*:signer:[a-z0-9-]+:\d{12}:/signing-profiles/.+")
_ALPHABET = string.ascii_lowercase + string.digits


async def create_code_signing_config(control: Control, call: Call) -> Document:
    asked = call.parameters
    rules.check_tags(asked.get("Tags") or {})
    config = StoredSigning(
        account=call.account, region=call.region, id="csc-" + "".join(secrets.choice(_ALPHABET) for _ in range(17)),
        publishers=_publishers(asked), policy=_policy(asked) or "Warn", description=asked.get("Description"),
        last_modified=control.timestamp(), tags=dict(asked.get("Tags") or {}),
    )  # fmt: skip
    await control.stores.code_signing.create(config)
    return {"CodeSigningConfig": _shown(config)}


async def get_code_signing_config(control: Control, call: Call) -> Document:
    return {"CodeSigningConfig": _shown(_existing(control, call))}


async def update_code_signing_config(control: Control, call: Call) -> Document:
    """What is not said stays as it was."""
    asked = call.parameters

    def change(found: StoredSigning) -> StoredSigning:
        return replace(
            found,
            publishers=_publishers(asked) if asked.get("AllowedPublishers") else found.publishers,
            policy=_policy(asked) or found.policy,
            description=found.description if asked.get("Description") is None else asked["Description"],
            last_modified=control.timestamp(),
        )

    changed = await control.stores.code_signing.change(_key(call), change)
    if changed is None:
        raise _missing(call)
    return {"CodeSigningConfig": _shown(changed)}


async def delete_code_signing_config(control: Control, call: Call) -> Document:
    if not await control.stores.code_signing.remove(_key(call)):
        raise _missing(call)
    return {}


async def list_code_signing_configs(control: Control, call: Call) -> Document:
    asked = call.parameters
    scope = f"lambda:ListCodeSigningConfigs:{call.account}:{call.region}"
    after = markers.after(scope, asked)
    limit = min(asked.get("MaxItems") or PAGE, PAGE)
    found = control.stores.code_signing.page(call.account, call.region, after, limit + 1)
    more = markers.more(scope, found, limit, lambda last: last.id)
    return {"CodeSigningConfigs": [_shown(config) for config in found[:limit]]} | more


async def list_functions_by_code_signing_config(control: Control, call: Call) -> Document:
    asked, config = call.parameters, _existing(control, call)
    scope = f"lambda:ListFunctionsByCodeSigningConfig:{config.arn}"
    after = markers.after(scope, asked)
    limit = min(asked.get("MaxItems") or PAGE, PAGE)
    found = control.stores.code_signing.functions(_key(call), after, limit + 1)
    more = markers.more(scope, found, limit, str)
    return {"FunctionArns": [function_arn(call.account, call.region, name) for name in found[:limit]]} | more


async def put_function_code_signing_config(control: Control, call: Call) -> Document:
    """Code that is there already is not looked at, as on AWS."""
    arn = call.parameters["CodeSigningConfigArn"]
    wanted(control, call, arn)
    ref = lookup.unqualified(call)
    if documents.is_image(lookup.latest(control, ref)):
        raise _only_zips()
    await control.stores.code_signing.attach(_parts(arn), ref.name)
    return {"CodeSigningConfigArn": arn, "FunctionName": ref.name}


async def get_function_code_signing_config(control: Control, call: Call) -> Document:
    """Nothing at all for a function that has none (recorded, says localstack-core)."""
    ref = lookup.unqualified(call)
    lookup.latest(control, ref)
    config = control.stores.code_signing.of(ref.account, ref.region, ref.name)
    return {"CodeSigningConfigArn": config.arn, "FunctionName": ref.name} if config else {}


async def delete_function_code_signing_config(control: Control, call: Call) -> Document:
    ref = lookup.unqualified(call)
    lookup.latest(control, ref)
    await control.stores.code_signing.detach(ref.account, ref.region, ref.name)
    return {}


def wanted(control: Control, call: Call, arn: str | None, package_type: str = "Zip") -> StoredSigning | None:
    """The configuration that CodeSigningConfigArn names. Raises CodeSigningConfigGone."""
    if not arn:
        return None
    if package_type == "Image":
        raise _only_zips()
    found = control.stores.code_signing.get(_parts(arn)) if _is_here(call, arn) else None
    if found is None:
        raise gone(arn)
    return found


def tags(control: Control, call: Call) -> dict[str, str]:
    """Those of the configuration that Resource names. Raises ResourceNotFound."""
    found = control.stores.code_signing.get(_tagged(call))
    if found is None:
        raise _nothing()
    return found.tags


async def change_tags(control: Control, call: Call, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    def changed(found: StoredSigning) -> StoredSigning:
        after = change(found.tags)
        rules.check_tags(after)
        return replace(found, tags=after)

    if await control.stores.code_signing.change(_tagged(call), changed) is None:
        raise _nothing()


def _publishers(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """As given. AWS takes profiles without a version too (recorded), though no signature is of one."""
    arns = asked["AllowedPublishers"]["SigningProfileVersionArns"]
    for arn in arns:
        if not _PUBLISHER.fullmatch(arn):  # ours
            raise InvalidParameterValue(f"{arn} is not the ARN of a signing profile version.")
    return tuple(arns)


def _policy(asked: Mapping[str, Any]) -> str | None:
    return (asked.get("CodeSigningPolicies") or {}).get("UntrustedArtifactOnDeployment")


def _shown(config: StoredSigning) -> Document:
    """A CodeSigningConfig; Description is there only if it was given."""
    described = {} if config.description is None else {"Description": config.description}
    return described | {
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": config.arn,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.publishers)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.policy},
        "LastModified": config.last_modified,
    }


def _existing(control: Control, call: Call) -> StoredSigning:
    found = control.stores.code_signing.get(_key(call))
    if found is None:
        raise _missing(call)
    return found


def _key(call: Call) -> Key:
    """What CodeSigningConfigArn names: another account's or region's is not there."""
    arn = call.parameters["CodeSigningConfigArn"]
    if not _is_here(call, arn):
        raise _missing(call)
    return _parts(arn)


def _tagged(call: Call) -> Key:
    arn = call.parameters["Resource"]
    if not _is_here(call, arn):
        raise _nothing()
    return _parts(arn)


def _is_here(call: Call, arn: str) -> bool:
    account, region, _ = _parts(arn)
    return (account, region) == (call.account, call.region)


def _parts(arn: str) -> Key:
    parts = arn.split(":")
    return parts[4], parts[3], parts[6]


def _missing(call: Call) -> ResourceNotFound:
    arn = call.parameters["CodeSigningConfigArn"]
    return ResourceNotFound(f"The Lambda code signing configuration {arn} can not be found.")


def _nothing() -> ResourceNotFound:
    return ResourceNotFound("The resource you requested does not exist.")


def _only_zips() -> InvalidParameterValue:
    return InvalidParameterValue("Code signing is not supported for functions created from container images.")  # ours
