"""How executions start: by a call, or by another execution."""

import asyncio
import hashlib
import uuid
from typing import NamedTuple
from weakref import WeakValueDictionary

from lambent.arns import parse_function
from lambent.clock import Clock
from lambent.durable import chained, machine, records
from lambent.durable.attempts import Born
from lambent.durable.book import Book, New
from lambent.durable.nouns import DELETING, Execution, Operation, State
from lambent.durable.updates import Chained
from lambent.errors import AwsError, LambentError
from lambent.invoke.authority import INVOKE, May, refusal, role_of, same_account
from lambent.invoke.durable import UNQUALIFIED, Start
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.invoke.sampling import new_trace
from lambent.invoke.tenancy import version_for
from lambent.model import Durability
from lambent.store.durable_executions import DurableExecutions


class Parent(NamedTuple):
    """Which operation of which execution starts one."""

    number: int
    operation: str


class Starts:
    """`_names` has the locks of names that somebody is starting an execution of."""

    def __init__(
        self, store: DurableExecutions, book: Book, resolver: Resolver, loops: Loops, *, clock: Clock, born: Born,
        may: May = same_account,
    ) -> None:  # fmt: skip
        """`may` says whether the role of a function may invoke another."""
        self._store = store
        self._book = book
        self._resolver = resolver
        self._loops = loops
        self._clock = clock
        self._born = born
        self._may = may
        self._names: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def start(self, asked: Start, config: Durability, *, synchronous: bool) -> Execution:
        """The execution that a call starts, or that an earlier one of that name has started with the same input.

        Raises DurableExecutionAlreadyStartedException if that was another input.
        """
        if not asked.name:
            return await self._begin(asked, config, synchronous=synchronous)
        lock = self._names.setdefault((asked.version.function_arn, asked.name), asyncio.Lock())
        async with lock:
            found = self._of_name(asked)
            if found is None:
                return await self._begin(asked, config, synchronous=synchronous)
        if found.digest != _digest(asked.payload):
            raise AwsError(
                f"The durable execution with the name {asked.name} has already been started with another input. Use a "
                "different name, or check the status of the existing execution.",
                code="DurableExecutionAlreadyStartedException", status=409,
            )  # fmt: skip
        return found

    def chain(self, parent: State, operation: Operation) -> tuple[Chained, New | None]:
        """What a CHAINED_INVOKE comes to, and the execution that it starts if its function is durable."""
        execution = parent.execution
        try:
            self._check(execution, operation)
            version, arn = self._resolver.resolve(execution.account, execution.region, operation.invokes, None)
            config = version.durable
            if version.per_tenant or operation.tenant:
                version_for(version, operation.tenant)
            if config is None:
                return Chained(version.version), None
            qualifier = arn[len(version.function_arn) + 1 :]
            if not qualifier:
                raise AwsError(UNQUALIFIED, code="InvalidParameterValueException", status=400)
            now, request_id = self._clock.epoch(), str(uuid.uuid4())
            trace = operation.trace or execution.trace or new_trace(now)
            trace = self._loops.pass_on(trace, version.function_arn, request_id, now)
        except LambentError as error:
            return Chained(error=chained.refused(error)), None
        given = (operation.input or "{}").encode()
        asked = Start(version, qualifier, given, request_id, trace, tenant=operation.tenant)
        new = self._new(asked, config, parent=Parent(execution.number, operation.id))
        child = new.state.execution
        return Chained(version.version, child.number, child.arn), new

    # -- details

    def _check(self, execution: Execution, operation: Operation) -> None:
        """Raises AccessDeniedException if the execution's function may not invoke that one."""
        account, region = execution.account, execution.region
        ref = parse_function(operation.invokes, None, account=account, region=region)
        principal = role_of(self._resolver, account, region, execution.function, execution.version)
        if not self._may(principal, INVOKE, ref):
            raise AwsError(refusal(principal, ref), code="AccessDeniedException", status=403)

    def _of_name(self, asked: Start) -> Execution | None:
        version = asked.version
        born = self._born(version.account, version.region, version.name)
        documents = self._store.of_name((version.account, version.region, version.name), asked.name)
        found = (records.execution_from(each) for each in documents)
        return next((each for each in found if each.born == born and each.status != DELETING), None)

    async def _begin(self, asked: Start, config: Durability, *, synchronous: bool) -> Execution:
        new = self._new(asked, config, synchronous=synchronous)
        await self._book.start(new)
        return new.state.execution

    def _new(self, asked: Start, config: Durability, *, synchronous: bool = False, parent: Parent | None = None) -> New:
        version, now = asked.version, self._clock.epoch()
        execution_id = str(uuid.uuid4())
        execution = Execution(
            number=self._store.number(), account=version.account, region=version.region, function=version.name,
            version=version.version, qualifier=asked.qualifier, name=asked.name or str(uuid.uuid4()), id=execution_id,
            born=self._born(version.account, version.region, version.name), started=now, timeout_s=config.timeout_s,
            retention_days=config.retention_days, kms_key=config.kms_key, digest=_digest(asked.payload),
            input_bytes=len(asked.payload), trace=asked.trace, tenant=asked.tenant,
            request_id=asked.request_id, synchronous=synchronous,
            parent=parent.number if parent else 0, parent_operation=parent.operation if parent else "",
            deadline=now + config.timeout_s,
        )  # fmt: skip
        state, change = machine.start(execution, asked.payload.decode())
        return New(state, change)


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
