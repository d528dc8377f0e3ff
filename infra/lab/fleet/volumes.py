"""Volumes that outlive a host's disk: files of this machine, which it sees as a block device."""

from __future__ import annotations

from pathlib import Path

from infra.lab.fleet.state import Fleet, Host
from infra.lab.fleet.tools import run

DEVICE = "/dev/vdb"  # As the host sees it.
GB = 4


def attach(host: Host) -> tuple[str, ...]:
    """nspawn's options for the volume of a host; it is made when there is none yet."""
    if host.volume is None:
        return ()
    if not host.volume.exists():
        host.volume.parent.mkdir(exist_ok=True)
        with host.volume.open("wb") as file:
            file.truncate(GB << 30)
    attached = devices_of(host.volume)
    device = attached[0] if attached else run("losetup", "--find", "--show", host.volume).strip()
    return (f"--bind={device}:{DEVICE}",)


def detach_all(folder: Path) -> None:
    """Take this machine's devices from the volumes of a fleet's folder."""
    for file in Fleet.volumes_of(folder):
        for device in devices_of(file):
            run("losetup", "--detach", device)


def devices_of(file: Path) -> list[str]:
    """By which block devices this machine shows a volume: one, or none."""
    return run("losetup", "--noheadings", "--output", "NAME", "--associated", file).split()
