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
    return await _seal(control, asked["Environment"].get("Variables") or {}, _owner(ref))


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
    sources: dict[str, str] = {}  # what published versions were published from: before, after
    changed = [await _migrated(control, stored, sources) for stored in plain]
    for stored in changed:
        source = stored.config.get(SOURCE, "")
        await control.functions.store_config(
            replace(stored, config=stored.config | ({SOURCE: sources[source]} if source in sources else {}))
        )
    return len(changed)


async def _migrated(control: Control, stored: StoredVersion, sources: dict[str, str]) -> StoredVersion:
    ref = FunctionRef(stored.account, stored.region, stored.name, None)
    environment = await sealed(control, ref, stored.config)
    after = replace(stored, config=stored.config | environment)
    sources[fingerprint(stored)] = fingerprint(after)
    return after


async def _seal(control: Control, variables: dict[str, str], owner: str) -> Document:
    body = await control.capacity.seal(variables, owner)
    return {"Environment": {SEALED: base64.b64encode(body).decode()}}


def _owner(ref: FunctionRef) -> str:
    return function_arn(ref.account, ref.region, ref.name)


def _configurations(answer: Document) -> list[Document]:
    one = answer.get("Configuration", answer)
    return [one, *answer.get("Functions", ()), *answer.get("Versions", ())]


def _error(message: str) -> Document:
    return {"Error": {"ErrorCode": "KMSAccessDeniedException", "Message": message}}
