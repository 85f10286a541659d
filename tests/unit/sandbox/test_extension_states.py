"""What an extension may do in which state, and what each failure is called."""

import errno

import pytest

from lambent.sandbox import extension_states as states
from lambent.sandbox.extension_states import Extension, Fatal, Refused

EXIT_1, KILLED = 1 << 8, 9


def extension(state: str = states.STARTED, *, external: bool = True) -> Extension:
    return Extension("watcher", external=external, state=state)


def refusal(call, *arguments):
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value.kind, caught.value.message


def test_an_extension_registers_once():
    one = extension()
    states.register(one, ("INVOKE",))
    assert (one.state, one.events) == (states.REGISTERED, ("INVOKE",))
    kind, message = refusal(states.register, one, ())
    assert kind == "Extension.InvalidExtensionState"
    assert message == (
        "State transition from Registered to Registered failed for extension watcher. "
        "Error: State transition is not allowed"
    )


@pytest.mark.parametrize("state", [states.STARTED, states.READY, states.INIT_ERROR, states.EXIT_ERROR])
def test_only_who_registered_or_works_may_ask_for_the_next_event(state):
    assert refusal(states.ready, extension(state))[0] == "Extension.InvalidExtensionState"


@pytest.mark.parametrize("state", [states.REGISTERED, states.RUNNING])
def test_who_asks_for_the_next_event_is_ready(state):
    one = extension(state)
    states.ready(one)
    assert one.state == states.READY


def test_only_the_first_report_of_an_error_counts():
    one = extension(states.REGISTERED)
    states.init_error(one, "Extension.First")
    states.init_error(one, "Extension.Second")
    assert (one.state, one.error_type) == (states.INIT_ERROR, "Extension.First")
    two = extension(states.RUNNING)
    states.exit_error(two, "Extension.First")
    states.exit_error(two, "Extension.Second")
    assert (two.state, two.error_type) == (states.EXIT_ERROR, "Extension.First")


def test_init_errors_come_before_the_first_event_and_exit_errors_after_registration():
    assert refusal(states.init_error, extension(states.READY), "x")[0] == "Extension.InvalidExtensionState"
    assert refusal(states.exit_error, extension(states.STARTED), "x")[0] == "Extension.InvalidExtensionState"


@pytest.mark.parametrize(
    ("state", "status", "fatal"),
    [
        (states.RUNNING, EXIT_1, Fatal("Extension.Crash", "exit status 1")),
        (states.READY, 0, Fatal("Extension.Crash", "exit code 0")),
        (states.STARTED, KILLED, Fatal("Extension.Crash", "signal: killed")),
        (states.INIT_ERROR, EXIT_1, Fatal("Extension.InitError", "exit status 1")),
        (states.EXIT_ERROR, EXIT_1, Fatal("Extension.ExitError", "exit status 1")),
    ],
)
def test_an_exit_is_named_after_what_was_reported_before(state, status, fatal):
    one = extension(state)
    assert states.exited(one, status, expected=False) == fatal
    assert one.gone


@pytest.mark.parametrize(("status", "state"), [(0, states.EXITED), (KILLED, states.SHUTDOWN_FAILED)])
def test_an_exit_in_the_shutdown_phase_is_no_failure(status, state):
    one = extension(states.RUNNING)
    assert states.exited(one, status, expected=True) is None
    assert (one.state, one.gone) == (state, True)


@pytest.mark.parametrize(("number", "kind"), [(errno.EACCES, "PermissionDenied"), (errno.ENOEXEC, "UnknownError")])
def test_a_file_that_cannot_be_executed_says_why(number, kind):
    one = extension()
    fatal = states.launch_failed(one, number)
    assert fatal.kind == "Extension.LaunchError"
    assert fatal.text.startswith("fork/exec /opt/extensions/watcher: ")
    assert (one.state, one.error_type) == (states.LAUNCH_ERROR, kind)


def test_events_are_two_and_shutdown_is_for_external_extensions():
    assert states.check_events(["SHUTDOWN", "INVOKE", "INVOKE"], external=True) == ("SHUTDOWN", "INVOKE")
    check = lambda events, external: states.check_events(events, external=external)  # noqa: E731
    assert refusal(check, ["BOOT"], True) == ("Extension.InvalidEventType", "BOOT: ErrorInvalidEventType")
    assert refusal(check, ["SHUTDOWN"], False) == (
        "Extension.InvalidEventType",
        "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
    )
