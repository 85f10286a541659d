"""KMSKeyArn: which key a function's environment variables are sealed under. The node agent keeps a key for each ARN.

Source of AWS's words: terraform issue 20813 (aliases), KMS's own answers to Encrypt (the rest).
"""

from lambent.arns import KMS_KEY
from lambent.errors import InvalidParameterValue

_INVALID = (
    "Lambda was unable to configure access to your environment variables because the KMS key is invalid for "
    "CreateGrant. Please check your KMS key settings. KMS Exception: {} KMS Message: {}"
)


def check(key: str | None, region: str) -> None:
    """Raises InvalidParameterValue for an ARN that names no key of this region."""
    if not key:
        return
    if ":alias/" in key:
        raise _invalid("InvalidArnException", "Key Aliases are not supported for this operation.")
    match = KMS_KEY.fullmatch(key)
    if match is None:
        raise _invalid("NotFoundException", f"Invalid keyId '{key}'")
    if match["region"] != region:
        raise _invalid("NotFoundException", f"Invalid arn {match['region']}")


def _invalid(code: str, message: str) -> InvalidParameterValue:
    return InvalidParameterValue(_INVALID.format(code, message))
