"""How many operations went through the oracle's round trips."""

from typing import NamedTuple


class Row(NamedTuple):
    service: str
    protocol: str
    what: str
    passed: int
    total: int


class Counts:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, pair: tuple[str, str], what: str, passed: int, total: int) -> None:
        self.rows.append(Row(*pair, what, passed, total))

    def lines(self) -> list[str]:
        """One line for each service and protocol, then the sums."""
        rows = [
            f"{row.passed:5} of {row.total:4} {row.what:8} {row.service} {row.protocol}" for row in sorted(self.rows)
        ]
        return [*rows, *(self._sum(what) for what in sorted({row.what for row in self.rows}))]

    def _sum(self, what: str) -> str:
        rows = [row for row in self.rows if row.what == what]
        return f"{sum(row.passed for row in rows):5} of {sum(row.total for row in rows):4} {what:8} all"


COUNTS = Counts()
