import pytest

from benchmarks.__main__ import Row, benchmarks, machine, parse, table


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (
            "warm call      n=3000  p50=   0.412 ms  p99=   1.903 ms      2410/s  target <= 0.5 ms\n",
            ("warm call", "3000", "0.412 ms", "1.903 ms", "2410/s  target <= 0.5 ms"),
        ),
        (
            "read a row   n=5000    p50=     9.1 µs  p99=    20.0 µs  \n",
            ("read a row", "5000", "9.1 µs", "20.0 µs", ""),
        ),
        ("bare echo   n= 20000  p50    21.6 us  p99   136.2 us\n", ("bare echo", "20000", "21.6 us", "136.2 us", "")),
        ("parse  n=20  best 8.10  p50 9.20  p99 14.00 µs (x)\n", ("parse", "20", "9.20 µs", "14.00 µs", "(x)")),
        ("idle   n=9      PSS=80.1 MB  target <= 120 MB\n", ("idle", "9", "", "", "PSS=80.1 MB  target <= 120 MB")),
    ],
)
def test_a_line_of_a_benchmark_is_read_as_a_row(line: str, row: tuple[str, ...]) -> None:
    assert parse("x", line) == Row("x", *row)


@pytest.mark.parametrize("line", ["machine: x86_64, 2 cores\n", "\n", "running\n"])
def test_other_lines_are_no_rows(line: str) -> None:
    assert parse("x", line) is None


def test_the_table_has_the_figures_under_their_heads() -> None:
    lines = table([Row("cli", "lambent --help", "40", "60.0 ms", "99.0 ms", "")]).splitlines()
    assert lines[0].index("p99") + 3 == lines[1].index("99.0 ms") + 7


def test_every_benchmark_of_the_folder_is_run() -> None:
    assert {"cli", "invoke"} <= set(benchmarks())
    assert not [name for name in benchmarks() if name.startswith("_")]


def test_figures_come_with_the_machine() -> None:
    assert "cores" in machine()
    assert "Python 3." in machine()
