"""What the platform says to the runtime inside one sandbox, and what it hears back; two implementations speak it.

ChannelLink talks frames to our own guests over a socket pair, HttpLink serves the Runtime API to a custom runtime.
"""

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lambent.errors import SandboxError

if TYPE_CHECKING:
    from lambent.sandbox.streamed import Sink


class LinkClosed(SandboxError):
    """The runtime went away, or said something that breaks the protocol."""


class InitSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All that a runtime is told before its first invocation; its JSON is the meta of an INIT frame."""

    environ: dict[str, str]  # the complete environment, not additions
    handler: str  # "app.handler"
    task_root: str = "/var/task"
    opt: str = "/opt"
    log_format: str = "Text"  # or "JSON"
    log_level: str | None = None  # AWS's level name: TRACE … FATAL; None: the runtime's own default
    # Files inside that are started before the runtime initialises, which then waits to be told to proceed.
    extensions: tuple[str, ...] = ()
    extension_environ: dict[str, str] = {}  # their complete environment
    # Of a container image: what to execute, and where. The latter is "" for every other function.
    command: tuple[str, ...] = ()
    working_directory: str = ""
    exec_wrapper: str | None = None  # a program inside, under which the runtime executes itself once more


class InitDone(msgspec.Struct, frozen=True):
    """How init ended: both None when the runtime is ready for invocations."""

    error_type: str | None = None  # "Runtime.ImportModuleError"
    error_body: bytes | None = None  # the JSON error document, as a client sees it


class Reply(msgspec.Struct, frozen=True):
    """What the function answered to one invocation, or the error document that stands for it."""

    payload: bytes
    error_type: str | None = None  # None: the function answered
    last: bool = False  # the runtime ends behind this answer: nothing more may be sent to it


class RuntimeLink(Protocol):
    """One runtime in one sandbox, one invocation at a time.

    The caller keeps the time: every wait here is unbounded, and cancelling it leaves the link unusable (close it).
    """

    @property
    def closed(self) -> bool:
        """The runtime hung up, or this end did: nothing can be sent any more."""
        ...

    async def init(self, spec: InitSpec) -> InitDone:
        """Hand over identity and settings; return when the runtime is ready or has reported why it cannot be.

        Raises LinkClosed when the runtime goes away without a word.
        """
        ...

    def proceed(self) -> None:
        """The extensions of the `spec` have registered: let the runtime initialise. `init` has been told already."""
        ...

    async def invoke(self, token: bytes, meta: dict[str, Any], payload: bytes) -> Reply:
        """Run one invocation to its answer.

        `token` is 16 unguessable bytes, `meta` has id, arn, deadline (epoch ms), trace, context, identity, tenant.
        Raises LinkClosed when the runtime goes away or answers anything but this invocation.
        """
        ...

    async def stream(self, token: bytes, meta: dict[str, Any], payload: bytes, sink: "Sink") -> Reply:
        """As `invoke`, but what a streaming runtime says goes to `sink` as it comes; the reply is what `sink` makes of
        its end. A runtime that does not stream is replied as by `invoke`, and `sink` hears nothing."""
        ...

    def close(self) -> None:
        """Drop the connection; whoever waits gets LinkClosed. The process itself is ended by the sandbox's owner."""
        ...
