"""The commands behind `make cloud-plan`, `cloud-apply` and their kin."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.cloud import terraform, work


def main() -> int:
    """Run one command on one environment; 1 when it is refused."""
    options = _parser().parse_args()
    try:
        options.run(options)
    except terraform.Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.cloud", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, run: object) -> argparse.ArgumentParser:
        own = commands.add_parser(name, help=text, description=text)
        own.add_argument("environment", choices=terraform.environments())
        own.set_defaults(run=run)
        return own

    plan = command("plan", "Say what an apply would do, and draw it.", work.show_plan)
    plan.add_argument(
        "--changes", type=Path, metavar="FILE", help="write kinds of changes by address as JSON"
    )
    apply = command("apply", "Bring the cloud to what the environment says.", work.apply)
    for one in (plan, apply):
        one.add_argument(
            "--replace", action="append", default=[], metavar="HOST", help="make a host anew"
        )
    destroy = command(
        "destroy", "Delete the hosts and their network; data and addresses stay.", work.destroy
    )
    erase = command("erase", "Delete everything, data and addresses included.", work.erase)
    erase.description = "Deletes everything; asks for the environment's name."
    roll = command(
        "roll", "Bring hosts to their new flavor or image, one after the other.", work.roll
    )
    roll.add_argument("--hosts", default="", metavar="HOST,HOST", help="only these, in this order")
    roll.add_argument("--anew", action="store_true", help="also those that need not change")
    roll.add_argument(
        "--hook",
        metavar="PROGRAM",
        help="run as PROGRAM before|after HOST ADDRESS; when it fails, the roll stops",
    )
    orphans = command(
        "orphans", "List what is tagged as ours and no state knows.", work.show_orphans
    )
    fate = orphans.add_mutually_exclusive_group()
    fate.add_argument("--adopt", action="store_true", help="take into the state what a plan wants")
    fate.add_argument("--delete", action="store_true", help="delete them")
    for one in (apply, destroy, roll, orphans):
        one.add_argument("--yes", action="store_true", help="do not ask")
    return parser


if __name__ == "__main__":
    sys.exit(main())
