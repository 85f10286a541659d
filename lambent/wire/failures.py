"""What an error looks like to the client: facts from the model about each error, and one layout for each protocol."""

from typing import Any, NamedTuple

import msgspec

from lambent.errors import AwsError
from lambent.wire.bindings.rest import PartsWriter, parts_writer
from lambent.wire.formats import Format
from lambent.wire.formats.json import JsonFormat
from lambent.wire.http import Response
from lambent.wire.services import Profile
from lambent.wire.shapes import Model, Shape

Headers = list[tuple[str, str]]


class ErrorModel(NamedTuple):
    """One error of the service model."""

    name: str  # the shape's
    code: str  # what the query protocol and rest-xml call it
    status: int
    fault: bool  # the service's fault, not the sender's
    message_key: str  # "message" or "Message", as the shape spells it
    typed: bool  # has a member Type that says User or Service
    shape: Shape


def error_models(model: Model) -> dict[str, ErrorModel]:
    """The model's errors, by shape name and by code."""
    found = [_error_model(shape) for shape in model.errors()]
    return {each.code: each for each in found} | {each.name: each for each in found}


def _error_model(shape: Shape) -> ErrorModel:
    error = shape.traits.get("error", {})
    fault = bool(shape.traits.get("fault"))
    return ErrorModel(
        name=shape.name,
        code=error.get("code", shape.name),
        status=error.get("httpStatusCode", 500 if fault else 400),
        fault=fault,
        message_key=next((name for name in shape.members if name.lower() == "message"), "message"),
        typed="Type" in shape.members,
        shape=shape,
    )


class Failure(NamedTuple):
    """One error on its way to the client."""

    model: ErrorModel | None
    code: str
    message: str
    status: int
    fault: bool
    members: dict[str, Any]


def failure(error: AwsError, known: ErrorModel | None) -> Failure:
    """Joins what the handler said with what the model knows. A status given at the raise wins over the model's; the
    model's wins over that of the error's class, because services give one name different statuses."""
    given = error.status if error.status != type(error).status else None
    if known is None:
        status = given or error.status or 400
        return Failure(None, error.code, error.message, status, status >= 500, error.members)
    members = {name: value for name, value in error.members.items() if name in known.shape.members}
    return Failure(known, error.code, error.message, given or known.status, known.fault, members)


class RestJsonFailures:
    """Status, `x-amzn-ErrorType`, and the error shape as the body."""

    def __init__(self, profile: Profile) -> None:
        self._form: Format = JsonFormat()
        self._writers: dict[str, PartsWriter] = {}

    def render(self, failed: Failure, request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id)]
        if failed.model is None:
            headers += [("Content-Type", "application/json"), ("x-amzn-ErrorType", failed.code)]
            return Response(failed.status, headers, msgspec.json.encode({"message": failed.message}))
        headers.append(("x-amzn-ErrorType", failed.model.name))
        members = {failed.model.message_key: failed.message, **failed.members}
        if failed.model.typed:
            members = {"Type": "Service" if failed.fault else "User", **members}
        known = {name: value for name, value in members.items() if name in failed.model.shape.members}
        _, body = self._writer(failed.model.shape)(known, headers)
        return Response(failed.status, headers, body)

    def _writer(self, shape: Shape) -> PartsWriter:
        if shape.name not in self._writers:
            self._writers[shape.name] = parts_writer(shape, self._form, "application/json", shape.name)
        return self._writers[shape.name]
