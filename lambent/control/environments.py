"""Environment variables in the control plane: sealed before they are stored, opened only in an answer."""

import base64
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambent.arns import FunctionRef, function_arn
from lambent.control.control import Control
from lambent.control.documents import SOURCE, fingerprint
from lambent.errors import EnvironmentDenied
from lambent.model import Document
from lambent.store.functions import StoredVersion

SEALED = "Sealed"  # the member of a stored Environment that takes the place of Variables: base64


class MovedError(Exception):
    """The variables, or their key, are not any more what a change of them was made from."""


async def sealed(control: Control, ref: FunctionRef, asked: dict[str, Any]) -> Document:
    """What of a configuration follows from Environment and KMSKeyArn in a request: nothing if it has neither."""
    key = asked.get("KMSKeyArn") or ""
    shown = {"KMSKeyArn": key} if key else {}
    if asked.get("Environment") is None:
        return shown
    return shown | await _under(control, ref, asked["Environment"].get("Variables") or {}, key)


async def resealed(control: Control, current: StoredVersion, asked: dict[str, Any]) -> Document:
    """The same, for a function that has variables and a key already: each may change without the other. KMSKeyArn is
    empty if the variables are to be under no key that has a name. Raises EnvironmentDenied, SandboxError.
    """
    before = current.config.get("KMSKeyArn", "")
    key = before if asked.get("KMSKeyArn") is None else asked["KMSKeyArn"]
    environment = asked.get("Environment")
    if environment is None and (key == before or "Environment" not in current.config):
        return {"KMSKeyArn": key}
    variables = await _opened(control, current) if environment is None else environment.get("Variables") or {}
    return {"KMSKeyArn": key} | await _under(control, current, variables, key)


def check_unmoved(current: StoredVersion, found: StoredVersion) -> None:
    """Raises MovedError if `found` has not the variables and the key of `current` any more."""
    for name in ("Environment", "KMSKeyArn"):
        if current.config.get(name) != found.config.get(name):
            raise MovedError


async def _under(
    control: Control, named: FunctionRef | StoredVersion, variables: Mapping[str, str], key: str
) -> Document:
    body = await control.capacity.seal(variables, _owner(named), key)
    return {"Environment": {SEALED: base64.b64encode(body).decode()}}


async def _opened(control: Control, stored: StoredVersion) -> dict[str, str]:
    body = base64.b64decode(stored.config["Environment"][SEALED])
    (found,) = await control.capacity.open([(body, _owner(stored))])
    if isinstance(found, str):
        raise EnvironmentDenied(found)
    return found


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
