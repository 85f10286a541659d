"""Run the node agent by itself: the one process that makes sandboxes. `lambent up` starts its own."""

import argparse

EXAMPLES = ("lambent agent --help",)
TAKES_THE_REST = True  # its options belong to the agent, which knows its own


def arguments(parser: argparse.ArgumentParser) -> None:
    """There are none of ours."""


def run(args: argparse.Namespace) -> int:
    from lambent.sandbox.agent import main

    return main(args.rest)
