"""The commands of this package: `python -m monitoring COMMAND --help`.

A command's module has `add_to(commands)`, which adds its parser and sets `run`, a function of the
arguments that returns the exit code. What only one command needs is imported when that runs:
`build` has to run where playbooks do.
"""

from __future__ import annotations

import argparse
import sys

from monitoring import build, check, table, verify
from monitoring.preview import command as preview


def main() -> int:
    """Run a command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m monitoring", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (build, check, preview, table, verify):
        module.add_to(commands)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
