"""Everything that is kept in the data directory of what was deployed, opened and looked through."""

from pathlib import Path

from lambent.store.access_keys import AccessKeys
from lambent.store.aliases import Aliases
from lambent.store.capacity_providers import CapacityProviders
from lambent.store.code import CodeStore
from lambent.store.code_signing import CodeSigning
from lambent.store.concurrency import Concurrency
from lambent.store.database import Database
from lambent.store.event_source_mappings import EventSourceMappings
from lambent.store.function_urls import FunctionUrls
from lambent.store.functions import Functions
from lambent.store.image_names import ImageNames
from lambent.store.images import ImageStore
from lambent.store.integrity import Shift, damaged_packages
from lambent.store.invoke_configs import InvokeConfigs
from lambent.store.layers import Layers
from lambent.store.policies import Policies
from lambent.store.runtime_management import RuntimeManagements


class Stores:
    """A piece of app. Raises StoreError if the directory is in use, damaged, or written by a newer Lambent."""

    def __init__(self, directory: Path) -> None:
        self._shift = Shift(directory)
        self._shift.check(directory / "lambent.db", directory / "queue" / "lambent.db")
        self.database = Database(directory)
        self.functions = Functions(self.database)
        self.function_urls = FunctionUrls(self.database)
        self.access_keys = AccessKeys(self.database)
        self.aliases = Aliases(self.database)
        self.layers = Layers(self.database)
        self.image_names = ImageNames(self.database)
        self.concurrency = Concurrency(self.database)
        self.invoke_configs = InvokeConfigs(self.database)
        self.mappings = EventSourceMappings(self.database)
        self.code_signing = CodeSigning(self.database)
        self.policies = Policies(self.database)
        self.runtime_management = RuntimeManagements(self.database)
        self.capacity_providers = CapacityProviders(self.database)
        self.code, self.images = CodeStore(directory / "code"), ImageStore(directory / "images")
        self.code.repair()
        self.images.repair()

    def look_through_packages(self) -> None:
        """Name those that are damaged; takes a while where there are many."""
        damaged_packages(self.code, self._shift)

    def close(self) -> None:
        """In order: after that the next start has nothing to look through."""
        self.database.close()
        self._shift.over()
