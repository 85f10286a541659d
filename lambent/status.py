"""What `lambent status` and `GET /_lambent/status` tell: a piece of app."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from lambent import __version__
from lambent.clock import Clock, iso
from lambent.durable.engine import Executions
from lambent.errors import AgentGone
from lambent.events.delivery import Delivery
from lambent.events.engine import Engine
from lambent.identity import Identity
from lambent.invoke.idempotency import Idempotency
from lambent.limits import Limits
from lambent.observe.journal import Journal
from lambent.sandbox.keeper import Keeper
from lambent.settings import Settings
from lambent.stores import Stores


class Parts(NamedTuple):
    """What it tells of."""

    began: float  # monotonic seconds
    endpoint: Callable[[], str]
    settings: Settings
    clock: Clock
    identity: Identity
    keeper: Keeper
    stores: Stores
    limits: Limits
    events: Engine
    delivery: Delivery
    executions: Executions
    idempotency: Idempotency
    journal: Journal


async def status(parts: Parts) -> dict[str, Any]:
    """As it is now; documented in docs/reference/endpoint.md."""
    return _server(parts) | await _node(parts) | await _work(parts)


def _server(parts: Parts) -> dict[str, Any]:
    now = parts.clock.epoch()
    return {
        "version": __version__,
        "pid": os.getpid(),
        "uptime_s": round(time.monotonic() - parts.began, 3),
        "clock": {"kind": parts.settings.clock, "now": now, "iso": iso(now)},
        "endpoint": parts.endpoint(),
        "data": str(parts.settings.data_dir.absolute()),
        "auth": {"required": parts.settings.auth, "keys": len(parts.identity.keys)},
    }


async def _node(parts: Parts) -> dict[str, Any]:
    """What the node agent says; without one there is less to tell."""
    agent = parts.keeper.agency.agent
    try:
        counts = await agent.counts() if agent else None
    except AgentGone:
        counts = None
    templates, husks = parts.keeper.starter.snapshots.count(), counts.husks if counts else {}
    return {
        "agent_pid": agent.hello.pid if agent else None,
        "isolation": agent.hello.isolation if agent else None,
        "runtimes": sorted(parts.keeper.agency.runtimes().values(), key=lambda info: info.name) if agent else [],
        "sandboxes": parts.keeper.counts() | {"templates": templates, "husks": husks},
    }


async def _work(parts: Parts) -> dict[str, Any]:
    return {
        "functions": len(parts.stores.functions.all_latest()),
        "concurrency": parts.limits.status(),
        "events": parts.events.counts() | await asyncio.to_thread(parts.delivery.counts),
        "durable": parts.executions.counts(),
        "idempotency": parts.idempotency.counts(),
        "journal": {"lost": parts.journal.lost},
    }
