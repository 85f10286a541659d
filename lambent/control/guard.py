"""May the caller do this? Asked of every operation before it is done, so that no operation can forget to.

What a stranger may not do tells nothing of what is there: AccessDenied comes before ResourceNotFound, as on AWS.
"""

import re
from collections.abc import Mapping, Set

from lambent.arns import FunctionRef, parse_function
from lambent.control.permits import Permits, denied
from lambent.errors import AwsError
from lambent.principal import Principal, root_of
from lambent.store.policies import Function
from lambent.wire.parse import Call

# What IAM calls operations that have another name there.
ACTIONS = {
    "GetLayerVersionByArn": "GetLayerVersion",
    "Invoke": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
}
# Where an operation names what it is about; the first that is there. Layers judge for themselves (layer_grants.py).
_NAMED_BY = ("FunctionName", "ResourceArn", "Resource", "CodeSigningConfigArn")
# With these the root of an account can always undo a Deny that has locked everybody out, itself included.
_WAYS_OUT = {"DeleteResourcePolicy", "GetPolicy", "GetResourcePolicy", "PutResourcePolicy", "RemovePermission"}

_ARN = re.compile(r"arn:[^:]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):(?P<kind>[^:/]+)[:/](?P<rest>.+)")


class Guard:
    """Judges calls by their caller and what they name."""

    def __init__(self, permits: Permits) -> None:
        self._permits = permits
        self.denying: Set[Function] = permits.denying  # empty: an account may do everything with what is its own

    def check(self, call: Call) -> None:
        """Raise AccessDeniedException if the caller may not do that to what the call names."""
        _check_role(call)
        text = next((call.parameters[name] for name in _NAMED_BY if call.parameters.get(name)), "")
        if ":" not in text and not self.denying:
            return  # a bare name is the caller's own
        match = _ARN.fullmatch(text)
        if match and match["kind"] != "function":
            if match["account"] != call.account:
                raise denied(caller(call), _action(call), text)
        elif ref := _function(call, text):
            self.demand(call, ref)

    def demand(self, call: Call, ref: FunctionRef) -> None:
        """The same of what belongs to that function, which the call names by something else: durable executions."""
        own = ref.account == call.account
        who = caller(call)
        if own and (not self.denying or (call.operation in _WAYS_OUT and who.arn.endswith(":root"))):
            return
        self._permits.demand(who, _action(call), ref, _conditions(call))


def _action(call: Call) -> str:
    return f"lambda:{ACTIONS.get(call.operation, call.operation)}"


def _conditions(call: Call) -> Mapping[str, str]:
    """The condition keys that the request itself has a value for."""
    headers = call.request.headers
    told = {
        "aws:SourceIp": call.request.client,
        "aws:UserAgent": headers.get("user-agent"),
        "aws:Referer": headers.get("referer"),
        "lambda:FunctionUrlAuthType": call.parameters.get("AuthType") or call.parameters.get("FunctionUrlAuthType"),
    }
    return {key: value for key, value in told.items() if value}


def _check_role(call: Call) -> None:
    """Nobody who has proved who it is hands a role of another account to a function, whose credentials are that."""
    role = call.parameters.get("Role")
    if role and call.caller.proven and role.split(":")[4] != call.account:
        raise AwsError("Cross-account pass role is not allowed.", code="AccessDeniedException", status=403)


def caller(call: Call) -> Principal:
    """Who makes a call. Whoever did not sign, where that is let through, is the root of the default account."""
    if call.caller.arn or call.caller.service:
        return call.caller
    return root_of(call.account)


def _function(call: Call, text: str) -> FunctionRef | None:
    """The function that is named; None if the text is none's name, which the operation itself will say."""
    try:
        return parse_function(text, call.parameters.get("Qualifier"), account=call.account, region=call.region)
    except AwsError:
        return None
