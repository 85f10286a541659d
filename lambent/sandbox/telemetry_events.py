"""The events of the Telemetry API: pure functions to {"time", "type", "record"}. Source: lambda-semantics.md §13."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lambent.model import Outcome, Version
from lambent.observe.report import iso

Record = dict[str, Any]


class Event(msgspec.Struct, frozen=True):
    """`record` is what the newest schema says; `plain`, if set, what the first one does."""

    time: str
    type: str  # "platform.start", "function", "extension"
    record: Any
    plain: Any = None

    @property
    def category(self) -> str:
        return self.type.partition(".")[0]

    def encode(self, schema: str) -> bytes:
        older = schema == "2022-07-01" and self.plain is not None
        return _encode({"time": self.time, "type": self.type, "record": self.plain if older else self.record})


class Init(msgspec.Struct, frozen=True):
    """Which initialization it is."""

    phase: str = "init"  # init | invoke (run again at the first invoke) | snap-start
    kind: str = "on-demand"  # AWS_LAMBDA_INITIALIZATION_TYPE


_encode = msgspec.json.Encoder().encode


def platform(at: float, kind: str, record: Record) -> Event:
    """An event of the platform; members that are None are left out."""
    return Event(iso(at), f"platform.{kind}", {name: value for name, value in record.items() if value is not None})


def lines(at: float, kind: str, data: bytes, *, as_json: bool) -> Iterator[Event]:
    """Each line that a function or an extension wrote; one that is a JSON object is one from schema 2022-12-13 on."""
    for line in data.removesuffix(b"\n").split(b"\n"):
        text = line.decode("utf-8", "replace")
        parsed = _object(line) if as_json else None
        yield Event(iso(at), kind, text) if parsed is None else Event(iso(at), kind, parsed, text)


def _object(line: bytes) -> Record | None:
    try:
        return msgspec.json.decode(line, type=Record) if line.startswith(b"{") else None
    except msgspec.MsgspecError:
        return None


def tracing(header: str) -> Record | None:
    return {"type": "X-Amzn-Trace-Id", "value": header} if header else None


def span(name: str, start: float, duration_ms: float) -> Record:
    """`start` is in epoch seconds."""
    return {"name": name, "start": iso(start), "durationMs": round(duration_ms, 3)}


def init_start(at: float, version: Version, init: Init, stream: str, runtime: tuple[str, str]) -> Event:
    """`runtime` is its version and the ARN of that, both empty for a container image."""
    own = {"runtimeVersion": runtime[0], "runtimeVersionArn": runtime[1]} if runtime[0] else {}
    record: Record = {
        "initializationType": init.kind, "phase": init.phase, **own, "functionName": version.name,
        "functionVersion": version.version, "instanceId": stream, "instanceMaxMemory": version.memory_mb * 1024 * 1024,
    }  # fmt: skip
    return platform(at, "initStart", record)


def restore_start(at: float, version: Version, stream: str, runtime: tuple[str, str]) -> Event:
    """A clone of a version with SnapStart begins."""
    record: Record = {
        "runtimeVersion": runtime[0], "runtimeVersionArn": runtime[1], "functionName": version.name,
        "functionVersion": version.version, "instanceId": stream, "instanceMaxMemory": version.memory_mb * 1024 * 1024,
    }  # fmt: skip
    return platform(at, "restoreStart", record)


def restore_runtime_done(at: float, error_type: str | None) -> Event:
    return platform(at, "restoreRuntimeDone", {"status": _status(error_type), "errorType": error_type})


def restore_report(at: float, error_type: str | None, duration_ms: float) -> Event:
    record = {"status": _status(error_type), "errorType": error_type, "metrics": {"durationMs": round(duration_ms, 3)}}
    return platform(at, "restoreReport", record)


def init_runtime_done(at: float, init: Init, error_type: str | None) -> Event:
    record = {
        "initializationType": init.kind, "phase": init.phase, "status": _status(error_type), "errorType": error_type,
    }  # fmt: skip
    return platform(at, "initRuntimeDone", record)


def init_report(at: float, init: Init, error_type: str | None, duration_ms: float) -> Event:
    record = {
        "initializationType": init.kind, "phase": init.phase, "status": _status(error_type), "errorType": error_type,
        "metrics": {"durationMs": round(duration_ms, 3)},
    }  # fmt: skip
    return platform(at, "initReport", record)


def _status(error_type: str | None) -> str:
    return "success" if error_type is None else "timeout" if error_type == "Sandbox.Timedout" else "error"


def start(at: float, request_id: str, version: Version, trace: str) -> Event:
    record = {"requestId": request_id, "version": version.version, "tracing": tracing(trace)}
    return platform(at, "start", record | {"tenantId": version.tenant or None})


def runtime_done(
    at: float, request_id: str, outcome: Outcome, *, began: float, duration_ms: float, trace: str
) -> Event:
    """`began` is when the runtime was given the invocation, epoch seconds; `duration_ms` until it had answered."""
    answered = outcome.status in ("success", "error")
    produced = outcome.streamed_bytes + (len(outcome.payload) if answered else 0)
    record: Record = {
        "requestId": request_id, "status": invocation_status(outcome), "errorType": _fatal(outcome),
        "metrics": {"durationMs": round(duration_ms, 3), "producedBytes": produced},
        "spans": _spans(began, duration_ms) if answered else [], "tracing": tracing(trace),
    }  # fmt: skip
    return platform(at, "runtimeDone", record)


def _spans(began: float, duration_ms: float) -> list[Record]:
    """A buffered answer comes in one piece, and the runtime is ready again when it has been taken."""
    end = began + duration_ms / 1000
    return [
        span("responseLatency", began, duration_ms),
        span("responseDuration", end, 0.0),
        span("runtimeOverhead", end, 0.0),
    ]


def report(
    at: float, request_id: str, version: Version, outcome: Outcome, *, overhead: Record | None, trace: str
) -> Event:
    """`overhead` is the span extensionOverhead, if there are extensions."""
    metrics: Record = {
        "durationMs": round(outcome.duration_ms, 3), "billedDurationMs": outcome.billed_ms,
        "memorySizeMB": version.memory_mb, "maxMemoryUsedMB": outcome.memory_peak_mb,
    }  # fmt: skip
    if outcome.init_ms is not None:
        metrics["initDurationMs"] = round(outcome.init_ms, 3)
    record: Record = {
        "requestId": request_id, "status": invocation_status(outcome), "errorType": _fatal(outcome),
        "metrics": metrics, "spans": [overhead] if overhead else None, "tracing": tracing(trace),
    }  # fmt: skip
    return platform(at, "report", record)


def invocation_status(outcome: Outcome) -> str:
    """failure is for what Lambda itself did; a runtime or extension that crashed is an error (rapid/handlers.go)."""
    if outcome.status == "failure":
        return "failure" if (outcome.error_type or "").startswith("Sandbox.") else "error"
    return outcome.status


def _fatal(outcome: Outcome) -> str | None:
    return outcome.error_type if outcome.status == "failure" else None


def extension(at: float, name: str, state: str, events: tuple[str, ...], error_type: str) -> Event:
    record = {"name": name, "state": state, "events": list(events), "errorType": error_type or None}
    return platform(at, "extension", record)


def subscribed(at: float, name: str, types: tuple[str, ...]) -> Event:
    return platform(at, "telemetrySubscription", {"name": name, "state": "Subscribed", "types": list(types)})


def logs_dropped(at: float, dropped_bytes: int, records: int, reason: str) -> Event:
    return platform(at, "logsDropped", {"droppedBytes": dropped_bytes, "droppedRecords": records, "reason": reason})
