"""Environment variables in the control plane: sealed before they are stored, opened only in an answer."""

import base64
from typing import Any

from msgspec.structs import replace

from lambent.arns import FunctionRef, function_arn
from lambent.control.control import Control
from lambent.control.documents import SOURCE, fingerprint
from lambent.model import Document
from lambent.store.functions import StoredVersion

SEALED = "Sealed"  # the member of a stored Environment that takes the place of Variables: base64


async def sealed(control: Control, ref: FunctionRef, asked: dict[str, Any]) -> Document:
    """What of a configuration follows from the Environment in a request: nothing if there is none."""
    if asked.get("Environment") is None:
        return {}
    body = await control.capacity.seal(asked["Environment"].get("Variables") or {}, _owner(ref))
    return {"Environment": {SEALED: base64.b64encode(body).decode()}}


async def show(control: Control, answer: Document) -> Document:
    """`answer` with the variables of its functions in place of what is stored of them."""
    hidden = [each for each in _configurations(answer) if SEALED in (each.get("Environment") or {})]
    if hidden:
        wanted = [
            (base64.b64decode(each["Environment"][SEALED]), ":".join(each["FunctionArn"].split(":")[:7]))
            for each in hidden
        ]
        for each, opened in zip(hidden, await control.capacity.open(wanted), strict=True):
            each["Environment"] = {"Variables": opened} if isinstance(opened, dict) else _error(opened)
    return answer


async def migrate(control: Control) -> int:
    """Seal what an older Lambent stored as it was; how many versions that were. Raises SandboxError."""
    plain = control.functions.unsealed()
    sealed_ones = [await _migrated(control, stored) for stored in plain]
    # What a version was published from is told by a digest, in which the variables were readable to who can guess.
    sources = {
        (_owner(before), fingerprint(before)): fingerprint(after)
        for before, after in zip(plain, sealed_ones, strict=True)
    }
    for stored in sealed_ones:
        config = stored.config
        if SOURCE in config:
            config = config | {SOURCE: sources.get((_owner(stored), config[SOURCE]), "")}
        await control.functions.store_config(replace(stored, config=config))
    return len(plain)


async def _migrated(control: Control, stored: StoredVersion) -> StoredVersion:
    ref = FunctionRef(stored.account, stored.region, stored.name, None)
    return replace(stored, config=stored.config | await sealed(control, ref, stored.config))


def _owner(named: FunctionRef | StoredVersion) -> str:
    return function_arn(named.account, named.region, named.name)


def _configurations(answer: Document) -> list[Document]:
    one = answer.get("Configuration", answer)
    return [one, *answer.get("Functions", ()), *answer.get("Versions", ())]


def _error(message: str) -> Document:
    return {"Error": {"ErrorCode": "KMSAccessDeniedException", "Message": message}}
