"""Who may use another account's layer: AddLayerVersionPermission, RemoveLayerVersionPermission, GetLayerVersionPolicy.

A layer is its account's own until a statement names another account, an organisation's, or everybody.
"""

import asyncio
import hashlib
from typing import Any

import msgspec

from lambent.arns import LayerRef
from lambent.control import guard, lookup, permits, policy_documents
from lambent.control.control import Control
from lambent.errors import AwsError, InvalidParameterValue, PreconditionFailed, ResourceNotFound
from lambent.model import Document
from lambent.store.layers import LayerGrant, StoredLayer
from lambent.wire.parse import Call

GET = "lambda:GetLayerVersion"


async def add_layer_version_permission(control: Control, call: Call) -> Document:
    asked = call.parameters
    layer = _own(control, call)
    async with _turn(control, layer):
        _check_revision(control, layer, asked.get("RevisionId"))
        organization = asked.get("OrganizationId") or ""
        if organization and asked["Principal"] != "*":
            raise InvalidParameterValue("OrganizationId is only supported with the principal *.")
        grant = LayerGrant(statement_id=asked["StatementId"], principal=asked["Principal"], organization=organization)
        size = len(_policy(layer, [*control.layers.grants(layer), grant]))
        if size > policy_documents.LIMIT:
            raise policy_documents.too_long(size)
        await control.layers.grant(layer, grant)
        return {"Statement": _text(_statement(layer, grant)), "RevisionId": _revision(control, layer)}


async def remove_layer_version_permission(control: Control, call: Call) -> Document:
    asked = call.parameters
    layer = _own(control, call)
    async with _turn(control, layer):
        _check_revision(control, layer, asked.get("RevisionId"))
        if not await control.layers.revoke(layer, asked["StatementId"]):
            raise ResourceNotFound(f"Statement {asked['StatementId']} is not found in resource policy.")
    return {}


def _turn(control: Control, layer: StoredLayer) -> asyncio.Lock:
    """Held from looking at a policy's revision until it has another one. No function has a name like this."""
    return control.turn(layer.account, layer.region, layer.version_arn)


async def get_layer_version_policy(control: Control, call: Call) -> Document:
    layer = _own(control, call)
    grants = control.layers.grants(layer)
    if not grants:
        raise ResourceNotFound("No policy is associated with the given resource.")
    return {"Policy": _policy(layer, grants), "RevisionId": _revision(control, layer)}


def may_get(control: Control, account: str, ref: LayerRef, layer: StoredLayer | None) -> bool:
    """Whether `account` may use a layer version: its own always; another's only if a statement says so."""
    if ref.account == account:
        return True
    wanted = {account, f"arn:aws:iam::{account}:root", "*"}
    ours = ("", control.settings.organization)  # that of all accounts here, if they belong to one
    return layer is not None and any(
        grant.principal in wanted and grant.organization in ours for grant in control.layers.grants(layer)
    )


def denied(call: Call, action: str, arn: str) -> AwsError:
    return permits.denied(guard.caller(call), action, arn)


def _own(control: Control, call: Call) -> StoredLayer:
    """The caller's own layer version that the request names."""
    ref = lookup.layer_version(call)
    if ref.account != call.account:
        raise denied(call, f"lambda:{call.operation}", ref.arn)
    layer = control.layers.get(ref.account, ref.region, ref.name, ref.version or 0)
    if layer is None:
        raise ResourceNotFound(f"Layer version {ref.arn} does not exist.")
    return layer


def _statement(layer: StoredLayer, grant: LayerGrant) -> dict[str, Any]:
    account = grant.principal.isdigit()
    condition = {"StringEquals": {"aws:PrincipalOrgID": grant.organization}}
    return {
        "Sid": grant.statement_id,
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{grant.principal}:root"} if account else grant.principal,
        "Action": GET,
        "Resource": layer.version_arn,
    } | ({"Condition": condition} if grant.organization else {})


def _policy(layer: StoredLayer, grants: list[LayerGrant]) -> str:
    statements = [_statement(layer, grant) for grant in grants]
    return _text({"Version": "2012-10-17", "Id": "default", "Statement": statements})


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _revision(control: Control, layer: StoredLayer) -> str:
    """Changes with the policy and with nothing else, so it is made of it."""
    digest = hashlib.sha256(_policy(layer, control.layers.grants(layer)).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def _check_revision(control: Control, layer: StoredLayer, wanted: str | None) -> None:
    if wanted and wanted != _revision(control, layer):
        raise PreconditionFailed(
            "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to "
            "retrieve the latest Revision Id"  # there is no such operation, but AWS says so
        )
