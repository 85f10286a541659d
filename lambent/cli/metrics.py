"""Show CloudWatch's AWS/Lambda metrics of the last three hours: of each function, or of one in detail.

Metrics are counted in the minute in which a call came, and live in the server's memory."""

import argparse
import json
from typing import Any
from urllib.parse import urlencode

from lambent.cli.endpoint import CommandFailed, add_endpoint, add_region, endpoint_of
from lambent.cli.logs import age_s
from lambent.cli.output import table

POSITIONAL = "[FUNCTION]"
EXAMPLES = (
    "lambent metrics",
    "lambent metrics hello",
    "lambent metrics hello --qualifier prod --since 15m",
    "lambent metrics hello --metric Duration --json",
)

MOST_S = 3 * 3600
PATH = "/_lambent/metrics"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "function", metavar="FUNCTION", nargs="?", help="name of the function (default: a row for each)"
    )
    parser.add_argument("--qualifier", help="only calls that named this version or alias")
    parser.add_argument("--metric", help="only this metric, for example Throttles")
    parser.add_argument("--since", metavar="AGE", default="1h", help="how far back: 15m, 1h, 3h (default: 1h)")
    parser.add_argument("--json", action="store_true", help="print the server's own document, minute by minute")
    add_endpoint(parser)
    add_region(parser)


def run(args: argparse.Namespace) -> int:
    endpoint = endpoint_of(args)
    query = dict(endpoint.owner())
    if args.function is not None:
        query["function"] = args.function
        query["qualifier"] = args.qualifier or ""
    elif args.qualifier:
        raise CommandFailed("a qualifier is one of a function's: name the function too")
    if args.metric:
        query["metric"] = args.metric
    now = float(endpoint.document(f"{PATH}?{urlencode({**query, 'metric': '-'})}")["now"])  # the server's, not ours
    query["since"] = f"{max(0.0, now - min(MOST_S, age_s(args.since))):.3f}"
    found = endpoint.document(f"{PATH}?{urlencode(query if args.json else {**query, 'totals': '1'})}")
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    print(detail(found, args.function) if args.function is not None else overview(found))
    return 0


def detail(found: dict[str, Any], asked: str) -> str:
    """A row for each metric of one function."""
    rows = [_row(each["metric"], each["total"]) for each in found.get("metrics") or ()]
    if not rows:
        return f"nothing was counted of {asked} in that time; `lambent metrics` shows what was"
    return table(rows, ("METRIC", "COUNT", "SUM", "AVERAGE", "LEAST", "MOST"))


def overview(found: dict[str, Any]) -> str:
    """A row for each function, with what one looks at first."""
    functions: dict[str, dict[str, Any]] = {}
    for each in found.get("metrics") or ():
        if not each["qualifier"]:
            functions.setdefault(each["function"], {})[each["metric"]] = each["total"]
    if not functions:
        return "nothing was counted in that time"
    rows = [(name or "(all)", *_cells(functions[name])) for name in sorted(functions)]
    return table(rows, ("FUNCTION", "INVOCATIONS", "ERRORS", "THROTTLES", "DURATION ms", "MOST ms", "MOST AT ONCE"))


def _cells(metrics: dict[str, Any]) -> tuple[str, ...]:
    duration, at_once = metrics.get("Duration"), metrics.get("ConcurrentExecutions")
    sums = [
        _number(metrics[name]["sum"]) if name in metrics else "0" for name in ("Invocations", "Errors", "Throttles")
    ]
    average = _number(duration["sum"] / duration["count"]) if duration else "-"
    return (*sums, average, _number(duration["max"]) if duration else "-", _number(at_once["max"]) if at_once else "-")


def _row(metric: str, total: dict[str, Any]) -> tuple[str, ...]:
    average = total["sum"] / total["count"]
    return (metric, str(total["count"]), *map(_number, (total["sum"], average, total["min"], total["max"])))


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}"
