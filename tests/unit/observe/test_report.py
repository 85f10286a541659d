"""The platform's own lines, letter by letter as AWS writes them."""

import json
import re
from pathlib import Path

import pytest

from lambent.model import ImageConfig, Outcome, Version
from lambent.observe import report

ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
AT = 1_730_056_665.586  # 2024-10-27T19:17:45.586Z
RECORDING = Path(__file__).resolve().parents[4] / "shared/oracles/recordings/lambda___test_lambda_runtimes.json"


def version(**changes) -> Version:
    given = {
        "account": "111111111111",
        "region": "eu-west-1",
        "name": "hello",
        "version": "$LATEST",
        "revision": "r1",
        "runtime": "python3.13",
        "handler": "app.handler",
        "code_digest": "c0de",
    }
    return Version(**(given | changes))


def outcome(**changes) -> Outcome:
    return Outcome(**({"payload": b"1", "duration_ms": 133.605, "billed_ms": 134, "memory_peak_mb": 31} | changes))


def recorded() -> list[str]:
    if not RECORDING.exists():
        pytest.skip("the recordings of AWS are not beside this checkout")
    name = "tests/aws/services/lambda_/test_lambda_runtimes.py::TestCloudwatchLogs::test_multi_line_prints"
    return [each["message"] for each in json.loads(RECORDING.read_text())[name]["recorded-content"]["log-events"]]


def pattern(message: str) -> str:
    """The recording with its placeholders opened: numbers, ids and names may be any."""
    opened = re.sub(r"<(duration|version)>", "§number§", message)
    opened = re.sub(r"<[a-z-]+>", "§word§", opened)
    return re.escape(opened).replace("§number§", r"\d+(?:\.\d\d)?").replace("§word§", r"[\w-]+")


def test_a_cold_invocation_writes_the_recorded_lines_tabs_included():
    events = recorded()
    ours = report.init_start(version(), AT) + report.start(ID, version(), AT)
    ours += report.end(ID, version(), outcome(init_ms=80.0), AT)
    theirs = [event for event in events if event.split()[0] in ("INIT_START", "START", "END", "REPORT")]
    lines = ours.decode().splitlines(keepends=True)
    assert len(lines) == len(theirs)
    for line, wanted in zip(lines, theirs, strict=True):
        assert re.fullmatch(pattern(wanted), line), (line, wanted)


def test_a_warm_report_has_no_init_and_ends_in_a_tab():
    assert report.end(ID, version(), outcome(), AT).decode() == (
        f"END RequestId: {ID}\n"
        f"REPORT RequestId: {ID}\tDuration: 133.60 ms\tBilled Duration: 134 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 31 MB\t\n"
    )


def test_a_time_out_is_written_before_end_and_named_in_the_report():
    slow = version(timeout_s=3)
    assert (
        report.timed_out(ID, slow, AT)
        == f"2024-10-27T19:17:45.586Z {ID} Task timed out after 3.00 seconds\n\n".encode()
    )
    line = report.end(ID, slow, outcome(status="timeout", error_type="Sandbox.Timedout", duration_ms=3000.0), AT)
    assert line.endswith(b"Max Memory Used: 31 MB\tStatus: timeout\n")


def test_an_environment_that_died_is_named_with_its_error_type():
    line = report.end(ID, version(), outcome(status="failure", error_type="Runtime.ExitError"), AT)
    assert line.endswith(b"Max Memory Used: 31 MB\tStatus: error\tError Type: Runtime.ExitError\n")


def test_an_error_of_the_function_itself_is_no_status_of_the_report():
    line = report.end(ID, version(), outcome(status="error", error_type="ValueError"), AT)
    assert line.endswith(b"Max Memory Used: 31 MB\t\n")


@pytest.mark.parametrize(
    ("runtime", "shown"),
    [
        ("python3.9", "python:3.9.v1"),
        ("python3.13", "python:3.13.v1"),
        ("nodejs22.x", "nodejs:22.v1"),
        ("provided.al2023", "provided:al2023.v1"),
        ("provided.al2", "provided:al2.v1"),
    ],
)
def test_the_runtime_version_is_written_in_aws_form(runtime, shown):
    line = report.init_start(version(runtime=runtime), AT).decode()
    assert re.fullmatch(
        rf"INIT_START Runtime Version: {re.escape(shown)}\tRuntime Version ARN: "
        r"arn:aws:lambda:eu-west-1::runtime:[0-9a-f]{64}\n",
        line,
    )


def test_a_container_image_has_no_runtime_version_to_tell_of():
    image = version(runtime="", image=ImageConfig())
    assert report.init_start(image, AT) == b""
    record = json.loads(report.init_start(version(runtime="", image=ImageConfig(), log_format="JSON"), AT))["record"]
    assert not {"runtimeVersion", "runtimeVersionArn"} & set(record)


def test_the_json_log_mode_writes_the_events_of_the_telemetry_schema():
    plain = version(log_format="JSON")
    started = json.loads(report.start(ID, plain, AT))
    assert started == {
        "time": "2024-10-27T19:17:45.586Z",
        "type": "platform.start",
        "record": {"requestId": ID, "version": "$LATEST"},
    }
    init = json.loads(report.init_start(plain, AT))
    assert init["type"] == "platform.initStart"
    assert init["record"]["runtimeVersion"] == "python:3.13.v1"
    assert init["record"]["initializationType"] == "on-demand"
    ended = json.loads(report.end(ID, plain, outcome(init_ms=80.0004), AT))
    assert ended["type"] == "platform.report"
    assert ended["record"] == {
        "requestId": ID,
        "status": "success",
        "metrics": {
            "durationMs": 133.605,
            "billedDurationMs": 134,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 31,
            "initDurationMs": 80.0,
        },
    }


def test_a_failed_invocation_names_its_error_type_in_json():
    line = report.end(ID, version(log_format="JSON"), outcome(status="timeout", error_type="Sandbox.Timedout"), AT)
    document = json.loads(line)["record"]
    assert (document["status"], document["errorType"]) == ("timeout", "Sandbox.Timedout")


@pytest.mark.parametrize(
    ("changes", "speaks"),
    [
        ({}, True),
        ({"system_log_level": "WARN"}, True),  # levels need JSON
        ({"log_format": "JSON"}, True),
        ({"log_format": "JSON", "system_log_level": "DEBUG"}, True),
        ({"log_format": "JSON", "system_log_level": "INFO"}, True),
        ({"log_format": "JSON", "system_log_level": "WARN"}, False),
    ],
)
def test_only_json_logs_at_level_warn_leave_the_platforms_lines_out(changes, speaks):
    assert report.speaks(version(**changes)) is speaks


TRACE = "Root=1-6553f100-a0a1a2a3a4a5a6a7a8a9aaab;Parent=53995c3f42cd8ad8;Sampled="


def test_a_sampled_invocation_of_an_active_function_names_its_trace_below_the_report():
    line = report.end(ID, version(active_tracing=True), outcome(), AT, TRACE + "1;Lineage=1:0a0a0a0a:0").decode()
    assert line.splitlines()[2] == (
        "XRAY TraceId: 1-6553f100-a0a1a2a3a4a5a6a7a8a9aaab\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t"
    )


def test_in_json_it_is_a_member_of_the_report():
    line = report.end(ID, version(active_tracing=True, log_format="JSON"), outcome(), AT, TRACE + "1")
    assert json.loads(line)["record"]["tracing"] == {
        "spanId": "53995c3f42cd8ad8",
        "type": "X-Amzn-Trace-Id",
        "value": TRACE + "1",
    }
    assert "tracing" not in json.loads(report.end(ID, version(log_format="JSON"), outcome(), AT, TRACE + "1"))["record"]


@pytest.mark.parametrize(("active", "decision"), [(True, "0"), (False, "1")])
def test_others_do_not(active, decision):
    assert b"XRAY" not in report.end(ID, version(active_tracing=active), outcome(), AT, TRACE + decision)
