"""What functions, versions and aliases are called, and what that stands for now."""

from collections.abc import Callable

from lambent.arns import FunctionRef
from lambent.control.control import Control
from lambent.control.documents import as_version
from lambent.control.lookup import alias as find_alias
from lambent.control.lookup import version as find_version
from lambent.durable.api_lists import Owner
from lambent.errors import ResourceNotFound
from lambent.invoke.resolve import Split
from lambent.model import Version
from lambent.store.functions import LATEST, Functions


class Names:
    """A piece of app. `control` is asked for late, since it is built of what asks for names."""

    def __init__(self, functions: Functions, control: Callable[[], Control]) -> None:
        self._functions = functions
        self._control = control

    def load(self, account: str, region: str, name: str, qualifier: str | None) -> Version | Split:
        """What a name stands for. Raises ResourceNotFound."""
        # AWS names $LATEST in the ARN of a function that is not there when it is invoked, though nobody asked for it.
        ref = FunctionRef(account, region, name, qualifier or LATEST)
        alias = find_alias(self._control(), ref)
        version = as_version(find_version(self._control(), ref))
        for other, share in alias.additional.items() if alias else ():
            return Split(version, as_version(self._functions.get_version(account, region, name, other)), share)
        return version

    def stays(self, account: str, region: str, name: str, number: str) -> bool:
        """Is this version of a changed function as it was? Published ones never change, they only go."""
        try:
            return number != LATEST and bool(self._functions.get_version(account, region, name, number))
        except ResourceNotFound:
            return False

    def owner(self, ref: FunctionRef) -> Owner:
        """The function of durable executions. Raises ResourceNotFound with the ARN as asked for."""
        control = self._control()
        found = find_alias(control, ref)
        versions = found.versions if found else (find_version(control, ref).version,)
        born = self._functions.get(ref.account, ref.region, ref.name).created_at
        return Owner(born, versions if ref.qualifier else ())

    def exists(self, account: str, region: str, name: str) -> bool:
        try:
            self._functions.get(account, region, name)
        except ResourceNotFound:
            return False
        return True
