"""What is known about an error before it is laid out for a protocol: what was raised and what the model says."""

from typing import Any, NamedTuple

from lambent.errors import AwsError
from lambent.wire.shapes import Model, Shape


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
    members: dict[str, Any]  # the further members of the error's shape, and those only

    @property
    def sender_or_receiver(self) -> str:
        """Whose fault it is, in the words of the older protocols."""
        return "Receiver" if self.fault else "Sender"

    @property
    def type_name(self) -> str:
        return self.model.name if self.model else self.code

    @property
    def error_code(self) -> str:
        """What the query protocol and rest-xml call it."""
        return self.model.code if self.model else self.code

    def with_message(self) -> dict[str, Any]:
        """The error shape's members with the message, if the shape has a place for one."""
        if self.model is None:
            return {"message": self.message}
        return {self.model.message_key: self.message, **self.members}


def failure(error: AwsError, known: ErrorModel | None) -> Failure:
    """Joins what the handler said with what the model knows. A status given at the raise wins over the model's; the
    model's wins over that of the error's class, because services give one name different statuses."""
    given = error.status if error.status != type(error).status else None
    if known is None:
        status = given or error.status or 400
        return Failure(None, error.code, error.message, status, status >= 500, error.members)
    members = {name: value for name, value in error.members.items() if name in known.shape.members}
    return Failure(known, error.code, error.message, given or known.status, known.fault, members)
