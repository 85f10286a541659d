"""Writes docs/reference from the code: settings, commands and operations. `--check` only says what is out of date."""

import json
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lambent.cli.main import COMMANDS, parser_of, usage
from lambent.settings import TABLE, Setting

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
API_TESTS = Path(__file__).parent.parent / "tests" / "unit" / "api"
NOTE = "<!-- Written by scripts/docs.py (make docs); a test fails when it is out of date. -->"


def settings_page() -> str:
    """Every row of the table, with its flag and its variable."""
    rows = [_setting(row) for row in TABLE]
    return "\n".join(
        [
            "# Settings",
            NOTE,
            "",
            "Later wins: the default, the file (`--config FILE` or `LAMBENT_CONFIG`; TOML, keys as in the table),",
            "the environment, the flag of `lambent up`. A bad value or an unknown name stops the start with a message.",
            "",
            "| Setting | Default | What it is | Flag | Environment |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _setting(row: Setting) -> str:
    default = str(row.default).lower() if isinstance(row.default, bool) else row.default or str(row.default) or "empty"
    flag = f"--{row.name.replace('_', '-')}"
    return f"| `{row.name}` | {default} | {row.help} | `{flag}` | `LAMBENT_{row.name.upper()}` |"


def commands_page() -> str:
    """The general help, and the help of each command."""
    parts = ["# Commands", NOTE, "", "```", usage(), "```", ""]
    for name in COMMANDS:
        parser = parser_of(name, import_module(f"lambent.cli.{name}"))
        parser.formatter_class = _formatter
        parts += [f"## lambent {name}", "", "```", parser.format_help().rstrip(), "```", ""]
    parts += [
        "Exit status: 0 done, 1 it failed (for `invoke` also: the function did), 2 asked wrongly. Output is coloured",
        "on a terminal only, and never with `NO_COLOR` set.",
        "",
    ]
    return "\n".join(parts)


def _formatter(prog: str) -> "object":
    """Help as wide as the page, whatever the terminal of whoever runs this."""
    import argparse

    return argparse.RawDescriptionHelpFormatter(prog, width=110)


def operations_page() -> str:
    """The support table: every operation of the Lambda model, its status and what shows it; and the services beside."""
    from botocore.loaders import Loader

    operations = Loader().load_service_model("lambda", "service-2")["operations"]
    served = served_operations()
    missing = sorted(set(operations) - served)
    rows = [_support(name, operations[name], name in served) for name in sorted(operations)]
    return "\n".join(
        [
            "# Operations of the Lambda API",
            NOTE,
            "",
            f"{len(set(operations) & served)} of {len(operations)} are served. Members, constraints and errors are",
            "those of AWS's service model. *Rows* are the table tests of an operation (`tests/unit/api/tables`:",
            "request, status, code, message and where that is from), *refused* those that it refuses; *recorded* are",
            "the errors and creations that the real AWS was recorded to answer and that are compared whole. The fuzzer",
            "(`scripts/fuzz`) asks for every operation.",
            "",
            "| Operation | Request | Status | Rows | refused | recorded |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "`Invoke` serves `RequestResponse`, `Event` and `DryRun`; the deprecated `InvokeAsync` is an `Event` too.",
            "",
            *_missing(missing),
            *_services(),
        ]
    )


# Served, in so far as they are understood and checked; the decision says why they can never succeed here.
REFUSED = {
    "PutFunctionScalingConfig": "refused ([decision 31](../decisions/0031-capacity-providers-and-what-is-refused.md))"
}


def served_operations() -> set[str]:
    """Every operation of Lambda that something answers."""
    from lambent.control.registry import operations
    from lambent.durable.api import DurableApi
    from lambent.durable.checkpoints import sdk_operations
    from lambent.edge.frontdoor import INVOKES

    nobody: Any = None  # only the names are asked for
    durable = DurableApi(nobody, nobody, nobody, nobody).operations
    return {*operations, *INVOKES, *durable, *sdk_operations(nobody)}


def _support(name: str, document: dict[str, dict[str, str]], served: bool) -> str:
    rows = [row for row in _tables().get(name, ()) if "do" not in row]
    refused = sum(row["status"] >= 400 for row in rows)
    status = REFUSED.get(name, "served") if served else "not built (501)"
    counts = " | ".join(str(count or "") for count in (len(rows), refused, _recorded().count(name)))
    return f"| `{name}` | `{_http(document)}` | {status} | {counts} |"


def _missing(names: list[str]) -> list[str]:
    if not names:
        return []
    listed = ", ".join(f"`{name}`" for name in names)
    return [
        f"A request for one that is not built ({listed}) is understood, checked and answered with status 501,",
        "`NotImplementedException` and the operation's name.",
        "",
    ]


@cache
def _tables() -> dict[str, list[dict[str, Any]]]:
    files = sorted((API_TESTS / "tables").glob("*.toml"))
    return {name: rows for path in files for name, rows in tomllib.loads(path.read_text()).items()}


@cache
def _recorded() -> list[str]:
    """The operation of every recorded answer that is compared."""
    errors = json.loads((API_TESTS / "recorded_errors.json").read_text())["rows"]
    created = json.loads((API_TESTS / "recorded_answers_of_suites.json").read_text())["created"]
    return [row["do"] for row in errors if "do" in row] + ["CreateFunction"] * len(created)


# The services beside Lambda, and where it says what is kept of them and how.
SERVICES = {
    "application-autoscaling": "0022-autoscaling",
    "events": "0038-eventbridge",
    "logs": "0041-cloudwatch-logs",
    "s3": "0040-s3",
    "scheduler": "0039-scheduler",
    "sns": "0037-sns",
    "sqs": "0035-sqs",
    "sts": "0026-identity",
}


def _services() -> list[str]:
    """A section for each service beside Lambda: what is served of it, and what is not."""
    neighbours = ", ".join(f"`{name}`" for name in _neighbours())
    return [
        *(line for service, decision in SERVICES.items() for line in _service(service, decision)),
        "## What moto answers",
        "",
        f"{neighbours}: see [services that are not Lambent's](../how-to/use-neighbours.md).",
        "",
    ]


def _service(service: str, decision: str) -> list[str]:
    from botocore.loaders import Loader

    model, served = Loader().load_service_model(service, "service-2"), _served_of(service)
    missing = sorted(set(model["operations"]) - served)
    counted = f"{len(served)} of {len(model['operations'])} are served"
    return [
        f"## {model['metadata']['serviceId']} (`{service}`)",
        "",
        f"{counted} ([decision {int(decision[:4])}](../decisions/{decision}.md)):",
        ", ".join(f"`{name}`" for name in sorted(served)) + ".",
        "",
        *([f"Not built yet (501): {', '.join(f'`{name}`' for name in missing)}.", ""] if missing else []),
    ]


def _served_of(service: str) -> set[str]:
    registry = import_module(f"lambent.services.{service.replace('-', '_')}.registry")
    return {*registry.operations, *getattr(registry, "watching", ())}


def _neighbours() -> list[str]:
    from lambent.services.neighbours import HOSTS

    return sorted(HOSTS)


def _http(operation: dict[str, dict[str, str]]) -> str:
    return f"{operation['http']['method']} {operation['http']['requestUri']}"


PAGES = {"settings.md": settings_page, "commands.md": commands_page, "operations.md": operations_page}


def outdated() -> list[str]:
    """The pages that are not what the code says now."""
    return [name for name, page in PAGES.items() if _read(REFERENCE / name) != page()]


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def main() -> int:
    if "--check" in sys.argv:
        print(json.dumps(outdated()))
        return 1 if outdated() else 0
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
