"""What `lambent explain` and `lambent metrics` print of the server's documents."""

import json
from typing import Any

import pytest

from lambent.cli import explain, main, metrics
from lambent.cli.endpoint import Endpoint

LIFE = {
    "request_id": "r1",
    "function": "arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST",
    "life": [
        {"time": "2026-11-21T16:00:00.000Z", "kind": "received", "text": "received: a synchronous call with 2 bytes"},
        {"time": "2026-11-21T16:00:00.001Z", "kind": "ran", "text": "it ran and failed with \x1b[2JBoom"},
    ],
    "now": ["kept since 2026-11-21T16:00:00.002Z"],
}


def series(metric: str, function: str, count: int, numbers: tuple[float, float, float], **other: Any) -> Any:
    """`numbers` are sum, least and most."""
    numbers = {"at": 0.0, "count": count} | dict(zip(("sum", "min", "max"), numbers, strict=True))
    return {"metric": metric, "function": function, "qualifier": "", "total": numbers} | other


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the commands ask the server for."""
    paths: list[str] = []

    def document(_: Endpoint, path: str) -> dict[str, Any]:
        paths.append(path)
        return LIFE if "explain" in path else {"now": 10_000.0, "metrics": [series("Throttles", "hello", 2, (2, 1, 1))]}

    monkeypatch.setattr(Endpoint, "document", document)
    return paths


def test_a_life_is_told_a_line_for_each_thing_and_where_it_is_now() -> None:
    assert explain.told(LIFE).splitlines() == [
        "r1",
        "of arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST",
        "2026-11-21T16:00:00.000Z  received: a synchronous call with 2 bytes",
        "2026-11-21T16:00:00.001Z  it ran and failed with \ufffd[2JBoom",
        "now                       kept since 2026-11-21T16:00:00.002Z",
    ]


def test_an_id_is_quoted_on_its_way_to_the_server(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["explain", "a/../b?c", "--json"]) == 0
    assert asked == ["/_lambent/explain/a%2F..%2Fb%3Fc"]
    assert json.loads(capsys.readouterr().out)["request_id"] == "r1"


def test_the_overview_has_a_row_for_each_function() -> None:
    found = {
        "metrics": [
            series("Invocations", "hello", 3, (3, 1, 1)), series("Duration", "hello", 3, (12.0, 2.0, 7.25)),
            series("Errors", "hello", 3, (1, 0, 1)), series("Invocations", "hello", 9, (9, 1, 1), qualifier="prod"),
            series("Throttles", "other", 2, (2, 1, 1)), series("Invocations", "", 3, (3, 1, 1)),
        ]
    }  # fmt: skip
    assert [line.split() for line in metrics.overview(found).splitlines()[1:]] == [
        ["(all)", "3", "0", "0", "-", "-", "-"],
        ["hello", "3", "1", "0", "4", "7.25", "-"],
        ["other", "0", "0", "2", "-", "-", "-"],
    ]
    assert metrics.overview({"metrics": []}) == "nothing was counted in that time"
    assert metrics.detail({}, "hello") == "nothing was counted of hello in that time; `lambent metrics` shows what was"


def test_the_detail_has_a_row_for_each_metric() -> None:
    shown = metrics.detail({"metrics": [series("Duration", "hello", 4, (10.0, 1.0, 4.0))]}, "hello")
    assert shown.splitlines()[1].split() == ["Duration", "4", "10", "2.50", "1", "4"]


def test_ages_are_counted_on_the_servers_clock(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["metrics", "hello", "--since", "15m"]) == 0
    assert asked[-1] == "/_lambent/metrics?function=hello&qualifier=&since=9100.000&totals=1"
    assert "Throttles" in capsys.readouterr().out


def test_a_qualifier_needs_its_function(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["metrics", "--qualifier", "prod"]) == 1
    assert "name the function too" in capsys.readouterr().err
    assert asked == []


def test_what_is_no_age_is_refused(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["metrics", "--since", "soon"]) == 1
    assert "'soon' is not an age" in capsys.readouterr().err
