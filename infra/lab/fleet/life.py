"""The life of a fleet: up, status, down."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.lab import processes
from infra.lab.errors import LabError
from infra.lab.fleet import cgroups, disks, network, outside, volumes
from infra.lab.fleet.base import base_folder, make_base
from infra.lab.fleet.inventory import write_inventory
from infra.lab.fleet.machines import boot, is_up, wait_for_ssh
from infra.lab.fleet.state import JUMP, MARK, Fleet, key_of
from infra.lab.fleet.tools import require_machine, require_root
from infra.lab.progress import say
from infra.lab.software import cache_folder, locked
from infra.lab.state import empty_folder, prepared_folder

_READY = "ready"


def bring_up(folder: Path) -> Fleet:
    """A fleet that runs: the one that is there, or a new one in place of what a broken `up` left.

    Of one that is there, what has ended is started again: hosts from their disks.
    """
    require_machine()
    _require_plain_name(folder.resolve())
    with prepared_folder(folder, MARK) as prepared:
        if (prepared / _READY).exists():
            fleet = Fleet.open(prepared)
            say(f"there already: {prepared}")
        else:
            _clear(prepared)
            empty_folder(prepared, MARK)
            fleet = _create(prepared)
        _start(fleet)
        (prepared / _READY).touch()
    return fleet


def take_down(folder: Path) -> None:
    """End all that runs, take back what was done to this machine, and remove the folder."""
    folder = folder.resolve()
    if not folder.exists():
        _clear(folder)
        return
    with prepared_folder(folder, MARK):
        _clear(folder)
        shutil.rmtree(folder)


def describe(fleet: Fleet) -> str:
    """What runs and where, for a person."""
    lines = [f"Fleet in {fleet.folder}, network {fleet.network}, bridge {fleet.key}"]
    for host in fleet.hosts.values():
        lines += [f"  {host.name:10} {host.address:12} {state_of(fleet, host.name)}"]
    for name, address in (
        ("client", fleet.client),
        ("mirror", fleet.mirror),
        ("gateway", fleet.gateway),
        ("provider", fleet.provider),
        ("listener", fleet.listener),
        ("VIP", fleet.vip),
    ):
        lines += [f"  {name:10} {address}"]
    if dead := dead_services(fleet):
        lines += [f"Ended, see {fleet.log}: {', '.join(dead)}"]
    lines += [f"Into a host: ssh -F {fleet.ssh_config} db-1"]
    return "\n".join([*lines, f"For Ansible: {fleet.inventory}"])


def state_of(fleet: Fleet, name: str) -> str:
    """up, frozen, cut or down."""
    host = fleet.host(name)
    if not is_up(fleet, host):
        return "down"
    if cgroups.is_frozen(cgroups.group_of(fleet, host)):
        return "frozen"
    return "up" if network.is_linked(host) else "cut"


def dead_services(fleet: Fleet) -> list[str]:
    """What lies outside of the hosts and should run, and does not."""
    return [name for name in processes.dead_names(fleet) if name not in fleet.hosts]


def _create(folder: Path) -> Fleet:
    # Two fleets that come up at once must not choose the same network.
    cache_folder().mkdir(parents=True, exist_ok=True)
    with locked(cache_folder()):
        free = network.choose_network(network.used_networks())
        fleet = Fleet.create(folder, base_folder(), free)
        network.make_bridge(fleet)
    say(f"network {fleet.network} on bridge {fleet.key}")
    disks.make_ssh_key(fleet)
    return fleet


def _start(fleet: Fleet) -> None:
    network.make_bridge(fleet)
    outside.start_simulators(fleet)
    outside.start_relays(fleet)
    outside.start_listener(fleet)
    outside.start_mirror(fleet)
    make_base(fleet)
    down = [host for host in fleet.hosts.values() if not is_up(fleet, host)]
    with ThreadPoolExecutor(len(fleet.hosts)) as pool:
        fresh = [host for host in down if not host.disk.exists()]
        list(pool.map(lambda host: disks.make_disk(fleet, host), fresh))
        disks.write_ssh_files(fleet)
        write_inventory(fleet)
        # The way to all others first.
        for host in sorted(down, key=lambda host: host.name != JUMP):
            boot(fleet, host)
        list(pool.map(lambda host: wait_for_ssh(fleet, host), down))
    if down:
        say(f"hosts answer: {', '.join(host.name for host in down)}")
    outside.wait_for_simulators(fleet)
    say("payment gateway and event provider answer: ready")


def _clear(folder: Path) -> None:
    """Undo what a fleet in this folder does outside of it, as far as it got."""
    require_root()
    key = key_of(folder)
    cgroups.remove_groups(key)
    processes.kill(folder)
    cgroups.remove_groups(key)  # A host that was just being started may have made its own.
    volumes.detach_all(folder)
    network.remove_bridge(key)


def _require_plain_name(folder: Path) -> None:
    if set(str(folder)) & set(",:\\"):
        raise LabError(f"{folder} has a comma, colon or backslash in its name: mounts cannot.")
