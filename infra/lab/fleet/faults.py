"""What can happen to a host, for tests and for people who want to see it.

fleet = Fleet.open(folder)
power_off(fleet, "db-1")
start(fleet, "db-1")
"""

from __future__ import annotations

from infra.lab.errors import LabError
from infra.lab.fleet import cgroups, network
from infra.lab.fleet.disks import make_disk, write_ssh_files
from infra.lab.fleet.machines import boot, is_up, wait_for_ssh
from infra.lab.fleet.state import Fleet, Host


def crash(fleet: Fleet, name: str) -> None:
    """End all processes of a host at once. Its peers hear of it: the kernel ends connections."""
    host = _running(fleet, name)
    cgroups.kill_group(cgroups.group_of(fleet, host))
    network.remove_link(host)


def power_off(fleet: Fleet, name: str) -> None:
    """End a host so that its peers hear nothing more of it, as when its power fails."""
    cut(fleet, name)
    crash(fleet, name)


def start(fleet: Fleet, name: str) -> None:
    """Boot a host from its disk, cable plugged in, and wait for its sshd; one that runs stays."""
    host = fleet.host(name)
    if not is_up(fleet, host):
        boot(fleet, host)
    wait_for_ssh(fleet, host)


def wipe(fleet: Fleet, name: str) -> None:
    """Put a fresh host in a host's place: same name, address and volume, new disk and host key."""
    host = fleet.host(name)
    if is_up(fleet, host):
        crash(fleet, name)
    make_disk(fleet, host)
    write_ssh_files(fleet)
    boot(fleet, host)
    wait_for_ssh(fleet, host)


def cut(fleet: Fleet, name: str) -> None:
    """Pull a host's cable."""
    network.set_link(_running(fleet, name), "down")


def mend(fleet: Fleet, name: str) -> None:
    """Plug a host's cable in again."""
    network.set_link(_running(fleet, name), "up")


def freeze(fleet: Fleet, name: str) -> None:
    """Stop all processes of a host where they are; its kernel still acknowledges packets."""
    cgroups.freeze_group(cgroups.group_of(fleet, _running(fleet, name)))


def thaw(fleet: Fleet, name: str) -> None:
    """Let a frozen host go on."""
    cgroups.thaw_group(cgroups.group_of(fleet, _running(fleet, name)))


def part(fleet: Fleet, one: str, other: str) -> None:
    """Let nothing pass between two hosts, which still reach all others."""
    network.part_hosts(fleet, _running(fleet, one), _running(fleet, other))


def join(fleet: Fleet) -> None:
    """Let all hosts that were parted reach each other again."""
    network.join_hosts(fleet)


def _running(fleet: Fleet, name: str) -> Host:
    host = fleet.host(name)
    if not is_up(fleet, host):
        raise LabError(f"{name} does not run.")
    return host
