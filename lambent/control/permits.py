"""Who may do what to a function: the one place where resource policies are asked. Decision 24.

An account may do everything with its own functions, unless a policy says Deny; identity policies are not built yet. Any
other account, an AWS service and whoever did not sign need a policy of exactly the qualifier that they name.
"""

import datetime
from collections.abc import Iterator, Mapping

import msgspec

from lambent.arns import FunctionRef
from lambent.clock import Clock
from lambent.errors import AwsError
from lambent.iam.policy import ALLOW, DENY, SILENT, Asked, Statement, Verdict, evaluate, refusal, statements_of
from lambent.principal import Principal
from lambent.store.policies import Function, Policies

NOTHING: Mapping[str, str] = {}


class Permits:
    """Asks the policies, which it remembers.

    Mutable: `_known` holds the statements of functions that have any, by function and then by qualifier; `denying` the
    functions that have a Deny somewhere. Both change only by `forget`, which whoever changes a policy calls, and
    `_known` also when it is asked.
    """

    def __init__(self, policies: Policies, clock: Clock, organization: str = "") -> None:
        """`organization`: the id of that which all accounts here belong to; "": they belong to none."""
        self._policies = policies
        self._clock = clock
        self._organization = organization
        self._known: dict[Function, dict[str, tuple[Statement, ...]]] = {}
        self.denying = policies.denying()

    def __repr__(self) -> str:
        return f"<Permits of {len(self._known)} functions, {len(self.denying)} of them with a Deny>"

    def may(self, principal: Principal, action: str, ref: FunctionRef, conditions: Mapping[str, str] = NOTHING) -> bool:
        """Whether `principal` may do `action` ("lambda:InvokeFunction") to what `ref` names.

        `conditions`: what is known of the request, by condition key: {"aws:SourceArn": …, "aws:SourceAccount": …}.
        """
        if _owns(principal, ref):
            return not self._denies(ref) or self.verdict(principal, action, ref, conditions) is not DENY
        return self.verdict(principal, action, ref, conditions) is ALLOW

    def demand(
        self, principal: Principal, action: str, ref: FunctionRef, conditions: Mapping[str, str] = NOTHING
    ) -> None:
        """Raise AccessDeniedException in AWS's words unless `may`."""
        if not self.may(principal, action, ref, conditions):
            raise denied(principal, action, ref.arn, self.verdict(principal, action, ref, conditions))

    def verdict(
        self, principal: Principal, action: str, ref: FunctionRef, conditions: Mapping[str, str] = NOTHING
    ) -> Verdict:
        """What the policy alone says."""
        statements = self._statements(ref)
        if not statements:
            return SILENT
        keys = dict(self._keys(principal, ref)) | {key.lower(): value for key, value in conditions.items()}
        if self._organization and "aws:sourceaccount" in keys:
            keys["aws:sourceorgid"] = self._organization
        return evaluate(statements, Asked(principal, action, ref.arn, keys))

    def forget(self, account: str, region: str, name: str) -> None:
        """A policy of that function, or what it belongs to, was changed or is gone."""
        function = (account, region, name)
        self._known.pop(function, None)
        if self._policies.denies(account, region, name):
            self.denying.add(function)
        else:
            self.denying.discard(function)

    # -- details

    def _denies(self, ref: FunctionRef) -> bool:
        return bool(self.denying) and (ref.account, ref.region, ref.name) in self.denying

    def _statements(self, ref: FunctionRef) -> tuple[Statement, ...]:
        function, qualifier = (ref.account, ref.region, ref.name), ref.qualifier or ""
        known = self._known.get(function, {}).get(qualifier)
        if known is None:
            document = self._policies.get(ref)
            if not document:
                return ()  # not remembered: names come from callers
            known = statements_of(msgspec.json.decode(document))
            self._known.setdefault(function, {})[qualifier] = known
        return known

    def _keys(self, principal: Principal, ref: FunctionRef) -> Iterator[tuple[str, str]]:
        """The global condition keys that can be told of every request (IAM User Guide), in lower case."""
        now = self._clock.epoch()
        yield "aws:currenttime", datetime.datetime.fromtimestamp(now, datetime.UTC).isoformat()
        yield "aws:epochtime", str(int(now))
        yield "aws:requestedregion", ref.region
        yield "aws:resourceaccount", ref.account
        yield "aws:securetransport", "false"  # Lambent itself speaks plain HTTP
        yield "lambda:invokedviafunctionurl", "false"  # whoever knows better says so
        yield "aws:principalisawsservice", str(bool(principal.service)).lower()
        if principal.service:
            yield "aws:principalservicename", principal.service
        elif principal.account:
            yield "aws:principalaccount", principal.account
            yield "aws:principalarn", principal.role or principal.arn
            yield "aws:principaltype", _type(principal)
            yield "aws:userid", principal.user_id
            if self._organization:
                yield "aws:principalorgid", self._organization
        else:
            yield "aws:principaltype", "Anonymous"


def denied(principal: Principal, action: str, arn: str, verdict: Verdict = SILENT) -> AwsError:
    """AWS's refusal of whoever may not do `action` to the resource of that ARN."""
    message = refusal(Asked(principal, action, arn), verdict)
    return AwsError(message, code="AccessDeniedException", status=403)


def _owns(principal: Principal, ref: FunctionRef) -> bool:
    return principal.account == ref.account and not principal.service


def _type(principal: Principal) -> str:
    if principal.role:
        return "AssumedRole"
    return "Account" if principal.arn.endswith(":root") else "User"
