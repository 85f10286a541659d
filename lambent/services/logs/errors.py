"""CloudWatch Logs' refusals, by the sentences of AWS. Source: recordings of AWS (errors.tsv, rows of logs)."""

from lambent.errors import AwsError


def invalid(message: str) -> AwsError:
    return AwsError(message, code="InvalidParameterException", status=400)


def not_found(what: str) -> AwsError:
    return AwsError(f"The specified {what} does not exist.", code="ResourceNotFoundException", status=400)


def exists_already(what: str) -> AwsError:
    return AwsError(f"The specified {what} already exists", code="ResourceAlreadyExistsException", status=400)


def limit_exceeded() -> AwsError:
    return AwsError("Resource limit exceeded.", code="LimitExceededException", status=400)
