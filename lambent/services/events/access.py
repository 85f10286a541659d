"""Whether somebody may put events on a bus. A bus without a policy is its account's own."""

from collections.abc import Mapping

from lambent.errors import AwsError
from lambent.iam.policy import ALLOW, DENY, SILENT, Asked, Verdict, evaluate, statements_in
from lambent.principal import Principal
from lambent.services.events.nouns import Bus

ACTION = "events:PutEvents"
NOTHING: Mapping[str, str] = {}


def demand(caller: Principal, account: str, bus: Bus, conditions: Mapping[str, str] = NOTHING) -> None:
    """Raise AccessDenied, in AWS's words, unless the caller, of that account, may."""
    said = _verdict(bus, caller, conditions)
    if said is ALLOW or (said is SILENT and account == bus.account):
        return
    who = caller.arn or caller.service or "anonymous"
    because = (
        "with an explicit deny in a resource-based policy"
        if said is DENY
        else f"because no resource-based policy allows the {ACTION} action"
    )
    message = f"User: {who} is not authorized to perform: {ACTION} on resource: {bus.arn} {because}"
    raise AwsError(message, code="AccessDeniedException", status=400)


def _verdict(bus: Bus, caller: Principal, conditions: Mapping[str, str]) -> Verdict:
    if not bus.policy:
        return SILENT
    try:
        statements = statements_in(bus.policy)
    except ValueError:
        return SILENT
    keys = {key.lower(): value for key, value in conditions.items()}
    return evaluate(statements, Asked(caller, ACTION, bus.arn, keys))
