"""SNS's refusals, by the sentences of AWS. Source: recordings of AWS (errors.tsv, rows of sns)."""

from lambent.errors import AwsError


def invalid(message: str) -> AwsError:
    return AwsError(f"Invalid parameter: {message}", code="InvalidParameterException", status=400)


def invalid_value(message: str) -> AwsError:
    return AwsError(message, code="InvalidParameterValueException", status=400)


def not_found(what: str) -> AwsError:
    return AwsError(f"{what} does not exist", code="NotFoundException", status=404)
