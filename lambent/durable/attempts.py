"""Invocations of durable functions, and of others that they invoke, on the path of all invocations."""

import logging
import uuid
from collections.abc import Callable

from lambent.arns import function_arn
from lambent.clock import Clock
from lambent.durable import chained, ends, inputs, machine
from lambent.durable.alarm import EARLY_S
from lambent.durable.book import Decide
from lambent.durable.lines import Key
from lambent.durable.nouns import FAILED, Change, ErrorObject, Execution, Operation, State
from lambent.errors import LambentError, ResourceNotFound, ServiceException, TooManyRequests
from lambent.invoke.path import Invoker
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.invoke.sampling import new_trace
from lambent.invoke.tenancy import version_for
from lambent.model import Invocation, Outcome, Version

log = logging.getLogger("lambent")

PAUSE_S = 1.0  # after a throttle

Born = Callable[[str, str, str], float]  # account, region, name -> when that function was created


class Attempt:
    """One invocation of an execution. `begun`: it is on disk that it is under way."""

    def __init__(self, entered: Callable[[], None]) -> None:
        self.id = uuid.uuid4().hex
        self.request_id = str(uuid.uuid4())
        self.begun = False
        self.began = 0.0
        self.refusal: TooManyRequests | None = None  # what whoever waits for the execution is to hear instead
        self._entered = entered
        self._in = False

    def begin(self, state: State, now: float) -> Change | None:
        execution = state.execution
        if not machine.due(execution) or execution.not_before > now + EARLY_S:
            return None
        self.begun, self.began = True, now
        if execution.events == 1:  # the call that started it
            self.request_id = execution.request_id or self.request_id
        return machine.begin(state, self.id, now)

    def enter(self) -> None:
        """It has its permit, or will never have one."""
        if not self._in:
            self._in = True
            self._entered()


class Attempts:
    """`tails` has the numbers of the executions whose callers want to see the log, and its end so far."""

    def __init__(self, invoker: Invoker, resolver: Resolver, loops: Loops, clock: Clock, born: Born) -> None:
        self.tails: dict[int, bytes] = {}
        self._invoker = invoker
        self._resolver = resolver
        self._loops = loops
        self._clock = clock
        self._born = born

    def watch(self, number: int, *, tail: bool) -> None:
        """Whoever waits for the execution wants to see the end of its log."""
        if tail:
            self.tails[number] = b""

    def room(self, key: Key) -> int:
        """How many more invocations of that version would be let in now."""
        account, region, function, version = key
        try:
            found, _ = self._resolver.resolve(account, region, function, version)
        except LambentError:
            return 1  # the attempt will tell what is wrong
        return self._invoker.admission.room(found, found.arn)

    async def make(self, attempt: Attempt, state: State) -> Decide | None:
        """Invoke the function; the decision to take then. None: there is no room for the first invocation of an
        execution for whose end somebody waits, so it is as if it had never started.
        """
        execution = state.execution
        try:
            outcome = await self._invoke(attempt, state)
        except TooManyRequests as error:
            if execution.synchronous and execution.events == 1:
                attempt.refusal = error
                return None
            return lambda state, now: machine.withdraw(state, now, now + PAUSE_S)
        except ResourceNotFound as error:
            gone = chained.refused(error)
            return lambda state, now: machine.give_up(state, gone, now)
        except LambentError as error:
            return self._over(attempt, error=chained.refused(error))
        except Exception as error:
            log.exception("%s could not be invoked", execution.arn)
            return self._over(attempt, error=chained.refused(ServiceException(f"{type(error).__name__}: {error}")))
        if execution.number in self.tails:
            self.tails[execution.number] = outcome.log_tail
        if outcome.function_error:
            return self._over(attempt, error=chained.thrown(outcome))
        return self._over(attempt, output=ends.read(outcome.payload))

    def _over(self, attempt: Attempt, *, output: ends.Output | None = None, error: ErrorObject | None = None) -> Decide:
        ran = machine.Ran(attempt.id, attempt.request_id, attempt.began, output, error)
        return lambda state, now: machine.finish(state, ran, now)

    async def _invoke(self, attempt: Attempt, state: State) -> Outcome:
        execution = state.execution
        version = version_for(self._version(execution), execution.tenant)
        bare = function_arn(execution.account, execution.region, execution.function)
        invocation = Invocation(
            request_id=attempt.request_id, version=version,
            invoked_arn=f"{bare}:{execution.qualifier or execution.version}", payload=inputs.invocation(state),
            received=attempt.began, trace=execution.trace, want_log_tail=execution.number in self.tails,
        )  # fmt: skip
        attempt.enter()  # nothing waits between here and the permit
        return await self._invoker.invoke(invocation)

    def _version(self, execution: Execution) -> Version:
        """Raises ResourceNotFound, also where the name is that of a later function."""
        key = execution.account, execution.region, execution.function
        version, _ = self._resolver.resolve(*key, execution.version)
        if self._born(*key) != execution.born:
            raise ResourceNotFound(f"Function not found: {version.arn}")
        return version

    async def plain(self, execution: Execution, operation: Operation) -> chained.Ended | None:
        """Invoke a function that is not durable: what became of that. None: it has to be tried again later."""
        try:
            return chained.of_outcome(await self._invoker.invoke(self._plain(execution, operation)))
        except TooManyRequests:
            return None
        except LambentError as error:
            return chained.Ended(FAILED, error=chained.refused(error))
        except Exception as error:
            log.exception("%s could not invoke %s", execution.arn, operation.invokes)
            problem = ServiceException(f"{type(error).__name__}: {error}")
            return chained.Ended(FAILED, error=chained.refused(problem))

    def _plain(self, execution: Execution, operation: Operation) -> Invocation:
        version, arn = self._resolver.resolve(execution.account, execution.region, operation.invokes, None)
        version = version_for(version, operation.tenant)
        now, request_id = self._clock.epoch(), str(uuid.uuid4())
        trace = operation.trace or execution.trace or new_trace(now)
        return Invocation(
            request_id=request_id, version=version, invoked_arn=arn, payload=(operation.input or "{}").encode(),
            received=now, trace=self._loops.pass_on(trace, version.function_arn, request_id, now),
        )  # fmt: skip
