"""How an error looks on the wire: one layout for each protocol."""

from typing import Any
from xml.sax.saxutils import quoteattr

import msgspec

from lambent.wire.bindings.rest import PartsWriter, parts_writer
from lambent.wire.failures import Failure
from lambent.wire.formats import Format
from lambent.wire.formats.cbor import CborFormat
from lambent.wire.formats.json import JsonFormat
from lambent.wire.formats.tree import TreeFormat
from lambent.wire.formats.xml import DECLARATION, XmlFormat, escaped
from lambent.wire.http import Response
from lambent.wire.services import CORAL_TYPES, Profile
from lambent.wire.shapes import Shape

Headers = list[tuple[str, str]]


class RestJsonErrors:
    """Status, `x-amzn-ErrorType`, and the error shape as the body; its bound members travel in headers."""

    def __init__(self) -> None:
        self._form: Format = JsonFormat()
        self._writers: dict[str, PartsWriter] = {}

    def render(self, failed: Failure, request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id), ("x-amzn-ErrorType", failed.type_name)]
        if failed.model is None:
            headers.append(("Content-Type", "application/json"))
            return Response(failed.status, headers, msgspec.json.encode({"message": failed.message}))
        members = failed.with_message()
        if failed.model.typed:
            members = {"Type": "Service" if failed.fault else "User", **members}
        shape = failed.model.shape
        known = {name: value for name, value in members.items() if name in shape.members}
        _, body = self._writer(shape)(known, headers)
        return Response(failed.status, headers, body)

    def _writer(self, shape: Shape) -> PartsWriter:
        if shape.name not in self._writers:
            self._writers[shape.name] = parts_writer(shape, self._form, "application/json", shape.name)
        return self._writers[shape.name]


class RpcErrors:
    """A body with `__type`; services that once spoke the query protocol also name their old code in a header."""

    def __init__(
        self, profile: Profile, form: JsonFormat | CborFormat, *, query_compatible: bool, more: Headers
    ) -> None:
        self._profile = profile
        self._form: TreeFormat = form
        self._content_type = form.content_type
        self._dump = form.dump
        self._query_compatible = query_compatible
        self._more = more

    def render(self, failed: Failure, request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", self._content_type), *self._more]
        if self._query_compatible:
            code = self._profile.query_codes.get(failed.type_name, failed.error_code)
            headers.append(("x-amzn-query-error", f"{code};{failed.sender_or_receiver}"))
        body = {"__type": self._type(failed), **self._members(failed)}
        return Response(failed.status, headers, self._dump(body))

    def _type(self, failed: Failure) -> str:
        if failed.model is None:
            return CORAL_TYPES.get(failed.code, "") + failed.code
        return self._profile.type_prefix + failed.model.name

    def _members(self, failed: Failure) -> dict[str, Any]:
        members = failed.with_message()
        if failed.model is None:
            return members
        shape = failed.model.shape
        known = {name: value for name, value in members.items() if name in shape.members}
        encoded: dict[str, Any] = self._form.encoder(shape)(known)
        # Some error shapes have no member for the message; AWS sends one all the same.
        return encoded if failed.model.message_key in known else {**encoded, "message": failed.message}


class QueryErrors:
    """`<ErrorResponse>` around `<Error>`; S3 sends the inner one alone."""

    def __init__(self, profile: Profile, form: XmlFormat) -> None:
        self._profile = profile
        self._form = form

    def render(self, failed: Failure, request_id: str) -> Response:
        pieces = [DECLARATION, f"<ErrorResponse xmlns={quoteattr(self._form.namespace)}><Error>"]
        pieces.append(f"<Type>{failed.sender_or_receiver}</Type>")
        code = self._profile.query_codes.get(failed.type_name, failed.error_code)
        self._details(failed, code, pieces)
        pieces.append(f"</Error><RequestId>{escaped(request_id)}</RequestId></ErrorResponse>")
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml")]
        return Response(failed.status, headers, "".join(pieces).encode())

    def _details(self, failed: Failure, code: str, pieces: list[str]) -> None:
        pieces.append(f"<Code>{escaped(code)}</Code><Message>{escaped(failed.message)}</Message>")
        if failed.model is not None:
            self._form.members(failed.model.shape)(failed.members, pieces)


class S3Errors(QueryErrors):
    """`<Error>` alone, with the ids that S3 gives twice."""

    def render(self, failed: Failure, request_id: str) -> Response:
        pieces = [DECLARATION, "<Error>"]
        self._details(failed, failed.error_code, pieces)
        if failed.model is None:  # such as BucketName, which no shape knows
            pieces += [f"<{name}>{escaped(str(value))}</{name}>" for name, value in failed.members.items()]
        ids = f"<RequestId>{escaped(request_id)}</RequestId><HostId>{escaped(request_id)}</HostId>"
        pieces.append(f"{ids}</Error>")
        headers = [("x-amz-request-id", request_id), ("x-amz-id-2", request_id), ("Content-Type", "application/xml")]
        return Response(failed.status, headers, "".join(pieces).encode())
