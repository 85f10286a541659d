"""What is counted of durable executions, under AWS's names of metrics. ("Monitoring durable functions", AWS Lambda
Developer Guide.)"""

from lambent.durable.nouns import FAILED, STOPPED, SUCCEEDED, TIMED_OUT, State
from lambent.observe.metrics import Metrics

_ENDS = {
    SUCCEEDED: "DurableExecutionSucceeded",
    FAILED: "DurableExecutionFailed",
    TIMED_OUT: "DurableExecutionTimedOut",
    STOPPED: "DurableExecutionStopped",
}


class Telling:
    """Without metrics nothing is counted."""

    def __init__(self, metrics: Metrics | None) -> None:
        self._metrics = metrics

    def changed(self, before: State | None, state: State) -> None:
        """One more has started, has checkpointed or has ended."""
        if self._metrics is None:
            return
        execution = state.execution
        function = execution.account, execution.region, execution.function
        if before is None:
            self._metrics.add("DurableExecutionStarted", function, 1.0, execution.version)
            return
        was = before.execution
        if execution.operations > was.operations:
            grown = float(execution.operations - was.operations)
            self._metrics.add("DurableExecutionOperations", function, grown, execution.version)
        if execution.bytes > was.bytes:
            written = float(execution.bytes - was.bytes)
            self._metrics.add("DurableExecutionStorageWrittenBytes", function, written, execution.version)
        if execution.over and not was.over and execution.ended is not None:
            self._metrics.add(_ENDS[execution.status], function, 1.0, execution.version)
            lasted = (execution.ended - execution.started) * 1000
            self._metrics.add("DurableExecutionDuration", function, lasted, execution.version)
