"""PublishLayerVersion, GetLayerVersion, GetLayerVersionByArn, ListLayers, ListLayerVersions and DeleteLayerVersion."""

from collections.abc import Iterator, Mapping
from typing import Any

from lambent.arns import LayerRef, parse_layer
from lambent.control import layer_grants, lookup, rules, signatures, sources
from lambent.control.control import Control
from lambent.errors import ResourceNotFound
from lambent.model import Document
from lambent.store.layers import EVERY, StoredLayer
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 50  # most layers or versions in an answer, whatever MaxItems says
_CHUNK = 100  # rows read at once while those that fit a filter are looked for


async def publish_layer_version(control: Control, call: Call) -> Document:
    asked = call.parameters
    rules.check_request_size(call.request.body, call.operation)
    ref = lookup.layer(call)
    if ref.account != call.account or ref.region != call.region:
        raise layer_grants.denied(call, "lambda:PublishLayerVersion", ref.arn)
    source = await sources.fetched(control, sources.zipped(call, asked["Content"], "layer content"))
    signed = await signatures.of_layer(control, source.package)
    with control.code_quota.claiming(ref.account, ref.region, source.size):
        async with control.blobs.storing(source.package) as code:
            layer = StoredLayer(
                account=ref.account, region=ref.region, name=ref.name, number=0,
                details=_details(control, asked) | signed, code_digest=code.digest, code_size=code.size,
            )  # fmt: skip
            published = await control.layers.publish(layer)
    return _document(control, call, published)


def _details(control: Control, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer shows of a version besides its names and its code; the lists only if they were given."""
    lists = ("CompatibleRuntimes", "CompatibleArchitectures")
    details: dict[str, Any] = {name: list(asked[name]) for name in lists if asked.get(name)}
    details |= {"Description": asked.get("Description") or "", "CreatedDate": control.timestamp()}
    return details | ({"LicenseInfo": asked["LicenseInfo"]} if asked.get("LicenseInfo") else {})


async def get_layer_version(control: Control, call: Call) -> Document:
    return _document(control, call, find(control, call, lookup.layer_version(call)))


async def get_layer_version_by_arn(control: Control, call: Call) -> Document:
    ref = parse_layer(call.parameters["Arn"], account=call.account, region=call.region)
    if ref is None or ref.version is None:
        raise ResourceNotFound("The resource you requested does not exist.")
    return _document(control, call, find(control, call, ref))


async def list_layers(control: Control, call: Call) -> Document:
    limit = min(call.parameters.get("MaxItems") or PAGE, PAGE)
    scope = f"lambda:ListLayers:{call.account}:{call.region}"
    found: list[Document] = []
    for layer in _newest_matching(control, call, markers.after(scope, call.parameters)):
        if len(found) == limit:
            return {"Layers": found, "NextMarker": markers.seal(scope, [found[-1]["LayerName"]])}
        found.append({"LayerName": layer.name, "LayerArn": layer.arn, "LatestMatchingVersion": _summary(layer)})
    return {"Layers": found}


def _newest_matching(control: Control, call: Call, after: str) -> Iterator[StoredLayer]:
    """Of each layer after a name the newest version that fits the filter."""
    while names := control.layers.names(call.account, call.region, after, _CHUNK):
        for name in names:
            newest = next(_matching(control, call, LayerRef(call.account, call.region, name)), None)
            if newest is not None:
                yield newest
        after = names[-1]


async def list_layer_versions(control: Control, call: Call) -> Document:
    """A layer that is not there has no versions, which is no error (as on AWS)."""
    limit = min(call.parameters.get("MaxItems") or PAGE, PAGE)
    ref = lookup.layer(call)
    if ref.account != call.account:
        raise layer_grants.denied(call, "lambda:ListLayerVersions", ref.arn)
    scope = f"lambda:ListLayerVersions:{ref.account}:{ref.region}:{ref.name}"
    before = int(markers.after(scope, call.parameters) or EVERY)
    found: list[Document] = []
    for layer in _matching(control, call, ref, before):
        if len(found) == limit:
            return {"LayerVersions": found, "NextMarker": markers.seal(scope, [str(found[-1]["Version"])])}
        found.append(_summary(layer))
    return {"LayerVersions": found}


def _matching(control: Control, call: Call, ref: LayerRef, before: int = EVERY) -> Iterator[StoredLayer]:
    """The versions below a number that fit CompatibleRuntime and CompatibleArchitecture, the newest first."""
    wanted = {
        "CompatibleRuntimes": call.parameters.get("CompatibleRuntime"),
        "CompatibleArchitectures": call.parameters.get("CompatibleArchitecture"),
    }
    while versions := control.layers.versions(ref.account, ref.region, ref.name, before, _CHUNK):
        for layer in versions:
            if all(value is None or value in layer.details.get(name, ()) for name, value in wanted.items()):
                yield layer
        before = versions[-1].number


async def delete_layer_version(control: Control, call: Call) -> Document:
    """What is not there counts as deleted. Functions that use the version go on with it: the code stays for them."""
    ref = lookup.layer_version(call)
    if ref.account != call.account:
        raise layer_grants.denied(call, "lambda:DeleteLayerVersion", ref.arn)
    assert ref.version is not None
    layer = control.layers.get(ref.account, ref.region, ref.name, ref.version)
    if layer is not None:
        await control.layers.delete(ref.account, ref.region, ref.name, ref.version)
        control.blobs.release([layer.code_digest], 0)
    return {}


def find(control: Control, call: Call, ref: LayerRef) -> StoredLayer:
    """The layer version, if the caller may have it. Raises ResourceNotFound, or AwsError for what is another's."""
    layer = control.layers.get(ref.account, ref.region, ref.name, ref.version or 0)
    if not layer_grants.may_get(control, call.account, ref, layer):
        raise layer_grants.denied(call, "lambda:GetLayerVersion", ref.arn)
    if layer is None:
        raise ResourceNotFound("The resource you requested does not exist.")
    return layer


def _summary(layer: StoredLayer) -> Document:
    """A LayerVersionsListItem."""
    return {"LayerVersionArn": layer.version_arn, "Version": layer.number} | signatures.without(layer.details)


def _document(control: Control, call: Call, layer: StoredLayer) -> Document:
    """A GetLayerVersionResponse."""
    stored = control.code.get(layer.code_digest)
    content = {
        "Location": lookup.location(control, call, layer.code_digest),
        "CodeSha256": stored.sha256_b64 if stored else "",
        "CodeSize": layer.code_size,
    }
    return _summary(layer) | {"LayerArn": layer.arn, "Content": content | signatures.only(layer.details)}
