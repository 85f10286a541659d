"""EventBridge's refusals, in AWS's sentences. Source: recordings of AWS (errors.tsv, rows of events)."""

from lambent.errors import AwsError


def not_found(message: str) -> AwsError:
    return AwsError(message, code="ResourceNotFoundException", status=400)


def exists(message: str) -> AwsError:
    return AwsError(message, code="ResourceAlreadyExistsException", status=400)


def no_bus(name: str) -> AwsError:
    return not_found(f"Event bus {name} does not exist.")


def no_rule(name: str, bus: str) -> AwsError:
    return not_found(f"Rule {name} does not exist on EventBus {bus}.")


def pattern(reason: str) -> AwsError:
    return AwsError(f"Event pattern is not valid. Reason: {reason}", code="InvalidEventPatternException", status=400)


def illegal_status(message: str) -> AwsError:
    return AwsError(message, code="IllegalStatusException", status=400)
