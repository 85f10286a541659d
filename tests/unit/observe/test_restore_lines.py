"""The platform's lines of SnapStart: RESTORE_START, RESTORE_REPORT, and what REPORT adds after a restore."""

import json

import pytest

from lambent.model import Outcome, Version
from lambent.observe import report

AT = 1_730_056_665.586  # 2024-10-27T19:17:45.586Z
VERSION = Version(
    account="111111111111", region="eu-west-1", name="hello", version="3", revision="r1", runtime="python3.13",
    handler="app.handler", code_digest="c0de", snap_start=True,
)  # fmt: skip
JSON_VERSION = Version(
    account="111111111111", region="eu-west-1", name="hello", version="3", revision="r1", runtime="python3.13",
    handler="app.handler", code_digest="c0de", snap_start=True, log_format="JSON",
)  # fmt: skip
RESTORED = Outcome(
    payload=b"1", duration_ms=9.13, billed_ms=156, memory_peak_mb=126, restore_ms=515.93, restore_billed_ms=146
)


def test_a_restore_begins_with_the_runtimes_version():
    line = report.restore_start(VERSION, AT).decode()
    assert line.startswith(
        "RESTORE_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn:aws:lambda:eu-west-1:"
    )
    assert line.endswith("\n")


@pytest.mark.parametrize(
    ("status", "error_type", "ending"),
    [
        ("success", None, ""),
        ("timeout", None, "\tStatus: timeout"),
        ("error", "Runtime.AfterRestoreError", "\tStatus: error\tError Type: Runtime.AfterRestoreError"),
    ],
)
def test_a_restore_is_reported_with_what_went_wrong(status, error_type, ending):
    line = report.restore_report(VERSION, 12.345, status, error_type, AT).decode()
    assert line == f"RESTORE_REPORT Restore Duration: 12.35 ms{ending}\n" or line.startswith(
        f"RESTORE_REPORT Restore Duration: 12.34 ms{ending}"
    )


def test_the_first_report_after_a_restore_tells_what_it_took_and_what_of_it_is_billed():
    line = report.end("id", VERSION, RESTORED, AT).decode().splitlines()[1]
    assert line == (
        "REPORT RequestId: id\tDuration: 9.13 ms\tBilled Duration: 156 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 126 MB\tRestore Duration: 515.93 ms\tBilled Restore Duration: 146 ms\t"
    )


def test_json_logs_have_the_events_of_the_telemetry_api():
    start = json.loads(report.restore_start(JSON_VERSION, AT))
    assert start["type"] == "platform.restoreStart"
    assert (start["record"]["functionName"], start["record"]["functionVersion"]) == ("hello", "3")
    done = json.loads(report.restore_report(JSON_VERSION, 12.0, "error", "Runtime.AfterRestoreError", AT))
    assert done == {
        "time": "2024-10-27T19:17:45.586Z",
        "type": "platform.restoreReport",
        "record": {"status": "error", "metrics": {"durationMs": 12.0}, "errorType": "Runtime.AfterRestoreError"},
    }
    metrics = json.loads(report.end("id", JSON_VERSION, RESTORED, AT))["record"]["metrics"]
    assert (metrics["restoreDurationMs"], metrics["billedRestoreDurationMs"]) == (515.93, 146)


def test_the_init_at_publishing_is_of_the_kind_snap_start():
    assert json.loads(report.init_start(JSON_VERSION, AT))["record"]["initializationType"] == "snap-start"
