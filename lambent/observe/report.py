"""The lines that the platform itself writes into a function's log: INIT_START, INIT_REPORT, START, END, REPORT.
With SnapStart also RESTORE_START and RESTORE_REPORT.

Pure functions to text. Source: lambda-semantics.md §10 and the recordings of test_lambda_runtimes (log-events).
"""

from datetime import UTC, datetime

import msgspec

from lambent.arns import runtime_version_arn
from lambent.model import Outcome, Version
from lambent.observe import tracing

_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}
_json = msgspec.json.Encoder().encode


def iso(epoch: float) -> str:
    """2024-10-27T19:17:45.586Z"""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def speaks(version: Version) -> bool:
    """Whether START, END and REPORT are wanted: JSON logs with SystemLogLevel WARN leave them out."""
    return version.log_format != "JSON" or _LEVELS.get(version.system_log_level or "INFO", 1) < 2


def init_start(version: Version, at: float) -> bytes:
    """The line tells of the runtime only, so that container images, which bring their own, have none."""
    runtime, arn = runtime_version(version)
    if version.log_format == "JSON":
        own = {"runtimeVersion": runtime, "runtimeVersionArn": arn} if runtime else {}
        record: dict[str, object] = {
            "initializationType": initialization(version), "phase": "init", **own,
            "functionName": version.name, "functionVersion": version.version,
        }  # fmt: skip
        return _event(at, "platform.initStart", record)
    if not runtime:
        return b""
    return f"INIT_START Runtime Version: {runtime}\tRuntime Version ARN: {arn}\n".encode()


def init_report(
    version: Version, took_ms: float, *, phase: str, status: str, error_type: str | None, at: float
) -> bytes:
    """What AWS writes of an init that failed; of one that did not, on demand, it writes nothing.

    `phase` is init, or invoke where an invocation waits for the repetition; `status` is timeout or error.
    """
    if version.log_format == "JSON":
        record: dict[str, object] = {
            "initializationType": initialization(version), "phase": phase, "status": status,
            "metrics": {"durationMs": round(took_ms, 3)},
        }  # fmt: skip
        if error_type:
            record["errorType"] = error_type
        return _event(at, "platform.initReport", record)
    kind = f"\tError Type: {error_type}" if error_type else ""
    return f"INIT_REPORT Init Duration: {took_ms:.2f} ms\tPhase: {phase}\tStatus: {status}{kind}\n".encode()


def restore_start(version: Version, at: float) -> bytes:
    runtime, arn = runtime_version(version)
    if version.log_format == "JSON":
        record: dict[str, object] = {
            "functionName": version.name, "functionVersion": version.version, "runtimeVersion": runtime,
            "runtimeVersionArn": arn,
        }  # fmt: skip
        return _event(at, "platform.restoreStart", record)
    return f"RESTORE_START Runtime Version: {runtime}\tRuntime Version ARN: {arn}\n".encode()


def restore_report(version: Version, took_ms: float, status: str, error_type: str | None, at: float) -> bytes:
    """`status` is success, timeout or error; only the last two are shown in text."""
    if version.log_format == "JSON":
        record: dict[str, object] = {"status": status, "metrics": {"durationMs": round(took_ms, 3)}}
        if error_type:
            record["errorType"] = error_type
        return _event(at, "platform.restoreReport", record)
    ending = f"\tStatus: {status}" if status != "success" else ""
    ending += f"\tError Type: {error_type}" if error_type else ""
    return f"RESTORE_REPORT Restore Duration: {took_ms:.2f} ms{ending}\n".encode()


def initialization(version: Version) -> str:
    """AWS's initializationType."""
    if version.provisioned:
        return "provisioned-concurrency"
    return "snap-start" if version.snap_start else "on-demand"


def start(request_id: str, version: Version, at: float) -> bytes:
    if version.log_format == "JSON":
        record: dict[str, object] = {"requestId": request_id, "version": version.version}
        return _event(at, "platform.start", record | _tenant(version))
    return f"START RequestId: {request_id} Version: {version.version}\n".encode()


def end(request_id: str, version: Version, outcome: Outcome, at: float, trace: str = "") -> bytes:
    """END and REPORT, as they follow an invocation; of one that is sampled in its `trace` header, also which trace."""
    if version.log_format == "JSON":
        return _report_event(request_id, version, outcome, at, trace)
    init = f"Init Duration: {outcome.init_ms:.2f} ms\t" if outcome.init_ms is not None else ""
    if outcome.restore_ms is not None:
        init = (
            f"Restore Duration: {outcome.restore_ms:.2f} ms\tBilled Restore Duration: {outcome.restore_billed_ms} ms\t"
        )
    return (
        f"END RequestId: {request_id}\n"
        f"REPORT RequestId: {request_id}\tDuration: {outcome.duration_ms:.2f} ms\t"
        f"Billed Duration: {outcome.billed_ms} ms\tMemory Size: {version.memory_mb} MB\t"
        f"Max Memory Used: {outcome.memory_peak_mb} MB\t{init}{_status(outcome)}\n{_traced(version, trace)}"
    ).encode()


def timed_out(request_id: str, version: Version, at: float) -> bytes:
    """The line that stands in the log before END when the time is up (two line ends, as AWS writes it)."""
    return f"{iso(at)} {request_id} Task timed out after {version.timeout_s:.2f} seconds\n\n".encode()


def _traced(version: Version, trace: str) -> str:
    """The line that AWS adds to REPORT. Source: "Using AWS Lambda with AWS X-Ray", AWS Lambda Developer Guide."""
    found = tracing.segment(trace) if version.active_tracing else None
    return f"XRAY TraceId: {found[0]}\tSegmentId: {found[1]}\tSampled: true\t\n" if found else ""


def _status(outcome: Outcome) -> str:
    if outcome.status == "timeout":
        return "Status: timeout"
    # A runtime's own error is of the platform's kind as well; one of the function's has a name of its own.
    if outcome.status == "failure" or (outcome.error_type or "").startswith("Runtime."):
        return f"Status: error\tError Type: {outcome.error_type}"
    return ""


def _report_event(request_id: str, version: Version, outcome: Outcome, at: float, trace: str) -> bytes:
    metrics = {
        "durationMs": round(outcome.duration_ms, 3), "billedDurationMs": outcome.billed_ms,
        "memorySizeMB": version.memory_mb, "maxMemoryUsedMB": outcome.memory_peak_mb,
    }  # fmt: skip
    if outcome.init_ms is not None:
        metrics["initDurationMs"] = round(outcome.init_ms, 3)
    if outcome.restore_ms is not None:
        metrics["restoreDurationMs"] = round(outcome.restore_ms, 3)
        metrics["billedRestoreDurationMs"] = outcome.restore_billed_ms
    record: dict[str, object] = {"requestId": request_id, "metrics": metrics, "status": outcome.status}
    record |= _tenant(version)
    if outcome.error_type and outcome.status != "success":
        record["errorType"] = outcome.error_type
    found = tracing.segment(trace) if version.active_tracing else None
    if found:
        record["tracing"] = {"spanId": found[1], "type": "X-Amzn-Trace-Id", "value": trace}
    return _event(at, "platform.report", record)


def _tenant(version: Version) -> dict[str, object]:
    """Source: "Monitoring Lambda functions with tenant isolation", AWS Lambda Developer Guide."""
    return {"tenantId": version.tenant} if version.tenant else {}


def _event(at: float, kind: str, record: dict[str, object]) -> bytes:
    return _json({"time": iso(at), "type": kind, "record": record}) + b"\n"


def runtime_version(version: Version) -> tuple[str, str]:
    """python:3.13.v1 and its ARN; the number after v is AWS's build, of which Lambent has one. Images have none."""
    if version.image is not None:
        return "", ""
    family = version.runtime.rstrip("x.").replace("nodejs", "nodejs:").replace("python", "python:")
    name = family.replace("provided.", "provided:")
    return f"{name}.v1", runtime_version_arn(version.runtime, version.region)
