"""Which line a queue gets."""

from lambent.services.sqs.groups import FifoLine
from lambent.services.sqs.line import Line, StandardLine


def new_line(*, fifo: bool) -> Line:
    return FifoLine() if fifo else StandardLine()
