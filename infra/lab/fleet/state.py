"""A fleet's folder: its network, its hosts, its passwords, and where its files are."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.ports import choose_ports
from infra.lab.state import LabFolder

DEFAULT_FOLDER = Path(".data/lab-fleet")
MARK = "biletter-fleet"
USER = "debian"  # The cloud image's own user.
JUMP = "monitor-1"
SIMULATORS = ("gateway", "provider")

_FILE = "fleet.json"
_ROLES = {"edge": (11, 2), "app": (21, 2), "db": (31, 3), "monitor": (41, 1)}
_WITH_VOLUME = ("db", "monitor")
_VOLUMES = "volumes"
_CLIENT, _MIRROR, _GATEWAY, _PROVIDER, _LISTENER, _VIP = 1, 2, 3, 4, 5, 10
_PASSWORDS = ("payment", "webhook")


def key_of(folder: Path) -> str:
    """What the names of a fleet's bridge, links and cgroup begin with, also once it is gone."""
    return "bl" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:5]


@dataclass(frozen=True)
class Host:
    """A host of the fleet."""

    name: str
    role: str
    number: int  # The last of its address.
    address: str
    machine: str  # The name that nspawn knows it by; no other fleet's host has it.
    disk: Path  # What the host wrote, and what it was given at its birth.
    volume: Path | None  # What outlives the disk.

    @property
    def link(self) -> str:
        """This machine's end of the host's cable."""
        return f"vb-{self.machine}"

    @property
    def files(self) -> Path:
        """The host's own files: they lie over the base's."""
        return self.disk / "upper"


@dataclass(frozen=True)
class Fleet(LabFolder):
    """What was chosen at `up` and is remembered until `down`."""

    base: Path  # What lies under every host's own files.
    network: str
    ports: dict[str, int]
    passwords: dict[str, str]

    @classmethod
    def create(cls, folder: Path, base: Path, network: IPv4Network) -> Fleet:
        """Choose ports and passwords, and write them down for this user alone."""
        passwords = {name: secrets.token_hex(24) for name in _PASSWORDS}
        fleet = cls(folder, base, str(network), choose_ports(SIMULATORS), passwords)
        fleet.make_folders()
        content = asdict(fleet) | {"folder": str(folder), "base": str(base)}
        fleet.write_private(folder / _FILE, json.dumps(content, indent=1))
        return fleet

    @classmethod
    def open(cls, folder: Path = DEFAULT_FOLDER) -> Fleet:
        """The fleet that `up` made in the folder. Raises LabError when there is none."""
        folder = folder.resolve()
        try:
            content = json.loads((folder / _FILE).read_text())
        except FileNotFoundError:
            raise LabError(f"There is no fleet in {folder}: python -m infra.lab fleet up") from None
        base, network = Path(content["base"]), content["network"]
        return cls(folder, base, network, content["ports"], content["passwords"])

    @staticmethod
    def volumes_of(folder: Path) -> list[Path]:
        """What outlives the disks of a folder's hosts, also of a fleet that was not finished."""
        return sorted((folder / _VOLUMES).glob("*"))

    def host(self, name: str) -> Host:
        """The host of this name. Raises LabError when there is none."""
        if name not in self.hosts:
            raise LabError(f"There is no host {name}: there are {', '.join(self.hosts)}.")
        return self.hosts[name]

    @cached_property
    def hosts(self) -> dict[str, Host]:
        """All hosts by name."""
        found = {}
        for role, (first, count) in _ROLES.items():
            for index in range(count):
                name, number = f"{role}-{index + 1}", first + index
                disk = self.folder / "hosts" / name
                machine = f"{self.key}-{number}"
                volume = self.folder / _VOLUMES / name if role in _WITH_VOLUME else None
                found[name] = Host(name, role, number, self.address(number), machine, disk, volume)
        return found

    def address(self, number: int) -> str:
        """An address of the fleet's network."""
        return str(IPv4Network(self.network)[number])

    @cached_property
    def key(self) -> str:
        """What the names of the bridge, the links and the cgroup begin with."""
        return key_of(self.folder)

    @cached_property
    def client(self) -> str:
        """This machine's address, from where administrators and buyers come."""
        return self.address(_CLIENT)

    @cached_property
    def load_generator(self) -> str:
        """Where a load run may show itself: to that port the hosts' firewalls let out."""
        return f"{self.client}:80"

    @cached_property
    def mirror(self) -> str:
        """Where Debian's packages come from."""
        return self.address(_MIRROR)

    @cached_property
    def gateway(self) -> str:
        """Where the payment gateway is."""
        return self.address(_GATEWAY)

    @cached_property
    def provider(self) -> str:
        """Where the event provider is."""
        return self.address(_PROVIDER)

    @cached_property
    def listener(self) -> str:
        """Where somebody hears of alerts."""
        return self.address(_LISTENER)

    @cached_property
    def messages(self) -> Path:
        """What the listener was told, a line of JSON for each message."""
        return self.data / "messages.jsonl"

    @cached_property
    def vip(self) -> str:
        """The address that the edges share."""
        return self.address(_VIP)

    @cached_property
    def ssh_key(self) -> Path:
        """The one key that opens the hosts."""
        return self.etc / "id_ed25519"

    @cached_property
    def known_hosts(self) -> Path:
        """The hosts' public keys, which are checked."""
        return self.etc / "known_hosts"

    @cached_property
    def ssh_config(self) -> Path:
        """How ssh reaches the hosts: by name, through the jump host."""
        return self.etc / "ssh_config"

    @cached_property
    def inventory(self) -> Path:
        """What Ansible reads."""
        return self.folder / "inventory.yml"

    @cached_property
    def secrets(self) -> Path:
        """The secrets that the playbooks make, encrypted; their CA's certificate is beside."""
        return self.folder / "secrets.yml"

    @cached_property
    def ca_certificate(self) -> Path:
        """Whom the payment gateway believes that it talks to the service: the edge's CA."""
        return self.folder / "ca.crt"
