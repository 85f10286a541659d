"""Every error that Lambent raises on purpose, in one tree.

LambentError
├── AwsError                        what an AWS client is to see: a code, a message, a status
│   ├── ValidationException         a constraint of the service model is broken
│   ├── InvalidParameterValue       a rule between parameters is broken
│   ├── InvalidRequestContent       the payload is not what it says it is
│   ├── ResourceNotFound
│   ├── ResourceConflict
│   ├── PreconditionFailed
│   ├── RequestTooLarge
│   ├── TooManyRequests             a throttle, with its Reason
│   ├── SnapStartError              an environment could not be restored from its snapshot; the code says how
│   ├── EnvironmentDenied           environment variables that cannot be decrypted
│   ├── MountFailure                a file system of a function that cannot be mounted
│   ├── RecursiveInvocation         a function in a loop with itself
│   ├── CodeSigningConfigGone       a code signing configuration that is not there
│   ├── IdempotentParameterMismatch another request under an Idempotency-Key that is in use
│   ├── ServiceException            our fault
│   └── NotImplementedYet           an operation or option that is not built yet
├── SettingError                    a setting that cannot be obeyed
├── SandboxError                    an environment could not be made, or is gone
│   ├── AgentGone                   the node agent died or cannot be reached
│   ├── RuntimeMissing              no interpreter on this machine for that runtime
│   ├── SnapshotFailed              SnapStart could not initialise a version
│   ├── InitFailed                  an environment ahead of calls (provisioned concurrency) could not be initialised
│   └── NotNow                      what cannot be had at this moment, and may be at the next
├── ImageRefused                    a container image that cannot be taken in
├── ObjectRefused                   an S3 object that is not there, or may not be read
├── PatternInvalid                  an event pattern that AWS would refuse
├── Undeliverable                   a letter that its target will never take
├── Elsewhere                       another endpoint has refused, or cannot be reached now
└── StoreError                      the data on disk cannot be used
"""

from typing import Any


class LambentError(Exception):
    """Something went wrong in Lambent."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self.args[0])


class AwsError(LambentError):
    """An error that the client sees in AWS's words.

    `code` is the AWS error code, `status` the HTTP status where the service model does not say it (None: the model
    says), `members` the further members of the error shape, for example `Reason` or `retryAfterSeconds`.
    """

    code = "ServiceException"
    status: int | None = None

    def __init__(self, message: str = "", *, code: str = "", status: int | None = None, **members: Any) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.members: dict[str, Any] = members


class ValidationException(AwsError):
    """The request breaks a constraint of the service model."""

    code = "ValidationException"
    status = 400


class InvalidParameterValue(AwsError):
    """One of the parameters in the request is not valid."""

    code = "InvalidParameterValueException"
    status = 400


class InvalidRequestContent(AwsError):
    """The request body could not be parsed as JSON."""

    code = "InvalidRequestContentException"
    status = 400


class ResourceNotFound(AwsError):
    """The resource specified in the request does not exist."""

    code = "ResourceNotFoundException"
    status = 404


class ResourceConflict(AwsError):
    """The resource already exists, or another operation is in progress."""

    code = "ResourceConflictException"
    status = 409


class PreconditionFailed(AwsError):
    """The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve \
the latest Revision Id"""

    code = "PreconditionFailedException"
    status = 412


class RequestTooLarge(AwsError):
    """The request payload exceeded the Invoke request body JSON input quota."""

    code = "RequestTooLargeException"
    status = 413


class TooManyRequests(AwsError):
    """Rate Exceeded."""

    code = "TooManyRequestsException"
    status = 429

    @property
    def why(self) -> str:
        """A sentence for people: who has what this call would have needed. "" if nobody is to be named."""
        return ""


class SnapStartError(AwsError):
    """The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs."""

    code = "SnapStartException"
    status = 400


class EnvironmentDenied(AwsError):
    """Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the \
function's KMS key settings."""

    code = "KMSAccessDeniedException"
    status = 502


class MountFailure(AwsError):
    """The function couldn't mount the Amazon EFS file system with the configured access point."""

    code = "EFSMountFailureException"
    status = 403


class RecursiveInvocation(AwsError):
    """Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources \
and stopped your function's invocation."""

    code = "RecursiveInvocationException"
    status = 400


class CodeSigningConfigGone(AwsError):
    """The specified code signing configuration does not exist."""

    code = "CodeSigningConfigNotFoundException"
    status = 404


class IdempotentParameterMismatch(AwsError):
    """This Idempotency-Key was used with another request: its payload, client context or invocation type was not the \
same. Send the earlier request again, or take a new key."""

    code = "IdempotentParameterMismatchException"
    status = 400


class ServiceException(AwsError):
    """The Lambda service encountered an internal error."""

    code = "ServiceException"
    status = 500


class NotImplementedYet(AwsError):
    """This operation is not built yet."""

    code = "NotImplementedException"
    status = 501


class SettingError(LambentError):
    """A setting cannot be obeyed."""


class SandboxError(LambentError):
    """An execution environment could not be made."""


class AgentGone(SandboxError):
    """The node agent is not there."""


class RuntimeMissing(SandboxError):
    """No interpreter for this runtime is installed on this machine."""


class SnapshotFailed(SandboxError):
    """An error occurred during function initialization."""


class InitFailed(SandboxError):
    """FUNCTION_ERROR_INIT_FAILURE"""


class NotNow(SandboxError):
    """It cannot be had at this moment."""


class StoreError(LambentError):
    """The data on disk cannot be used."""


class ImageRefused(LambentError):
    """This container image cannot be used."""


class ObjectRefused(LambentError):
    """The object cannot be read; `code` is S3's."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Undeliverable(LambentError):
    """This cannot be delivered, now or later."""


class Elsewhere(LambentError):
    """Another endpoint has refused, or cannot be reached now."""


class PatternInvalid(LambentError):
    """This event pattern is not valid."""
