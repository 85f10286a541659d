"""Whether somebody may put events on a bus. A bus without a policy is its account's own."""

from collections.abc import Mapping

from lambent.errors import AwsError
from lambent.iam.policy import ALLOW, SILENT, Asked, refusal, verdict_in
from lambent.principal import Principal
from lambent.services.events.nouns import Bus

ACTION = "events:PutEvents"
NOTHING: Mapping[str, str] = {}


def demand(caller: Principal, account: str, bus: Bus, conditions: Mapping[str, str] = NOTHING) -> None:
    """Raise AccessDenied, in AWS's words, unless the caller, of that account, may."""
    asked = Asked(caller, ACTION, bus.arn, {key.lower(): value for key, value in conditions.items()})
    said = verdict_in(bus.policy, asked)
    if said is ALLOW or (said is SILENT and account == bus.account):
        return
    raise AwsError(refusal(asked, said), code="AccessDeniedException", status=400)
