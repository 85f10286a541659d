from pathlib import Path

import pytest

import benchmarks.__main__
from benchmarks.__main__ import Row, machine, parse, run, table
from benchmarks.__main__ import benchmarks as listed
from benchmarks._measure import Load, row_of_cpu


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


@pytest.mark.parametrize(
    "line", ["SendMessage     3980/s  p50=  3.90 ms  p99=  9.00 ms", "idle     0.10 % of a core  target < 1 %"]
)
def test_a_figure_that_is_no_row_fails_the_benchmark(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sends.py").write_text(f"print('2 cores')\nprint('a  n=1  b')\nprint({line!r})\n")
    monkeypatch.setattr(benchmarks.__main__, "HERE", tmp_path)
    rows, status = run("sends", show=False)
    assert [row.what for row in rows] == ["a"]
    assert status
    assert line in capfd.readouterr().err


def test_the_rows_that_benchmarks_print_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    Load(calls=15920, rate=3980.0, p50_ms=3.9, p99_ms=9.0, cpu_us=220.0).tell("sends", ">= 3,000/s")
    row_of_cpu("parse", lambda: None, batches=6)
    found = [parse("x", line) for line in capsys.readouterr().out.splitlines()]
    assert [row and (row.what, row.n) for row in found] == [
        ("sends", "15920"), ("CPU of the front end for each", "15920"), ("parse", "1000"),
    ]  # fmt: skip


def test_the_table_has_the_figures_under_their_heads() -> None:
    lines = table([Row("cli", "lambent --help", "40", "60.0 ms", "99.0 ms", "")]).splitlines()
    assert lines[0].index("p99") + 3 == lines[1].index("99.0 ms") + 7


def test_every_benchmark_of_the_folder_is_run() -> None:
    assert {"cli", "invoke"} <= set(listed())
    assert not [name for name in listed() if name.startswith("_")]


def test_figures_come_with_the_machine() -> None:
    assert "cores" in machine()
    assert "Python 3." in machine()
