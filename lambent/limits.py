"""What limits what runs: admission and provisioned concurrency, as the store says and as functions change."""

from collections.abc import Callable
from typing import Any

from lambent.clock import Clock
from lambent.invoke.admission import Admission
from lambent.invoke.resolve import Split
from lambent.model import Allocation, Version
from lambent.sandbox.keeper import Keeper
from lambent.sandbox.provisioner import Provisioner
from lambent.settings import Settings
from lambent.store.concurrency import Concurrency

SHOWN = 20  # functions in the status document: those with the most executions

Load = Callable[[str, str, str, str | None], Version | Split]  # account, region, name, qualifier


class Limits:
    """A piece of app, which tells it of everything that happens."""

    def __init__(self, settings: Settings, concurrency: Concurrency, keeper: Keeper, load: Load, clock: Clock) -> None:
        self._concurrency = concurrency
        self._load = load
        self.admission = Admission(settings.concurrency, settings.idle_expiry_s)
        self.provisioner = Provisioner(keeper, self.admission, clock, self._requested, self._versions)

    def load_reserved(self) -> None:
        """Before the first call."""
        for each in self._concurrency.all_reserved():
            self.admission.set_reserved(each.account, each.region, each.name, each.reserved)

    def load_provisioned(self) -> None:
        """When there is an agent to make environments with."""
        for function in {(each.account, each.region, each.name) for each in self._concurrency.all_provisioned()}:
            self.provisioner.look(*function)

    def changed(self, account: str, region: str, name: str) -> None:
        """Limits of a function were set or taken away, or what a qualifier of it stands for."""
        self.admission.set_reserved(account, region, name, self._concurrency.reserved(account, region, name))
        self.provisioner.look(account, region, name)

    def function_changed(self, account: str, region: str, name: str, *, exists: bool) -> None:
        """A function or a version of it was updated or deleted."""
        self.provisioner.look(account, region, name)
        if exists:
            self.admission.environments_gone(account, region, name)
        else:
            self.admission.forget(account, region, name)

    def agent_gone(self) -> None:
        """The node agent died, and every environment with it."""
        self.admission.environments_gone()
        self.provisioner.agent_gone()

    def allocation(self, account: str, region: str, name: str, qualifier: str) -> Allocation:
        return self.provisioner.allocation((account, region, name, qualifier))

    def status(self) -> list[dict[str, Any]]:
        """The functions that run most, those that have claimed concurrency, and how far that is."""
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for quota in self.admission.notable(SHOWN):
            row = _row((quota.account, quota.region, quota.name), rows)
            row |= {"running": quota.running + quota.warm, "reserved": quota.reserved}
        for key in self.provisioner.qualifiers():
            _row(key[:3], rows)["provisioned"][key[3]] = self.provisioner.allocation(key)
        return list(rows.values())

    # -- what the provisioner asks

    def _requested(self, account: str, region: str, name: str) -> dict[str, int]:
        return {each.qualifier: each.requested for each in self._concurrency.provisioned(account, region, name)}

    def _versions(self, key: tuple[str, str, str, str]) -> list[tuple[Version, float]]:
        """What a qualifier stands for, with the share of its calls. Raises ResourceNotFound."""
        found = self._load(*key)
        if isinstance(found, Split):
            return [(found.version, 1 - found.share), (found.other, found.share)]
        return [(found, 1.0)]


def _row(function: tuple[str, str, str], rows: dict[tuple[str, str, str], dict[str, Any]]) -> dict[str, Any]:
    account, region, name = function
    empty: dict[str, Any] = {"running": 0, "reserved": None, "provisioned": {}}
    return rows.setdefault(function, {"account": account, "region": region, "name": name} | empty)
