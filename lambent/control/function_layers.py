"""The layers of a function: which may be given, what is kept of them, and how much they may be together."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from lambent.arns import parse_layer
from lambent.control import layer_grants, rules, signatures
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue
from lambent.store.functions import StoredVersion
from lambent.store.layers import StoredLayer
from lambent.wire.parse import Call

MOST_LAYERS = 5
_AWS_OWN = re.compile(r"arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+")


class Chosen(msgspec.Struct, frozen=True):
    """The layers that a request chose, in its order: as the API shows them, and the code to attach."""

    shown: list[dict[str, Any]] = []
    digests: tuple[str, ...] = ()

    def on(self, stored: StoredVersion) -> StoredVersion:
        """`stored` with these layers instead of those it had. Without any, the member is not shown (as on AWS)."""
        config = {name: value for name, value in stored.config.items() if name != "Layers"}
        return replace(
            stored, config=config | ({"Layers": self.shown} if self.shown else {}), layer_digests=self.digests
        )


def choose(control: Control, call: Call, arns: Sequence[str]) -> Chosen:
    """The layers that these ARNs name. Raises what AWS answers for one that cannot be used."""
    if len(arns) > MOST_LAYERS:
        raise InvalidParameterValue(f"Cannot reference more than {MOST_LAYERS} layers.")
    chosen: dict[str, StoredLayer] = {}  # by layer ARN without a version
    for arn in arns:
        layer = _find(control, call, arn)
        former = chosen.setdefault(layer.arn, layer)
        if former is not layer:
            raise InvalidParameterValue(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{former.version_arn} and {layer.version_arn} are versions of the same layer."
            )
    layers = list(chosen.values())
    shown = [
        {"Arn": layer.version_arn, "CodeSize": layer.code_size} | signatures.only(layer.details) for layer in layers
    ]
    # Of two with the same contents the earlier would be hidden whole, and the kernel refuses to stack them.
    last = dict.fromkeys(layer.code_digest for layer in reversed(layers))
    return Chosen(shown, tuple(reversed(last)))


def _find(control: Control, call: Call, arn: str) -> StoredLayer:
    ref = parse_layer(arn, account=call.account, region=call.region)
    if ref is None or ref.version is None or _AWS_OWN.fullmatch(arn):
        raise InvalidParameterValue(f"Layer version {arn} does not exist.")
    layer = control.layers.get(ref.account, ref.region, ref.name, ref.version)
    if not layer_grants.may_get(control, call.account, ref, layer):
        raise layer_grants.denied(call, layer_grants.GET, arn)
    if ref.region != call.region:
        raise InvalidParameterValue(
            f"Layers are not in the same region as the function. Layers are expected to be in region {call.region}."
        )
    if layer is None:
        raise InvalidParameterValue(f"Layer version {arn} does not exist.")
    return layer


def check_size(control: Control, stored: StoredVersion) -> StoredVersion:
    """`stored`, if its code and layers together are not too big unpacked; raises InvalidParameterValue."""
    if not stored.layer_digests:
        return stored  # the code alone was measured when it was unpacked
    packages = [control.code.get(digest) for digest in (stored.code_digest, *stored.layer_digests)]
    size = sum(package.unpacked_size for package in packages if package is not None)
    if size > rules.UNZIPPED_BYTES:
        raise InvalidParameterValue(
            f"Function code combined with layers exceeds the maximum allowed size of {rules.UNZIPPED_BYTES} bytes. "
            f"The actual size is {size} bytes."
        )
    return stored
