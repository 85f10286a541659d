"""Profiles that sign zips, for tests of what the control plane makes of signatures."""

import datetime
from typing import Any

from control_client import ACCOUNT, REGION, make_zip

from lambent.signing import profiles
from lambent.store.code_signing import StoredProfile

ENFORCE = {"UntrustedArtifactOnDeployment": "Enforce"}
REFUSED = (
    "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not "
    "configured to accept. Check the provided signature for {}."
)


def publishers(*arns: str) -> dict[str, Any]:
    return {"SigningProfileVersionArns": list(arns)}


class Signer:
    """A profile that the server trusts, and what it signs at the time of a clock."""

    def __init__(self, clock: Any, name: str = "release") -> None:
        self._clock = clock
        self.profile = profiles.make(profiles.new_arn(name, ACCOUNT, REGION), self.now(), 1000)

    @property
    def arn(self) -> str:
        return self.profile.arn

    def now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._clock.epoch(), datetime.UTC)

    async def be_trusted(self, stores: Any) -> "Signer":
        certificates = profiles.certificate_pem(self.profile)
        await stores.code_signing.trust(
            StoredProfile(arn=self.arn, certificates=certificates, own=True, created_at=0.0)
        )
        return self

    def sign(self, package: bytes | None = None, days: int = 30) -> bytes:
        return profiles.sign_zip(package or make_zip(), self.profile, self.now(), days)[0]
