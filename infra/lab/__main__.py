"""`python -m infra.lab`: up, status, down, list, trace, provider; fleet."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from infra.lab import cloud, processes
from infra.lab.errors import LabError
from infra.lab.fleet.commands import add_commands
from infra.lab.openstack.listing import list_names, list_resources
from infra.lab.ovn.trace import Tracer
from infra.lab.provider import build_provider
from infra.lab.state import DEFAULT_FOLDER, Lab


def main() -> int:
    """Do what the command line says; errors are sentences, not traces."""
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Broken off; the command `down` removes what was begun.", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.lab", description=sys.modules[__package__].__doc__
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, what in (
        ("up", _up, "bring up the cloud; what runs already stays"),
        ("status", _status, "say what runs, and where"),
        ("down", _down, "end all processes and remove the lab's folder"),
        ("list", _list, "list every resource in the cloud as JSON"),
        ("trace", _trace, "say what OVN does to a packet"),
        ("provider", _provider, "build Terraform's provider, print the CLI configuration to use"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.set_defaults(run=run)
        command.add_argument(
            "--dir", type=Path, default=DEFAULT_FOLDER, help="the lab's folder (%(default)s)"
        )
        if name == "trace":
            _add_trace_arguments(command)
        if name == "list":
            command.add_argument("--names", action="store_true", help="names and ids alone")
    what = "hosts of Debian 13 to converge and to break"
    add_commands(commands.add_parser("fleet", help=what, description=what))
    return parser


def _add_trace_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("source", help="outside, or a port's id, name or address")
    command.add_argument(
        "destination", help="an IPv4 address: a server's, virtual, floating, foreign"
    )
    command.add_argument("protocol", help="tcp, udp, icmp, vrrp or a number")
    command.add_argument("port", nargs="?", type=int)
    command.add_argument("--source-address", help="the address that the packet claims to come from")
    command.add_argument("--detailed", action="store_true", help="every logical flow on its way")


def _trace(arguments: argparse.Namespace) -> None:
    packet = (arguments.source, arguments.destination, arguments.protocol, arguments.port)
    detail = "--detailed" if arguments.detailed else "--minimal"
    with Tracer(Lab.open(arguments.dir)) as tracer:
        try:
            verdict = tracer.trace(*packet, source_address=arguments.source_address, detail=detail)
        except LookupError as error:
            raise LabError(str(error)) from None
    print(verdict.text.strip())
    left = ", ".join(verdict.left_at) or "nothing"
    print(f"{'allowed' if verdict.allowed else 'dropped'}; left at: {left}")


def _up(arguments: argparse.Namespace) -> None:
    print(cloud.describe(cloud.bring_up(arguments.dir)))


def _status(arguments: argparse.Namespace) -> None:
    lab = Lab.open(arguments.dir)
    print(cloud.describe(lab))
    if processes.dead_names(lab):
        raise LabError("Not everything runs.")


def _down(arguments: argparse.Namespace) -> None:
    cloud.take_down(arguments.dir)


def _list(arguments: argparse.Namespace) -> None:
    lab = Lab.open(arguments.dir)
    print(json.dumps(list_names(lab) if arguments.names else list_resources(lab), indent=1))


def _provider(_: argparse.Namespace) -> None:
    print(build_provider())


if __name__ == "__main__":
    sys.exit(main())
