"""The process above the node agent: it starts the agent, again when that is killed, and ends with the front end."""

import contextlib
import logging
import os
import signal
import stat
from collections.abc import Callable

from lambent.sandbox import mounts

log = logging.getLogger("lambent.agent")


def take_lifeline() -> int | None:
    """The pipe that the front end has put in the place of standard input and never writes to; None if there is none.

    Nothing that is started from here on shall have it.
    """
    try:
        lifeline = os.dup(0) if stat.S_ISFIFO(os.fstat(0).st_mode) else None
    except OSError:
        lifeline = None
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return lifeline


def supervise(work: Callable[[], int]) -> int:
    """Do `work` in a child, again whenever that is killed; the front end has no privilege to start it anew."""
    while True:
        child = os.fork()
        if child == 0:
            mounts.die_with_parent()
            os._exit(work())
        signal.signal(signal.SIGTERM, lambda *_, pid=child: end(pid))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            return os.WEXITSTATUS(status)
        log.error("the agent was killed by signal %d; starting another", os.WTERMSIG(status))


def end(pid: int) -> None:
    """Ask a process to end, which may have ended this instant."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
