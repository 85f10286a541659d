"""SQS's refusals, by the sentences of AWS. Those that its model does not name are told by their code alone.

Source: recordings of AWS (errors.tsv, rows of sqs), Amazon SQS API Reference.
"""

from lambent.errors import AwsError


def invalid_parameter(message: str) -> AwsError:
    """Whoever speaks JSON sees it by the one name, whoever speaks the query protocol by the other (recorded)."""
    return AwsError(message, code="InvalidParameterValueException", status=400)


def invalid_value(value: object, parameter: str, reason: str) -> AwsError:
    return invalid_parameter(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing_parameter(name: str) -> AwsError:
    message = f"The request must contain the parameter {name}."
    return AwsError(message, code="MissingRequiredParameterException", status=400)


def no_queue() -> AwsError:
    return AwsError("The specified queue does not exist.", code="QueueDoesNotExist", status=400)


def unknown_attribute(name: str) -> AwsError:
    return AwsError(f"Unknown Attribute {name}.", code="InvalidAttributeName", status=400)


def invalid_attribute(name: str, reason: str = "") -> AwsError:
    message = f"Invalid value for the parameter {name}." + (f" Reason: {reason}" if reason else "")
    return AwsError(message, code="InvalidAttributeValue", status=400)


def bad_handle(handle: str) -> AwsError:
    message = f'The input receipt handle "{handle}" is not a valid receipt handle.'
    return AwsError(message, code="ReceiptHandleIsInvalid", status=400)


def not_found(what: str) -> AwsError:
    return AwsError(what, code="ResourceNotFoundException", status=404)
