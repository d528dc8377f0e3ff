"""What a host is given at its birth, as cloud-init would: its name, address, keys and sources."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from infra.lab.fleet.base import SUITE
from infra.lab.fleet.state import JUMP, USER, Fleet, Host
from infra.lab.fleet.tools import run

_HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
_NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/24
Gateway={gateway}
LinkLocalAddressing=no
ConfigureWithoutCarrier=yes
IgnoreCarrierLoss=yes
"""
_SOURCES = """\
# Nobody has signed it: it is this machine's own.
Types: deb
URIs: http://{mirror}/selection
Suites: {suite}
Components: main
Trusted: yes

Types: deb
URIs: http://{mirror}/debian
Suites: {suite}-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://{mirror}/debian-security
Suites: {suite}-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
_SSH_CONFIG = """\
Host {names}
    ProxyJump {user}@{jump}
{addresses}
Host *
    User {user}
    IdentityFile {key}
    IdentitiesOnly yes
    UserKnownHostsFile {known_hosts}
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
"""


def make_disk(fleet: Fleet, host: Host) -> None:
    """An empty disk with the few files that make a host this one; what it had is lost."""
    shutil.rmtree(host.disk, ignore_errors=True)
    for folder in (host.files, host.disk / "work", host.disk / "root"):
        folder.mkdir(parents=True)
    host.files.chmod(0o755)  # It is the host's root folder.
    public = fleet.ssh_key.with_suffix(".pub").read_text()
    network = _NETWORK.format(address=host.address, gateway=fleet.client)
    for path, content in {
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/hostname": f"{host.name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n{host.address} {host.name}\n",
        "etc/resolv.conf": "# There are no names in the lab.\n",
        "etc/systemd/network/10-lab.network": network,
        "etc/apt/sources.list": "# See sources.list.d.\n",
        "etc/apt/sources.list.d/debian.sources": _SOURCES.format(mirror=fleet.mirror, suite=SUITE),
        f"home/{USER}/.ssh/authorized_keys": public,
    }.items():
        _write(host.files, fleet.base, path, content)
    _give_to_user(host.files / f"home/{USER}/.ssh", fleet.base)
    key = _place(host.files, fleet.base, _HOST_KEY)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{host.name}", "-f", key)


def make_ssh_key(fleet: Fleet) -> None:
    """The lab's own key, which opens nothing else."""
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", fleet.ssh_key)


def write_ssh_files(fleet: Fleet) -> None:
    """How ssh reaches the hosts, and the keys that it checks them by."""
    known = [
        f"{host.address} {' '.join((host.files / f'{_HOST_KEY}.pub').read_text().split()[:2])}"
        for host in fleet.hosts.values()
    ]
    fleet.known_hosts.write_text("\n".join([*known, ""]))
    addresses = [f"Host {one.name}\n    HostName {one.address}" for one in fleet.hosts.values()]
    config = _SSH_CONFIG.format(
        names=" ".join(name for name in fleet.hosts if name != JUMP),
        jump=fleet.hosts[JUMP].address,
        user=USER,
        addresses="\n".join(addresses),
        key=fleet.ssh_key,
        known_hosts=fleet.known_hosts,
    )
    fleet.ssh_config.write_text(config)


def _write(files: Path, base: Path, path: str, content: str) -> None:
    file = _place(files, base, path)
    file.write_text(content)
    file.chmod(0o644)


def _place(files: Path, base: Path, path: str) -> Path:
    """A path whose folders look as they do in the base: those that lie on top are the ones seen."""
    folder = Path()
    for part in Path(path).parent.parts:
        folder /= part
        mine, theirs = files / folder, base / folder
        if not mine.exists():
            mine.mkdir()
            mine.chmod(0o755)
            if theirs.exists():
                shutil.copymode(theirs, mine)
                os.chown(mine, theirs.stat().st_uid, theirs.stat().st_gid)
    return files / path


def _give_to_user(folder: Path, base: Path) -> None:
    home = (base / f"home/{USER}").stat()
    folder.chmod(0o700)
    for path in (folder, *folder.iterdir()):
        os.chown(path, home.st_uid, home.st_gid)
