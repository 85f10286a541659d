"""The five protocols, each a pair of a binding and a format, and an operation compiled for one of them."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from lambent.wire.bindings import Reader, Writer, form, rest, rpc
from lambent.wire.error_layouts import QueryErrors, RestJsonErrors, RpcErrors, S3Errors
from lambent.wire.failures import Failure
from lambent.wire.formats.cbor import CborFormat
from lambent.wire.formats.form import FormFormat
from lambent.wire.formats.json import JsonFormat
from lambent.wire.formats.xml import XmlFormat
from lambent.wire.http import Response
from lambent.wire.services import S3_ROOTS, Profile
from lambent.wire.shapes import Model, OperationModel


class Operation(msgspec.Struct, frozen=True):
    """One operation compiled for one protocol: opaque to everybody but wire."""

    name: str
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
        self.render_failure = RestJsonErrors().render

    def reader(self, operation: OperationModel) -> Reader:
        return rest.reader(operation, self._form)

    def writer(self, operation: OperationModel) -> Writer:
        return rest.writer(operation, self._form, ("x-amzn-RequestId",), self._profile.blob_type, "")


class RestXml:
    def __init__(self, profile: Profile, model: Model) -> None:
        self._profile = profile
        self._form = XmlFormat(_namespace(profile, model))
        s3 = profile.service == "s3"
        self._ids = ("x-amz-request-id", "x-amz-id-2") if s3 else ("x-amzn-RequestId",)
        self.render_failure = (S3Errors if s3 else QueryErrors)(profile, self._form).render

    def reader(self, operation: OperationModel) -> Reader:
        return rest.reader(operation, self._form)

    def writer(self, operation: OperationModel) -> Writer:
        output = operation.output
        root = output.wire_name(S3_ROOTS.get(operation.name, output.name)) if output else ""
        write = rest.writer(operation, self._form, self._ids, self._profile.blob_type, root)
        if operation.name in PARTIAL:
            return _partial(write)
        return _unwrapped(write) if operation.name == "GetBucketLocation" else write


PARTIAL = ("GetObject", "HeadObject")  # of S3


def _partial(write: Writer) -> Writer:
    """A part of an object has a status of its own, which the model does not tell."""

    def respond(result: dict[str, Any], request_id: str) -> Response:
        response = write(result, request_id)
        if result.get("ContentRange"):
            response.status = 206
        return response

    return respond


def _unwrapped(write: Writer) -> Writer:
    """GetBucketLocation's one member is the root element itself; no other operation of AWS is like that."""

    def respond(result: dict[str, Any], request_id: str) -> Response:
        response = write(result, request_id)
        outer = (b"<GetBucketLocationOutput", b"</GetBucketLocationOutput>")
        if isinstance(response.body, bytes) and result.get("LocationConstraint"):
            body = response.body.replace(outer[0], b"<LocationConstraint", 1).replace(outer[1], b"", 1)
            response.body = body.replace(b"><LocationConstraint>", b">", 1)
        return response

    return respond


class Json:
    def __init__(self, profile: Profile, model: Model) -> None:
        version = model.metadata.get("jsonVersion", "1.0")
        self._form = JsonFormat(f"application/x-amz-json-{version}")
        compatible = "awsQueryCompatible" in model.metadata
        self.render_failure = RpcErrors(profile, self._form, query_compatible=compatible, more=[]).render

    def reader(self, operation: OperationModel) -> Reader:
        return rpc.reader(operation, self._form)

    def writer(self, operation: OperationModel) -> Writer:
        return rpc.writer(operation, self._form, [])


class Cbor:
    HEADERS = (("smithy-protocol", "rpc-v2-cbor"),)

    def __init__(self, profile: Profile, model: Model) -> None:
        self._form = CborFormat()
        compatible = "awsQueryCompatible" in model.metadata
        more = list(self.HEADERS)
        self.render_failure = RpcErrors(profile, self._form, query_compatible=compatible, more=more).render

    def reader(self, operation: OperationModel) -> Reader:
        return rpc.reader(operation, self._form)

    def writer(self, operation: OperationModel) -> Writer:
        return rpc.writer(operation, self._form, list(self.HEADERS))


class Query:
    def __init__(self, profile: Profile, model: Model) -> None:
        self._in = FormFormat()
        self._out = XmlFormat(_namespace(profile, model))
        self.render_failure = QueryErrors(profile, self._out).render

    def reader(self, operation: OperationModel) -> Reader:
        return form.reader(operation, self._in)

    def writer(self, operation: OperationModel) -> Writer:
        return form.writer(operation, self._out)


def _namespace(profile: Profile, model: Model) -> str:
    return str(model.metadata.get("xmlNamespace", profile.namespace))


CODECS: dict[str, Callable[[Profile, Model], Codec]] = {
    "rest-json": RestJson,
    "rest-xml": RestXml,
    "json": Json,
    "smithy-rpc-v2-cbor": Cbor,
    "query": Query,
}
