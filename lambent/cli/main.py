"""Picks the command and runs it. Only the chosen command's file is imported, so that help answers at once."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

# name -> what the general help says of it; lambent/cli/<name>.py has `arguments(parser)`, `run(args)` and EXAMPLES
COMMANDS = {
    "up": "start the server in the foreground",
    "status": "what runs, how it is isolated, and what it found on this machine",
    "runtimes": "which Lambda runtimes this machine can run",
    "images": "which container images functions can be made of; add some",
    "keys": "access keys that requests are signed with: list, add or remove some",
    "signing": "profiles that zips are signed with: create, list, trust or revoke some; sign a zip",
    "invoke": "run a function once and print its answer",
    "url": "at which address a function answers HTTP; give it one",
    "clock": "what time the server lives in; move it, if it is virtual",
    "logs": "print what a function has logged, or follow it",
    "events": "failed events that were kept: list, show, replay or purge them",
    "explain": "what happened to an invocation or an event, and why",
    "metrics": "how often functions were called, failed and were throttled, and how long they took",
    "agent": "the node agent by itself (`up` starts one for you)",
    "version": "print the version",
}

FOOTER = """
The commands that talk to a server find it by --endpoint-url, LAMBENT_ENDPOINT or AWS_ENDPOINT_URL; without them they
take http://127.0.0.1:4566. `lambent COMMAND --help` shows the options of a command, with examples."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0 done, 1 failed, 2 asked wrongly."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if words[0] in ("-V", "--version"):
        words[0] = "version"
    if words[0] not in COMMANDS:
        print(f"lambent: there is no command {words[0]!r}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return _run(words[0], words[1:])


def usage() -> str:
    """The general help, which needs no import beyond this file."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join(["usage: lambent COMMAND [options]", "", "AWS Lambda on your own machines.", "", *lines, FOOTER])


def _run(name: str, words: list[str]) -> int:
    from lambent.errors import LambentError, SettingError

    command = import_module(f"lambent.cli.{name}")
    args = _parse(name, command, words)
    try:
        return int(command.run(args))
    except SettingError as error:
        print(f"lambent {name}: {error.message}", file=sys.stderr)
        return 2
    except LambentError as error:
        print(f"lambent {name}: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `lambent logs f | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return 0


def _parse(name: str, command: ModuleType, words: list[str]) -> "argparse.Namespace":
    parser = parser_of(name, command)
    if getattr(command, "TAKES_THE_REST", False):
        args, rest = parser.parse_known_args(words)
        args.rest = rest
        return args
    return parser.parse_args(words)


def parser_of(name: str, command: ModuleType) -> "argparse.ArgumentParser":
    """The options of one command; the generated reference is made from it too."""
    import argparse

    examples = "\n".join(f"  {line}" for line in command.EXAMPLES)
    parser = argparse.ArgumentParser(
        prog=f"lambent {name}",
        description=(command.__doc__ or "").strip(),
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.arguments(parser)
    # argparse's own usage line differs between versions of Python, and says no more than the list below it.
    parser.usage = " ".join(filter(None, (f"lambent {name} [options]", getattr(command, "POSITIONAL", ""))))
    return parser
