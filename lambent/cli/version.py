"""Print the version of Lambent and of the Python that runs it."""

import argparse
import platform

from lambent import __version__

EXAMPLES = ("lambent version",)


def arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:
    print(f"lambent {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})")
    return 0
