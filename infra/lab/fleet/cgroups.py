"""One control group for each host: how all its processes are frozen or killed at once.

The tree of version 2 alone is used. It needs no controller for this, so it works also where another
hierarchy has them.
"""

from __future__ import annotations

import time
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.fleet.state import Fleet, Host
from infra.lab.fleet.tools import find_cgroups

_PATIENCE = 30.0


def group_of(fleet: Fleet, host: Host) -> Path:
    """The control group of a host."""
    return _root(fleet.key) / host.name


def make_group(fleet: Fleet, host: Host) -> Path:
    """An empty, running group for a host; one that an earlier life left is removed first."""
    group = group_of(fleet, host)
    kill_group(group)
    _remove(group)
    group.mkdir(parents=True)
    return group


def kill_group(group: Path) -> None:
    """Kill all processes of a group at once, frozen ones too, and wait until they are gone."""
    if not group.exists():
        return
    (group / "cgroup.kill").write_text("1")
    _wait_for_event(group, "populated 0")


def freeze_group(group: Path) -> None:
    """Stop all processes of a group where they are."""
    (group / "cgroup.freeze").write_text("1")
    _wait_for_event(group, "frozen 1")


def thaw_group(group: Path) -> None:
    """Let all processes of a group go on."""
    (group / "cgroup.freeze").write_text("0")
    _wait_for_event(group, "frozen 0")


def is_frozen(group: Path) -> bool:
    """Whether a group is stopped."""
    return (group / "cgroup.freeze").exists() and (group / "cgroup.freeze").read_text() == "1\n"


def first_process(group: Path) -> int | None:
    """The number by which this machine knows PID 1 of a host."""
    try:
        return int((group / "payload/init.scope/cgroup.procs").read_text().split()[0])
    except (OSError, IndexError):
        return None


def remove_groups(key: str) -> None:
    """Kill whatever a fleet's groups hold, and remove them."""
    if find_cgroups() and (root := _root(key)).exists():
        kill_group(root)
        _remove(root)


def _root(key: str) -> Path:
    mounted = find_cgroups()
    if not mounted:
        raise LabError("No cgroup2 is mounted.")
    return mounted / key


def _remove(group: Path) -> None:
    if group.exists():
        for path in sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True):
            path.rmdir()
        group.rmdir()


def _wait_for_event(group: Path, event: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while event not in (group / "cgroup.events").read_text():
        if time.monotonic() > deadline:
            raise LabError(f"{group} does not reach '{event}' in {_PATIENCE:.0f} s.")
        time.sleep(0.02)
