"""Which extensions an environment has, what they get of its variables, and how a failure that one reported is named."""

import json

from lambent.runtimes.environment import extension_environment
from lambent.sandbox import failures
from lambent.sandbox.extension_files import find
from lambent.sandbox.extension_states import Fatal

REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


def test_every_file_of_every_layer_is_an_extension_and_directories_are_not(tmp_path):
    one, two, none = tmp_path / "one", tmp_path / "two", tmp_path / "none"
    for path in (one / "extensions" / "lib", two / "extensions", none):
        path.mkdir(parents=True)
    for path in (one / "extensions" / "b", two / "extensions" / "a", two / "extensions" / "b"):
        path.write_text("")
    assert find([str(one), str(none), str(two)]) == ("/opt/extensions/a", "/opt/extensions/b")
    assert find([]) == ()


def test_extensions_get_what_is_not_the_runtimes():
    given = {
        "AWS_REGION": "eu-west-1", "AWS_SECRET_ACCESS_KEY": "k", "MINE": "1", "PATH": "/bin", "_HANDLER": "a.b",
        "_X_AMZN_TRACE_ID": "t", "AWS_EXECUTION_ENV": "e", "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "r",
        "AWS_LAMBDA_LOG_GROUP_NAME": "g", "AWS_LAMBDA_LOG_STREAM_NAME": "s", "AWS_XRAY_DAEMON_ADDRESS": "d",
    }  # fmt: skip
    assert set(extension_environment(given)) == {"AWS_REGION", "AWS_SECRET_ACCESS_KEY", "MINE", "PATH"}


def test_the_caller_reads_how_the_extension_ended():
    failure = failures.extension(REQUEST_ID, Fatal("Extension.Crash", "exit status 1"))
    assert (failure.error_type, failure.status) == ("Extension.Crash", "failure")
    assert json.loads(failure.body) == {
        "errorType": "Extension.Crash", "errorMessage": f"RequestId: {REQUEST_ID} Error: exit status 1",
    }  # fmt: skip


def test_what_an_internal_extension_reported_names_the_runtimes_end():
    failure = failures.renamed(failures.exited(REQUEST_ID, 1 << 8, out_of_memory=False), "Extension.ExitError")
    assert failure.error_type == "Extension.ExitError"
    assert json.loads(failure.body)["errorType"] == "Extension.ExitError"
    assert "exit status 1" in json.loads(failure.body)["errorMessage"]
