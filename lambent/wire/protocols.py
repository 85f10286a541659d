"""The five protocols, each a pair of a binding and a format, and an operation compiled for one of them."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from lambent.wire.bindings import Reader, Writer, rest
from lambent.wire.failures import Failure, RestJsonFailures
from lambent.wire.formats.json import JsonFormat
from lambent.wire.http import Response
from lambent.wire.services import Profile
from lambent.wire.shapes import Model, OperationModel


class Operation(msgspec.Struct, frozen=True):
    """One operation compiled for one protocol: opaque to everybody but wire."""

    model: OperationModel
    protocol: str
    read: Reader
    check: Callable[[dict[str, Any]], list[str]]
    write: Writer


class Codec(Protocol):
    """One protocol of one service."""

    def reader(self, operation: OperationModel) -> Reader: ...

    def writer(self, operation: OperationModel) -> Writer: ...

    def render_failure(self, failed: Failure, request_id: str) -> Response: ...


class RestJson:
    def __init__(self, profile: Profile, model: Model) -> None:
        self._profile = profile
        self._form = JsonFormat()
        self.render_failure = RestJsonFailures(profile).render

    def reader(self, operation: OperationModel) -> Reader:
        return rest.reader(operation, self._form)

    def writer(self, operation: OperationModel) -> Writer:
        return rest.writer(operation, self._form, "x-amzn-RequestId", self._profile.blob_type, "")


CODECS: dict[str, Callable[[Profile, Model], Codec]] = {"rest-json": RestJson}
