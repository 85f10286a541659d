"""The credentials of a function's role, as its sandboxes get them; whoever checks signatures makes them (app)."""

import secrets
from collections.abc import Mapping
from typing import Protocol

from lambent.model import Version
from lambent.runtimes.environment import Credentials

PATH = "/_lambent/credentials"  # at the AWS endpoint inside sandboxes, and only there
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class RoleKeys(Protocol):
    """Who makes credentials."""

    def of(self, version: Version) -> Credentials:
        """New ones, good for longer than a sandbox lives."""
        ...

    def voucher(self, version: Version) -> str:
        """What a sandbox shows at PATH to get new ones whenever it needs them: always the same for one role."""
        ...


class Placeholders:
    """Credentials that nobody knows; the account is their access key."""

    def of(self, version: Version) -> Credentials:
        return Credentials(version.account, secrets.token_urlsafe(30), secrets.token_urlsafe(60))

    def voucher(self, version: Version) -> str:
        return version.account


def fetched(environ: Mapping[str, str], endpoint: str, voucher: str) -> dict[str, str]:
    """The environment of a clone: AWS clients that were made before the snapshot was taken must get new credentials by
    themselves, hence it names where they are in place of the credentials (Developer Guide, "SnapStart").
    """
    kept = {name: value for name, value in environ.items() if name not in _KEYS}
    return kept | {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint + PATH,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": voucher,
    }
