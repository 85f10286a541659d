"""The engine as the control plane sees it: what control.capacity.Capacity asks for, done by the parts of the engine."""

from collections.abc import Callable, Coroutine, Mapping, Sequence, Set
from typing import Any

from lambent.invoke.resolve import Resolver
from lambent.limits import Limits
from lambent.model import Allocation, Version
from lambent.names import Names
from lambent.sandbox.keeper import Keeper
from lambent.sandbox.unsealing import Secrets
from lambent.store.invoke_configs import InvokeConfigs

# Told of a function that is gone: account, region, name.
Gone = Callable[[str, str, str], None]


class EngineCapacity:
    """A piece of app; see control/capacity.py for what each method promises. `gone` is set by app."""

    def __init__(
        self, keeper: Keeper, resolver: Resolver, limits: Limits, names: Names, invoke_configs: InvokeConfigs
    ) -> None:
        self._keeper = keeper
        self._resolver = resolver
        self._limits = limits
        self._names = names
        self._invoke_configs = invoke_configs
        self._secrets = Secrets(keeper.agency.present)
        self.gone: Gone = lambda account, region, name: None

    def seal(self, variables: Mapping[str, str], owner: str, key: str = "") -> Coroutine[Any, Any, bytes]:
        return self._secrets.seal(variables, owner, key)

    def open(self, sealed: Sequence[tuple[bytes, str]]) -> Coroutine[Any, Any, list[dict[str, str] | str]]:
        return self._secrets.open(sealed)

    async def prepare(self, version: Version) -> None:
        await self._keeper.prepare(version)

    def changed(self, account: str, region: str, name: str) -> None:
        self._forget_names(account, region, name)
        exists = self._names.exists(account, region, name)
        if not exists:
            self.gone(account, region, name)
        self._keeper.changed(account, region, name, lambda number: self._names.stays(account, region, name, number))
        self._limits.function_changed(account, region, name, exists=exists)

    def rerouted(self, account: str, region: str, name: str) -> None:
        self._forget_names(account, region, name)
        self._limits.changed(account, region, name)

    def limits_changed(self, account: str, region: str, name: str) -> None:
        self._limits.changed(account, region, name)

    def allocation(self, account: str, region: str, name: str, qualifier: str) -> Allocation:
        return self._limits.allocation(account, region, name, qualifier)

    def reads(self, digests: Set[str]) -> bool:
        return self._keeper.reads(digests)

    def refuse(self, runtime: str) -> str | None:
        return self._keeper.agency.refuse(runtime)

    def refuse_images(self) -> str | None:
        return self._keeper.agency.refuse_images()

    def refuse_file_systems(self) -> str | None:
        agent = self._keeper.agency.agent
        if agent is None or agent.hello.isolation.kind != "process":
            return None
        return "FileSystemConfigs is not possible on this machine: functions run as plain processes, without mounts."

    def refuse_snapshots(self) -> str | None:
        agent = self._keeper.agency.agent
        return agent.hello.isolation.no_snapshots or None if agent else None

    def _forget_names(self, account: str, region: str, name: str) -> None:
        self._resolver.forget(account, region, name)
        self._invoke_configs.forget(account, region, name)
