"""Signatures of what is deployed: checked when code or layers are given to a function, and shown.

Sources: the developer guide (configuration-codesigning: four checks, and which of them a policy of Warn lets pass), the
service model's errors; the first sentence was reported by users of AWS.
"""

import asyncio
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lambent.arns import FunctionRef, parse_layer
from lambent.control.control import Control
from lambent.errors import AwsError
from lambent.model import Document
from lambent.signing import archives
from lambent.store.code_signing import StoredSigning
from lambent.wire.parse import Call

if TYPE_CHECKING:
    from lambent.signing.verdicts import Trusted, Verdict

SHOWN = ("SigningProfileVersionArn", "SigningJobArn")


async def check_code(control: Control, ref: FunctionRef, config: StoredSigning | None, package: bytes) -> Document:
    """What is shown of the signature of a function's zip. Raises AwsError where `config` does not let it pass."""
    if config is None and archives.SIGNATURE.encode() not in package:
        return {}  # most zips, without a thread
    verdict = await _judge(control, package)
    if config is not None:
        _enforce(control, ref, config, verdict, ref.name)
    return _shown(verdict)


async def check_layers(
    control: Control, call: Call, ref: FunctionRef, config: StoredSigning | None, arns: Sequence[str]
) -> None:
    """Layers that a function is given have to be signed as its code has. Raises AwsError."""
    for arn in arns if config else ():
        named = parse_layer(arn, account=call.account, region=call.region)
        layer = control.layers.get(named.account, named.region, named.name, named.version or 0) if named else None
        if layer is None or config is None:
            continue  # which is refused elsewhere
        package = await asyncio.to_thread(control.code.zip(layer.code_digest).read_bytes)
        _enforce(control, ref, config, await _judge(control, package), arn)


async def of_layer(control: Control, package: bytes) -> Document:
    """What is shown of the signature of a layer's zip; nothing is refused when a layer is published, as on AWS."""
    if archives.SIGNATURE.encode() not in package:
        return {}
    return _shown(await _judge(control, package))


def only(details: Document) -> Document:
    """What was shown of a signature, of all that is kept of something."""
    return {name: details[name] for name in SHOWN if name in details}


def without(config: Document) -> Document:
    """A version's configuration without what was shown of the signature of its former code."""
    return {name: value for name, value in config.items() if name not in SHOWN}


async def _judge(control: Control, package: bytes) -> "Verdict":
    from lambent.signing import verdicts

    store = control.stores.code_signing
    now = datetime.datetime.fromtimestamp(control.clock.epoch(), datetime.UTC)

    def find(arn: str) -> "Trusted | None":
        profile = store.profile(arn)
        return verdicts.trusted(arn, profile.certificates, own=profile.own) if profile else None

    return await asyncio.to_thread(verdicts.judge, package, find, store.is_revoked, now)


def _enforce(control: Control, ref: FunctionRef, config: StoredSigning, verdict: "Verdict", what: str) -> None:
    """1. Changed since it was signed: never deployed. 2. Not signed as wanted: by the policy. Both are counted."""
    if verdict.worth == "broken":
        control.mistrusted(ref, verdict.worth)
        raise AwsError(  # ours
            "Lambda cannot deploy the function. The code signature failed the integrity check: the function or layer "
            f"was changed after it had been signed. Check the provided signature for {what}.",
            code="InvalidCodeSignatureException", status=400,
        )  # fmt: skip
    if verdict.worth == "good" and verdict.profile_arn in config.publishers:
        return
    control.mistrusted(ref, verdict.worth)
    if config.policy == "Enforce":
        raise AwsError(
            "Lambda cannot deploy the function. The function or layer might be signed using a signature that the "
            f"client is not configured to accept. Check the provided signature for {what}.",
            code="CodeVerificationFailedException", status=400,
        )  # fmt: skip


def _shown(verdict: "Verdict") -> Document:
    return dict(zip(SHOWN, (verdict.profile_arn, verdict.job_arn), strict=True)) if verdict.profile_arn else {}
