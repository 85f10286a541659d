"""LoggingConfig: how it is filled in, changed and refused."""

from collections.abc import Mapping
from typing import Any

from lambent.errors import InvalidParameterValue

_LEVELS = ("ApplicationLogLevel", "SystemLogLevel")


def logging_config(name: str, asked: Mapping[str, Any], current: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The complete LoggingConfig of a function after a request: what it had, changed by what is asked.

    JSON logs have both levels, INFO unless asked otherwise (recorded by test_lambda_logging_config); Text has none.
    """
    before = dict(current or {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"})
    wanted = before | {key: value for key, value in asked.items() if value is not None}
    if wanted["LogFormat"] == "JSON":
        _check_group(wanted["LogGroup"])
        return dict.fromkeys(_LEVELS, "INFO") | wanted
    if any(asked.get(level) for level in _LEVELS):
        raise InvalidParameterValue(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change '
            'the LogFormat to "JSON" and try again.'
        )
    _check_group(wanted["LogGroup"])
    return {key: value for key, value in wanted.items() if key not in _LEVELS}


def _check_group(group: str) -> None:
    """AWS keeps names that begin with aws/ for itself (cdk-preflight, pf-lambda-loggroup-no-aws-prefix)."""
    if group.startswith("aws/"):
        raise InvalidParameterValue(f"The log group name {group} is not allowed: the prefix aws/ is reserved for AWS.")
