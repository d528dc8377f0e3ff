"""What all hosts have in common: a Debian 13 as a cloud image has it, made once into the cache."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from pathlib import Path

from infra.lab import processes
from infra.lab.fleet.state import USER, Fleet
from infra.lab.progress import say
from infra.lab.software import cache_folder, locked

SUITE = "trixie"
# No more than a cloud image has: what else a host needs is for Ansible to install.
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "udev", "kmod", "openssh-server"),
    *("python3", "python3-apt", "sudo", "ca-certificates", "apt-utils", "gnupg", "locales"),
    *("iproute2", "iputils-ping", "nftables", "netbase", "procps", "cron", "logrotate"),
    *("curl", "less", "vim-tiny", "tzdata"),
    # What cloud-init stands on, which itself has nothing to ask here.
    *("python3-jinja2", "python3-oauthlib", "python3-requests", "python3-yaml"),
)
MACHINE = Path(__file__).parent / "machine"
_SCRIPTS = ("make-base", "lab-init")


def base_folder() -> Path:
    """Where the base is or will be: made of other packages or otherwise, it has another folder."""
    return cache_folder() / "fleet" / f"base-{_key()}" / "root"


def make_base(fleet: Fleet) -> None:
    """Make the fleet's base through its mirror when it is not there yet."""
    folder = fleet.base.parent
    complete = folder / "complete"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if complete.exists():
            say(f"base: in {folder}")
            return
        say(f"base: Debian {SUITE} by mmdebstrap, about half a minute")
        shutil.rmtree(fleet.base, ignore_errors=True)
        mirror = f"http://{fleet.mirror}/debian"
        words = (SUITE, ",".join(PACKAGES), mirror, fleet.base, MACHINE, USER)
        make = ("unshare", "--mount", "--", MACHINE / "make-base", *words)
        processes.run(fleet, "make-base", make, _direct())
        complete.touch()
        say("base: made")


def _key() -> str:
    scripts = [(MACHINE / name).read_text() for name in _SCRIPTS]
    parts = (SUITE, *PACKAGES, platform.machine(), USER, *scripts)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _direct() -> dict[str, str]:
    """The fleet's mirror is on this machine: no proxy stands between."""
    return {name: "" for name in os.environ if name.lower().endswith("_proxy")}
