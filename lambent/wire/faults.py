"""The errors that wire itself finds, in AWS's words."""

from lambent.errors import AwsError


def malformed(message: str) -> AwsError:
    """The body, a header or a query value is not what the model says it is."""
    return AwsError(message, code="SerializationException", status=400)


def wrong_type(found: object, wanted: str) -> AwsError:
    """A value of another type than the model's; `wanted` is AWS's name of the type with its article."""
    if isinstance(found, dict):
        return malformed("Start of structure or map found where not expected.")
    if isinstance(found, list):
        return malformed("Start of list found where not expected")
    return malformed(f"{_WIRE_TYPES.get(type(found), 'UNKNOWN_VALUE')} can not be converted to {wanted}")


_WIRE_TYPES = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", bool: "TRUE_VALUE"}


def unknown_operation() -> AwsError:
    """No operation of the service has this method and path, or this target."""
    return AwsError(
        "The requested operation is not recognized by the service.", code="UnknownOperationException", status=404
    )


def unknown_action(action: str, version: str) -> AwsError:
    """The query protocol's word for the same."""
    return AwsError(f"Could not find operation {action} for version {version}", code="InvalidAction", status=400)


def method_not_allowed() -> AwsError:
    """S3's word for the same: its paths fit any name, so only the method can be wrong."""
    return AwsError("The specified method is not allowed against this resource.", code="MethodNotAllowed", status=405)


def incomplete(message: str) -> AwsError:
    """A body that ended before its own framing said so."""
    return AwsError(message, code="IncompleteBody", status=400)


def missing_parameter(name: str) -> AwsError:
    """SQS's word for a required member that is not there."""
    return AwsError(f"The request must contain the parameter {name}.", code="MissingParameter", status=400)


def malformed_post() -> AwsError:
    """A form of a browser that is none."""
    message = "The body of your POST request is not well-formed multipart/form-data."
    return AwsError(message, code="MalformedPOSTRequest", status=400)
