"""`lambent up`: one App from its start to its orderly end, in a process that has given up its privileges."""

import asyncio
import gc
import logging
import os
import signal
import sys

import uvloop

from lambent import privileges
from lambent.banner import banner
from lambent.errors import LambentError
from lambent.sandbox.agent_process import AgentProcess
from lambent.sandbox.confinement import confine
from lambent.settings import Settings
from lambent.store.lock import DirectoryLock


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status."""
    logging.basicConfig(
        level=logging.WARNING if settings.quiet else logging.INFO, format="lambent: %(message)s", stream=sys.stderr
    )
    data = settings.data_dir
    try:
        privileges.allow_many_descriptors()
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        DirectoryLock(data).release()  # refused before an agent is started for nothing
        process = AgentProcess(settings, data)
        process.start()
        import lambent.app  # noqa: F401 -- half a second, in which the agent makes itself ready

        if os.geteuid() == 0:
            privileges.give_up(data, settings.port)
            confine()
        return uvloop.run(_serve(settings, process))
    except LambentError as error:
        print(f"lambent: {error.message}", file=sys.stderr)
        return 1


async def _serve(settings: Settings, process: AgentProcess) -> int:
    from lambent.app import App

    app = App(settings, process)
    loop = asyncio.get_running_loop()
    enough = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, enough.set)
    try:
        await app.start()
    except LambentError as error:
        print(f"lambent: {error.message}", file=sys.stderr)
        await app.stop()
        return 1
    calm_collector()
    if app.keeper.agency.agent:
        hello, auth = app.keeper.agency.agent.hello, app.identity.told()
        external = app.triggers.external.rules
        print(banner(app.endpoint, hello, settings, app.clock.epoch(), auth=auth, external=external), flush=True)
    await asyncio.wait(
        [asyncio.ensure_future(enough.wait()), asyncio.ensure_future(app.node.failed.wait())],
        return_when=asyncio.FIRST_COMPLETED,
    )
    if not settings.quiet:
        print("lambent: draining; running calls may finish", flush=True)
    await app.stop()
    return 1 if app.node.failed.is_set() else 0


def calm_collector() -> None:
    """What was built at start stays: looking it through at every collection cost a fifth of the time of a warm call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.0005)  # the threads that write logs and records must not hold a call up for 5 ms
