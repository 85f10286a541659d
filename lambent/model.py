"""The frozen nouns that every layer shares. A change makes a copy (`msgspec.structs.replace`)."""

from enum import StrEnum
from typing import Any

import msgspec

IMAGE_RUNTIME = "provided.al2023"  # whose husks container images run in: it brings nothing of its own


class ImageConfig(msgspec.Struct, frozen=True):
    """How a function wants its container image to be run, where that differs from what the image says (None)."""

    entry_point: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    working_directory: str | None = None


class Durability(msgspec.Struct, frozen=True):
    """The DurableConfig of a function: how long each of its executions may take, and is remembered afterwards."""

    timeout_s: int
    retention_days: int
    kms_key: str = ""  # ARN; "": none


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One deployable state of a function: `$LATEST` as it is now, or a published version.

    Everything that running it needs, and nothing that only the API shows. Two Versions with the same `pool_key` may
    share sandboxes; any change of code or configuration makes another `revision`, hence another pool.
    """

    account: str
    region: str
    name: str
    version: str  # "$LATEST" or "1", "2", …
    revision: str  # UUID of the last change; the RevisionId that clients see
    runtime: str  # "python3.13"; "" for a container image
    handler: str
    code_digest: str  # hex SHA-256: key of the code store, or of the image store
    role: str = ""
    memory_mb: int = 128
    timeout_s: int = 3
    tmp_mb: int = 512
    architecture: str = "x86_64"
    environment: dict[str, str] = {}  # empty until the node agent has opened the next
    sealed_environment: bytes = b""  # encrypted, as it is stored
    image: ImageConfig | None = None  # None: a zip
    layers: tuple[str, ...] = ()  # code-store digests, in order of application
    subnets: tuple[str, ...] = ()  # of VpcConfig; none: not in a VPC
    file_systems: tuple[tuple[str, str], ...] = ()  # ARN of an access point, path inside
    log_format: str = "Text"  # or "JSON"
    application_log_level: str | None = None
    system_log_level: str | None = None
    log_group: str = ""
    snap_start: bool = False  # a published version whose sandboxes are clones of one that was initialised at publish
    dead_letter: str = ""  # ARN of the function's dead-letter queue or topic
    active_tracing: bool = False  # TracingConfig: it decides itself which invocations are sampled
    durable: Durability | None = None  # None: it is no durable function
    # The qualifier whose provisioned concurrency this is; its sandboxes are kept apart from those on demand.
    provisioned: str = ""
    per_tenant: bool = False  # each invocation names a tenant, and sandboxes are shared within tenants only
    tenant: str = ""  # whose sandboxes this is about, once an invocation has named one
    state: str = "Active"  # Pending | Active | Inactive | Failed
    state_reason: str = ""
    # Derived once, since every invocation reads them.
    function_arn: str = ""  # without a qualifier
    arn: str = ""  # with this version as its qualifier
    pool_key: str = ""  # sandboxes are shared between invocations that have this in common

    def __post_init__(self) -> None:
        bare = f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"
        msgspec.structs.force_setattr(self, "function_arn", bare)
        msgspec.structs.force_setattr(self, "arn", f"{bare}:{self.version}")
        msgspec.structs.force_setattr(self, "pool_key", f"{bare}:{self.version}@{self.revision}")
        if self.provisioned:
            msgspec.structs.force_setattr(self, "pool_key", f"{self.pool_key}+{self.provisioned}")
        if self.tenant:  # no tenant's id holds a #
            msgspec.structs.force_setattr(self, "pool_key", f"{self.pool_key}#{self.tenant}#")

    @property
    def husk_runtime(self) -> str:
        """The runtime in whose husks it runs."""
        return self.runtime if self.image is None else IMAGE_RUNTIME


class InvocationKind(StrEnum):
    """The InvocationType of the Invoke API."""

    REQUEST_RESPONSE = "RequestResponse"
    EVENT = "Event"
    DRY_RUN = "DryRun"


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One request to run a version: frozen data that the path hands from step to step."""

    request_id: str
    version: Version
    invoked_arn: str  # as the caller asked: with the qualifier only if one was given
    payload: bytes
    received: float  # epoch seconds
    kind: InvocationKind = InvocationKind.REQUEST_RESPONSE
    want_log_tail: bool = False
    client_context: str | None = None  # JSON text, decoded from base64
    trace: str = ""  # X-Amzn-Trace-Id
    attempt: int = 0  # of an event, from 1; 0: somebody waits for the answer
    tried: float = 0.0  # epoch seconds of this attempt at an event; 0: when it was received


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted asynchronous invocation: on disk until it has come to its end."""

    id: int  # of the queue; 0 until it is stored
    request_id: str  # the same in all attempts
    account: str
    region: str
    name: str
    qualifier: str = ""  # as the caller gave it; "": none. What an alias stands for is looked up at each attempt
    payload: bytes
    trace: str = ""  # X-Amzn-Trace-Id
    received: float  # epoch seconds
    due: float  # epoch seconds: not to be tried before
    attempts: int = 0  # that the function has answered, with an error
    throttles: int = 0  # and other failures of ours since: they use up no retry
    tenant: str = ""  # of a function with tenants

    @property
    def function(self) -> tuple[str, str, str]:
        """Account, region and name."""
        return self.account, self.region, self.name

    @property
    def function_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def qualified_arn(self) -> str:
        """As records of destinations name the function: always with a qualifier."""
        return f"{self.function_arn}:{self.qualifier or '$LATEST'}"


class InvokeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How asynchronous invocations of one qualifier are treated; the defaults are AWS's."""

    max_age_s: int = 21_600
    max_retries: int = 2
    on_success: str = ""  # ARN of a destination; "": none
    on_failure: str = ""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How an event ended: with its payload, all that the kept list tells of it. Stored as JSON: only ever add fields.

    `payload` and `answer` say where (offset, length) they lie in the body of the letter that this goes with.
    """

    received: float  # epoch seconds
    failed: float  # epoch seconds, of its end
    trace: str = ""  # X-Amzn-Trace-Id, as it came
    condition: str = ""
    attempts: int = 0
    status: int = 200
    error_type: str = ""
    payload: tuple[int, int] = (0, 0)
    answer: tuple[int, int] = (0, 0)
    onward: str = ""  # the trace header for whatever its end sets off
    tenant: str = ""


FORWARD = "forward"
RETRIES, AGE_S = "retries", "age_s"  # attributes of such a letter: how often and how long it is tried again


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to a destination or a dead-letter queue when an event has come to its end; or what a service passes
    on to another endpoint (FORWARD: `name` is what it comes from, `request_id` its own)."""

    id: int = 0  # of the queue; 0 until it is stored
    request_id: str  # of the event
    account: str
    region: str
    name: str  # of the function
    qualifier: str = ""
    kind: str  # destination | dead-letter | forward
    success: bool = False  # of the invocation
    target: str  # ARN
    body: bytes
    attributes: dict[str, str] = {}  # of a dead-letter message: RequestID, ErrorCode, ErrorMessage
    ended: Ended
    created: float  # epoch seconds
    due: float = 0.0
    tries: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an invocation: the answer or the function error, with its measures."""

    payload: bytes
    function_error: str | None = None  # "Unhandled", or None when the function answered
    error_type: str | None = None  # "Runtime.ExitError", "Sandbox.Timedout", "ValueError"
    status: str = "success"  # success | error | timeout | failure   (platform.report's words)
    cold: bool = False
    duration_ms: float = 0.0
    init_ms: float | None = None  # only for the first invocation of a sandbox
    restore_ms: float | None = None  # the same, of a clone (SnapStart), which has no init
    restore_billed_ms: int = 0  # of it, what the runtime and the function's own hooks took
    billed_ms: int = 0
    memory_peak_mb: int = 0
    cpu_ms: float | None = None
    sandbox: str = ""  # id of the sandbox that ran it
    why_cold: str = ""  # why there was no sandbox waiting for it
    initialization: str = "on-demand"  # AWS's initializationType of that sandbox
    extensions_ms: float | None = None  # of the duration, what extensions took after the answer; None: there are none
    streamed_bytes: int = 0  # of the answer, if the function streamed it to the client
    log_tail: bytes = b""  # the last 4 KB, START to REPORT, when asked for


class RuntimeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime that this machine can run, as the node agent found it."""

    name: str  # "python3.13"
    kind: str  # python | node | ruby | java | provided
    executable: str  # path on the host; "" for provided
    prefix: str = ""  # installation prefix on the host, mounted at /var/lang; "" when it lies under /usr
    version: str = ""  # "3.13.0"
    stands_in_for: str = ""  # set when --runtime-fallback lets this interpreter serve another runtime


class Isolation(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of isolation is in force, as told to the operator."""

    kind: str  # full | userns | process
    namespaces: tuple[str, ...] = ()
    cgroups: str = "none"  # v1 | v2 | none
    network: str = ""  # what functions reach beyond their own loopback, in words
    seccomp: bool = False
    own_uid: bool = False
    warnings: tuple[str, ...] = ()  # one sentence for each thing that is weaker than full
    no_snapshots: str = ""  # why SnapStart is not possible here; "" where it is


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """How far provisioned concurrency is: environments initialised, and those of them that calls get."""

    allocated: int = 0
    available: int = 0  # nought until all of them are ready
    status: str = "IN_PROGRESS"  # IN_PROGRESS | READY | FAILED
    reason: str = ""  # why it failed


class Record(msgspec.Struct, frozen=True, array_like=True):
    """The one compact record that each invocation leaves. Order is the storage format: only ever append fields."""

    at: float  # epoch seconds when it was received
    request_id: str
    arn: str  # qualified ARN of the version that ran
    sandbox: str
    outcome: str  # success | error | timeout | failure | throttled
    error_type: str | None
    cold: bool
    wait_ms: float  # from received to running: admission and placement
    init_ms: float | None
    duration_ms: float
    billed_ms: int
    memory_mb: int
    memory_peak_mb: int
    cpu_ms: float | None
    request_bytes: int
    response_bytes: int
    reason: str | None = None  # why it was cold, throttled or failed
    attempt: int = 0  # of an event; 0: somebody waited for the answer
    initialization: str = "on-demand"  # or provisioned-concurrency, snap-start
    tried: float = 0.0  # of an event: epoch seconds of this attempt
    extensions_ms: float | None = None  # of the duration, what extensions took after the runtime's answer


Document = dict[str, Any]
