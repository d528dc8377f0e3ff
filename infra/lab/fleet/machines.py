"""A host's life: systemd-nspawn boots it from its disk."""

from __future__ import annotations

import time
from pathlib import Path

from infra.lab import processes
from infra.lab.errors import LabError
from infra.lab.fleet import cgroups, volumes
from infra.lab.fleet.base import MACHINE
from infra.lab.fleet.network import remove_link
from infra.lab.fleet.state import Fleet, Host

_PATIENCE = 60.0
_LISTENS, _SSH = "0A", ":0016"  # In /proc/PID/net/tcp: a state, and port 22.


def boot(fleet: Fleet, host: Host) -> None:
    """Start a host; it is not waited for."""
    group = cgroups.make_group(fleet, host)
    remove_link(host)
    options = (
        *("--quiet", f"--machine={host.machine}", f"--hostname={host.name}"),
        *("--register=no", "--keep-unit", "--link-journal=no", "--console=pipe"),
        *(f"--network-bridge={fleet.key}", "--resolv-conf=off", "--timezone=off"),
        *("--kill-signal=SIGRTMIN+4", "--rlimit=RLIMIT_NOFILE=1024:524288"),
        *volumes.attach(host),
        "/usr/local/sbin/lab-init",
    )
    supervise = (MACHINE / "supervise", group, fleet.base, host.disk, *options)
    processes.start(fleet, host.name, ("unshare", "--mount", "--", *supervise))


def wait_for_ssh(fleet: Fleet, host: Host) -> None:
    """Wait until a host would take an ssh connection. Raises LabError when it does not come up."""
    deadline = time.monotonic() + _PATIENCE
    while not _listens(fleet, host):
        if not is_up(fleet, host):
            raise LabError(f"{host.name} has ended.{processes.tail(fleet, host.name)}")
        if time.monotonic() > deadline:
            late = f"{host.name} has no sshd after {_PATIENCE:.0f} s."
            raise LabError(late + processes.tail(fleet, host.name))
        time.sleep(0.1)


def is_up(fleet: Fleet, host: Host) -> bool:
    """Whether a host runs."""
    return processes.is_alive(fleet, host.name)


def _listens(fleet: Fleet, host: Host) -> bool:
    """Seen from inside: a host that has been converged answers nobody but its jump host."""
    pid = cgroups.first_process(cgroups.group_of(fleet, host))
    try:
        sockets = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return False
    return any(
        local.endswith(_SSH) and state == _LISTENS
        for _, local, _, state, *_ in (line.split() for line in sockets)
    )
