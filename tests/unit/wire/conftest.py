"""Adds the oracle's counts to the end of a test run."""

import pytest
from wire_counts import COUNTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COUNTS.rows:
        terminalreporter.section("round trips with botocore")
        for line in COUNTS.lines():
            terminalreporter.write_line(line)
