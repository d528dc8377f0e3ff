"""Commands of this machine that a fleet is made with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.progress import say

# A program, and the package that brings it.
PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "systemd-socket-activate": "systemd",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "ssh-keygen": "openssh-client",
    "losetup": "mount",
}


def require_machine() -> None:
    """Install what packages are missing. Raises LabError when this machine cannot run a fleet."""
    require_root()
    if not shutil.which("apt-get"):
        raise LabError("The fleet needs Debian (12 or 13): this machine has no apt-get.")
    if not find_cgroups():
        raise LabError("The fleet needs control groups of version 2: no cgroup2 is mounted.")
    if not Path("/dev/loop-control").exists():
        raise LabError(
            "The fleet needs loop devices for its volumes: /dev/loop-control is missing."
        )
    if missing := missing_packages():
        say(f"installing into this machine: {', '.join(missing)}")
        environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "--quiet", environ=environ)
        options = ("--yes", "--quiet", "--no-install-recommends")
        run("apt-get", "install", *options, *missing, environ=environ)


def require_root() -> None:
    """Raise LabError for anybody else."""
    if os.geteuid() != 0:
        raise LabError(
            "The fleet needs root: it makes hosts, a network and mounts. Use sudo, or a container."
        )


def missing_packages() -> list[str]:
    """The packages whose programs this machine lacks."""
    return sorted({package for name, package in PROGRAMS.items() if not shutil.which(name)})


def find_cgroups() -> Path | None:
    """Where the tree of control groups of version 2 is mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind = line.split()[:3]
        if kind == "cgroup2":
            return Path(where)
    return None


def run(*command: object, environ: dict[str, str] | None = None, text: str | None = None) -> str:
    """Run a command and return what it prints. Raises LabError with its complaint."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, env=environ, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        complaint = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise LabError(f"{' '.join(words[:6])} … failed:\n{complaint}")
    return done.stdout
