"""Who may call, put together: the server's keys, its temporary credentials, and who checks both. A piece of app."""

from lambent.clock import Clock
from lambent.iam.authenticator import Authenticator
from lambent.iam.credentials import Mint, master_key
from lambent.iam.keys import Keyring
from lambent.settings import Settings
from lambent.stores import Stores


class Identity:
    """`keys` are added and removed by the operator, `mint` makes temporary credentials, `authenticator` checks both."""

    def __init__(self, settings: Settings, stores: Stores, clock: Clock, real: Clock) -> None:
        """`clock` is the product's, by which credentials expire; clients date their signatures by the `real` one."""
        master = master_key(settings.data_dir)
        self.mint = Mint(master)
        self.keys = Keyring(stores.access_keys, master)
        self.authenticator = Authenticator(settings, self.keys, self.mint, clock, real.epoch)
