"""Stops functions that invoke themselves without end. Source: lambda-semantics.md §6; what is counted: lineage.py."""

from collections.abc import Callable
from typing import NamedTuple

from lambent.errors import RecursiveInvocation
from lambent.invoke import lineage
from lambent.invoke.lineage import Verdict

MOST_KNOWN = 10_000  # functions whose hashes are remembered


class Loop(NamedTuple):
    """An invocation that was not run, since the function had run too often for one originating event."""

    at: float  # epoch seconds
    request_id: str
    account: str
    region: str
    name: str
    run: int  # which one it would have been
    chain: tuple[str, ...]  # ARNs of the functions that the event came through; hashes where they are not known


class Loops:
    """Judges each invocation as it comes. `allowed` says whether a function's recursion configuration is Allow."""

    def __init__(
        self,
        allowed: Callable[[str, str, str], bool] = lambda *_: False,  # account, region, name
        stopped: Callable[[Loop], None] = lambda _: None,
    ) -> None:
        self._allowed = allowed
        self._stopped = stopped
        self._first: dict[str, str] = {}  # ARN of a function -> what a header without lineage is given to carry
        self._names: dict[str, str] = {}  # hash -> ARN

    def pass_on(self, trace: str, function_arn: str, request_id: str, at: float) -> str:
        """The header to hand to the function. Raises RecursiveInvocation if it is not to run any more."""
        if trace and not lineage.has_lineage(trace):  # most calls: a look-up and a join
            return trace + (self._first.get(function_arn) or self._meet(function_arn))
        verdict = self.judge(trace, function_arn, request_id, at)
        if verdict.stopped:
            raise RecursiveInvocation()
        return verdict.trace

    def judge(self, trace: str, function_arn: str, request_id: str, at: float) -> Verdict:
        """The same without raising; that it is stopped has been told to whoever listens. `function_arn` is bare."""
        own = self._first.get(function_arn) or self._meet(function_arn)
        if trace and not lineage.has_lineage(trace):
            return Verdict(trace + own, False, 1)
        verdict = lineage.judge(trace, function_arn, False)
        if not verdict.stopped:
            return verdict
        region, account, _, name = function_arn.split(":")[3:7]
        if self._allowed(account, region, name):
            return verdict._replace(stopped=False)
        chain = tuple(self._names.get(each, each) for each in lineage.chain(trace))
        self._stopped(Loop(at, request_id, account, region, name, verdict.run, chain))
        return verdict

    def _meet(self, arn: str) -> str:
        if len(self._first) >= MOST_KNOWN:
            self._first.clear()
            self._names.clear()
        self._names[lineage.hash_of(arn)] = arn
        own = self._first[arn] = lineage.first(arn)
        return own
