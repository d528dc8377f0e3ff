"""`python -m infra.lab fleet`: up, status, down, ssh, and what can happen to a host."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.fleet import faults, life
from infra.lab.fleet.state import DEFAULT_FOLDER, Fleet
from infra.lab.fleet.tools import require_root

_FAULTS: dict[str, tuple[Callable[[Fleet, str], None], str]] = {
    "crash": (faults.crash, "end a host at once"),
    "power-off": (faults.power_off, "end a host without a word to its peers"),
    "start": (faults.start, "boot a host from its disk"),
    "wipe": (faults.wipe, "put a fresh host in the place of one"),
    "cut": (faults.cut, "pull a host's cable"),
    "mend": (faults.mend, "plug a host's cable in again"),
    "freeze": (faults.freeze, "stop all processes of a host"),
    "thaw": (faults.thaw, "let a frozen host go on"),
}


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Give a parser the fleet's commands; each has its function in `run`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, what in (
        ("up", _up, "bring up the hosts; what runs already stays"),
        ("status", _status, "say what runs, and where"),
        ("down", _down, "end all hosts and remove the fleet's folder"),
        ("join", _join, "let hosts that were parted reach each other again"),
    ):
        _add(commands, name, run, what)
    ssh = _add(commands, "ssh", _ssh, "go into a host, or run a command in it")
    ssh.add_argument("host")
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    part = _add(commands, "part", _part, "let nothing pass between two hosts")
    part.add_argument("host")
    part.add_argument("other")
    for name, (_, what) in _FAULTS.items():
        command = _add(commands, name, _fault, what)
        command.set_defaults(fault=name)
        command.add_argument("hosts", nargs="+", metavar="HOST")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], None],
    what: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=what, description=what)
    command.set_defaults(run=run)
    command.add_argument(
        "--dir", type=Path, default=DEFAULT_FOLDER, help="the fleet's folder (%(default)s)"
    )
    return command


def _up(arguments: argparse.Namespace) -> None:
    print(life.describe(life.bring_up(arguments.dir)))


def _status(arguments: argparse.Namespace) -> None:
    fleet = Fleet.open(arguments.dir)
    print(life.describe(fleet))
    if life.dead_services(fleet) or "down" in {life.state_of(fleet, name) for name in fleet.hosts}:
        raise LabError("Not everything runs.")


def _down(arguments: argparse.Namespace) -> None:
    life.take_down(arguments.dir)


def _ssh(arguments: argparse.Namespace) -> None:
    fleet = Fleet.open(arguments.dir)
    host = fleet.host(arguments.host)
    os.execvp("ssh", ["ssh", "-F", str(fleet.ssh_config), host.name, *arguments.command])  # noqa: S606 - our own words


def _part(arguments: argparse.Namespace) -> None:
    require_root()
    faults.part(Fleet.open(arguments.dir), arguments.host, arguments.other)


def _join(arguments: argparse.Namespace) -> None:
    require_root()
    faults.join(Fleet.open(arguments.dir))


def _fault(arguments: argparse.Namespace) -> None:
    require_root()
    fleet = Fleet.open(arguments.dir)
    fault, _ = _FAULTS[arguments.fault]
    for host in arguments.hosts:
        fault(fleet, host)
