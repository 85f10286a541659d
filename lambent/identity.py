"""Who may call, put together: the server's keys, its temporary credentials, and who checks both. A piece of app."""

import logging
from pathlib import Path

from lambent.clock import Clock
from lambent.edge.vending import Vending
from lambent.iam import credentials
from lambent.iam.authenticator import Authenticator
from lambent.iam.credentials import Mint, Temporary, Voucher, master_key
from lambent.iam.keys import Key, Keyring, make
from lambent.model import Version
from lambent.runtimes.environment import Credentials
from lambent.services.sts.registry import Sts
from lambent.settings import Settings
from lambent.store.durable import write_whole
from lambent.stores import Stores

log = logging.getLogger("lambent")

FIRST_KEY = "credentials"  # file in the data directory, as AWS clients read it
HALF_A_DAY_S, HOUR_S, YEAR_S = 43_200.0, 3_600.0, 31_536_000.0


class FunctionKeys:
    """The credentials of functions' roles, as sandboxes get them (sandbox.role_keys.RoleKeys)."""

    def __init__(self, mint: Mint, clock: Clock, valid_s: float) -> None:
        self._mint = mint
        self._clock = clock
        self.valid_s = valid_s

    def of(self, version: Version) -> Credentials:
        made = self._made(version.account, version.role, version.name)
        return Credentials(made.access_key, made.secret_key, made.token)

    def voucher(self, version: Version) -> str:
        return self._mint.voucher(Voucher(version.account, version.role, version.name))

    def redeem(self, voucher: str) -> Temporary | None:
        found = self._mint.redeem(voucher)
        return None if found is None else self._made(found.account, found.role, found.function)

    def _made(self, account: str, role: str, function: str) -> Temporary:
        """The session of a function is named after it, as on AWS."""
        return self._mint.mint(credentials.assumed_role(role, function, account), self._clock.epoch() + self.valid_s)


class Identity:
    """`keys` are added and removed by the operator, `mint` makes temporary credentials, `authenticator` checks both."""

    def __init__(self, settings: Settings, stores: Stores, clock: Clock, real: Clock) -> None:
        """`clock` is the product's, by which credentials expire; clients date their signatures by the `real` one."""
        master = master_key(settings.data_dir)
        self._settings = settings
        self._clock = clock
        self.mint = Mint(master)
        self.keys = Keyring(stores.access_keys, master)
        self.authenticator = Authenticator(settings, self.keys, self.mint, clock, real.epoch)
        self.functions = FunctionKeys(self.mint, clock, validity_s(settings.max_age_s))
        self.sts = Sts(self.mint, clock)
        self.vending = Vending(self.functions.redeem, self.functions.valid_s, real.epoch)

    async def ready(self) -> None:
        """The first key, for a server that requires keys and has none: in a file, since logs are read by many."""
        account = self._settings.account
        own = [key for key in self.keys.everyone() if key.principal.account == account and not key.lost]
        if self._settings.auth and not own:
            key = make(account, "", self._clock.epoch())
            write_credentials(self._settings.data_dir / FIRST_KEY, key)
            await self.keys.keep(key)

    def told(self) -> str:
        """What the banner says of it; "" while signatures are not required."""
        if not self._settings.auth:
            return ""
        count = len(self.keys)
        file = self._settings.data_dir / FIRST_KEY
        where = f"; the first one is in {file}" if file.exists() else ""
        return f"every request must be signed; {count} key{'' if count == 1 else 's'}{where}"


def validity_s(max_age_s: int) -> float:
    """How long credentials of a sandbox are good: longer than any sandbox lives (0: for ever, which is a year here)."""
    return max(HALF_A_DAY_S, max_age_s + HOUR_S) if max_age_s else YEAR_S


def write_credentials(path: Path, key: Key) -> None:
    """As AWS_SHARED_CREDENTIALS_FILE takes it; for its owner only. On disk when it returns."""
    text = f"[default]\naws_access_key_id = {key.principal.access_key}\naws_secret_access_key = {key.secret}\n"
    write_whole(path, text.encode())
