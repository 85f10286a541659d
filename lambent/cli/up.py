"""Start the server in the foreground. SIGTERM or Ctrl-C lets running calls finish, then stops."""

import argparse
import os

from lambent.settings import TABLE, Setting, load

EXAMPLES = (
    "lambent up",
    "lambent up --port 0 --data /tmp/try-lambent",
    "lambent up --config lambent.toml --husks 8",
    "LAMBENT_PORT=5000 lambent up",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="TOML file of settings (or LAMBENT_CONFIG)")
    for row in TABLE:
        _add(parser, row)


def run(args: argparse.Namespace) -> int:
    flags = {row.name: getattr(args, row.name) for row in TABLE}
    settings = load(flags, os.environ, args.config or os.environ.get("LAMBENT_CONFIG"))
    from lambent.serving import run as serve  # the whole platform: only once the settings are known to be good

    return int(serve(settings))


def _add(parser: argparse.ArgumentParser, row: Setting) -> None:
    """One flag of one row. Values stay text here: settings.load says the same of a bad value wherever it stands."""
    flag = f"--{row.name.replace('_', '-')}"
    text = row.help.replace("%", "%%")
    if isinstance(row.default, bool):
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        return
    kind = "N" if isinstance(row.default, int) else "TEXT"
    shown = f" (default: {row.default})" if row.default != "" else ""
    parser.add_argument(flag, metavar=kind, help=text + shown)
