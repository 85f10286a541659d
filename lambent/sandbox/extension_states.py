"""What an extension may do in which state: decisions without I/O. The HTTP side is in extensions.py.

States and words are AWS's, as its runtime interface emulator has them (core/externalagent_states.go, registrations.go).
"""

import errno
import os
import uuid

import msgspec

from lambent.errors import LambentError
from lambent.sandbox.signals import signal_name

MOST_EXTENSIONS = 10
EVENTS = ("INVOKE", "SHUTDOWN")

STARTED, REGISTERED, READY, RUNNING = "Started", "Registered", "Ready", "Running"
INIT_ERROR, EXIT_ERROR, LAUNCH_ERROR = "InitError", "ExitError", "LaunchError"
EXITED, SHUTDOWN_FAILED = "Exited", "ShutdownFailed"

NOT_ALLOWED = "State transition is not allowed"


class Refused(LambentError):
    """A call that an extension may not make; `kind` is the errorType of the answer, whose status is 403."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Fatal(msgspec.Struct, frozen=True):
    """Why an environment cannot go on because of an extension."""

    kind: str  # Extension.Crash | Extension.ExitError | Extension.InitError | Extension.LaunchError
    text: str  # "exit status 1": what a caller reads behind "RequestId: … Error: "


class Extension(msgspec.Struct):
    """One extension. `state` changes only in the functions below."""

    name: str
    external: bool
    identifier: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    events: tuple[str, ...] = ()
    state: str = STARTED
    error_type: str = ""
    gone: bool = False  # its process has ended, or never began


def check_events(events: list[str], *, external: bool) -> tuple[str, ...]:
    """The events to register for, each once. Raises Refused."""
    for event in events:
        if event not in EVENTS:
            raise Refused("Extension.InvalidEventType", f"{event}: ErrorInvalidEventType")
        if event == "SHUTDOWN" and not external:
            raise Refused("Extension.InvalidEventType", f"{event}: ShutdownEventNotSupportedForInternalExtension")
    return tuple(dict.fromkeys(events))


def register(extension: Extension, events: tuple[str, ...]) -> None:
    if extension.state != STARTED:
        raise _transition(extension, REGISTERED, extension.name)
    extension.state, extension.events = REGISTERED, events


def ready(extension: Extension) -> None:
    """It has called next."""
    if extension.state not in (REGISTERED, RUNNING):
        raise _transition(extension, READY, extension.identifier)
    extension.state = READY


def release(extension: Extension) -> None:
    """It has been given an event."""
    extension.state = RUNNING


def init_error(extension: Extension, error_type: str) -> None:
    """It reports that it cannot start; only the first report counts."""
    if extension.state not in (REGISTERED, INIT_ERROR):
        raise _transition(extension, INIT_ERROR, extension.identifier)
    if extension.state == REGISTERED:
        extension.state, extension.error_type = INIT_ERROR, error_type


def exit_error(extension: Extension, error_type: str) -> None:
    """It reports why it is about to exit; only the first report counts."""
    if extension.state not in (REGISTERED, READY, RUNNING, EXIT_ERROR):
        raise _transition(extension, EXITED, extension.identifier)
    if extension.state != EXIT_ERROR:
        extension.state, extension.error_type = EXIT_ERROR, error_type


def launch_failed(extension: Extension, number: int) -> Fatal:
    """Its file could not be executed. `number` is the errno of execve."""
    extension.state, extension.gone = LAUNCH_ERROR, True
    extension.error_type = "PermissionDenied" if number in (errno.EACCES, errno.EPERM) else "UnknownError"
    return Fatal("Extension.LaunchError", f"fork/exec /opt/extensions/{extension.name}: {os.strerror(number).lower()}")


def too_many(extension: Extension) -> Fatal:
    extension.state, extension.error_type, extension.gone = LAUNCH_ERROR, "TooManyExtensions", True
    return Fatal("Extension.LaunchError", "ErrTooManyExtensions")


def exited(extension: Extension, wait_status: int, *, expected: bool) -> Fatal | None:
    """Its process is gone: fatal unless the environment is in its SHUTDOWN phase. What it reported before names it."""
    extension.gone = True
    if expected:
        extension.state = SHUTDOWN_FAILED if wait_status else EXITED
        return None
    kinds = {INIT_ERROR: "Extension.InitError", EXIT_ERROR: "Extension.ExitError"}
    return Fatal(kinds.get(extension.state, "Extension.Crash"), describe(wait_status))


def describe(wait_status: int) -> str:
    """waitpid's status, as Go prints it."""
    if os.WIFSIGNALED(wait_status):
        return f"signal: {signal_name(os.WTERMSIG(wait_status))}"
    status = os.WEXITSTATUS(wait_status)
    return f"exit status {status}" if status else "exit code 0"


def _transition(extension: Extension, wanted: str, whom: str) -> Refused:
    message = f"State transition from {extension.state} to {wanted} failed for extension {whom}. Error: {NOT_ALLOWED}"
    return Refused("Extension.InvalidExtensionState", message)
