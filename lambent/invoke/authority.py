"""As whom a function invokes others on its own account, and whether it may: for destinations and chained invokes, which
nobody signs.
"""

from collections.abc import Callable

from lambent.arns import FunctionRef
from lambent.errors import AwsError
from lambent.iam import policy
from lambent.iam.credentials import assumed_role
from lambent.invoke.resolve import Resolver
from lambent.principal import Principal, root_of

INVOKE = "lambda:InvokeFunction"
May = Callable[[Principal, str, FunctionRef], bool]  # may it do that action to that function?


def same_account(principal: Principal, action: str, ref: FunctionRef) -> bool:
    """What may be done where nobody can be asked."""
    return principal.account == ref.account


def role_of(resolver: Resolver, account: str, region: str, name: str, qualifier: str) -> Principal:
    """The role of a function, as its own calls are signed; of one that is gone, just its account."""
    try:
        role = resolver.resolve(account, region, name, qualifier or None)[0].role
    except AwsError:
        return root_of(account)
    return assumed_role(role, name, account)


def refusal(principal: Principal, ref: FunctionRef) -> str:
    """Why not, in AWS's words."""
    return policy.refusal(policy.Asked(principal, INVOKE, ref.arn), policy.SILENT)
