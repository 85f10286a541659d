"""Who may use Lambent's own requests, under /_lambent/, while signatures are required.

An operator is a user, or the root, of the server's own account: all of it. Users of other accounts see the logs and
metrics of their own account. Roles, hence functions, get nothing. Links to code carry a signature of their own.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from msgspec.structs import replace

from lambent.control import download
from lambent.edge import sns
from lambent.errors import AwsError
from lambent.iam.authenticator import refuse_page
from lambent.principal import NOBODY, Principal
from lambent.settings import Settings
from lambent.wire.http import Request

_OWN = ("/_lambent/logs/", "/_lambent/metrics")  # what tells of the account that its query names

Signer = Callable[[Request], Principal]  # NOBODY if it is not signed. Raises AwsError for whom it does not believe


class Gate:
    """`admit` gives the request as it may be answered."""

    def __init__(self, settings: Settings, signer: Signer) -> None:
        self._settings = settings
        self._signer = signer

    def admit(self, request: Request) -> Request:
        """Raises AwsError for what this caller may not do."""
        if request.path.startswith((download.PREFIX, f"{sns.PREFIX}/")):
            return request
        caller = self._signer(request)
        if not caller.proven:
            refuse_page(request)
        if not self._settings.auth or self._is_operator(caller):
            return request
        if caller == NOBODY:
            raise AwsError("Missing Authentication Token", code="MissingAuthenticationTokenException", status=403)
        if request.method in ("GET", "HEAD") and request.path.startswith(_OWN) and _is_user(caller):
            return _of_account(request, caller.account)
        raise AwsError(
            f"{caller.arn} may not do this: {request.path} is for users of the account {self._settings.account}, which "
            "is the server's own.", code="AccessDeniedException", status=403,
        )  # fmt: skip

    def _is_operator(self, caller: Principal) -> bool:
        return caller.proven and caller.account == self._settings.account and _is_user(caller)


def _is_user(caller: Principal) -> bool:
    return ":iam::" in caller.arn and not caller.role


def _of_account(request: Request, account: str) -> Request:
    """The request as one for that account, whatever it asked for."""
    rest = [(name, value) for name, value in parse_qsl(request.query, keep_blank_values=True) if name != "account"]
    return replace(request, query=urlencode([*rest, ("account", account)]))
