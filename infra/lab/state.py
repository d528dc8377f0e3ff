"""A lab's folder: its ports, its passwords, and where its files are."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.ports import choose_ports

DEFAULT_FOLDER = Path(".data/lab-cloud")
COMPUTES = 6  # Twice the three members of a group: they are placed at once, and race.
SERVICES = ("keystone", "glance", "placement", "nova", "neutron", "cinder")

_FILE = "lab.json"
_MARK = "biletter-lab"
_PORTS = ("database", "messages", "message_nodes", "node_names", *SERVICES)
_PASSWORDS = ("database", "messages", "admin", "service", "member")


@dataclass(frozen=True)
class LabFolder:
    """Where the files of a lab are, of whatever kind it is."""

    folder: Path

    @cached_property
    def etc(self) -> Path:
        """Configuration."""
        return self.folder / "etc"

    @cached_property
    def log(self) -> Path:
        """One file for each process."""
        return self.folder / "log"

    @cached_property
    def run(self) -> Path:
        """Sockets, and which processes were started."""
        return self.folder / "run"

    @cached_property
    def data(self) -> Path:
        """What the services keep."""
        return self.folder / "data"

    def make_folders(self) -> None:
        """Make what every lab has."""
        for path in (self.etc, self.log, self.run, self.data):
            path.mkdir(parents=True)

    def write_private(self, path: Path, content: str) -> None:
        """Write a file that this user alone may read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(content, encoding="utf-8")


@dataclass(frozen=True)
class Lab(LabFolder):
    """What was chosen at `up` and is remembered until `down`."""

    software: Path
    ports: dict[str, int]
    passwords: dict[str, str]

    @classmethod
    def create(cls, folder: Path, software: Path) -> Lab:
        """Choose ports and passwords, and write them down for this user alone."""
        passwords = {name: secrets.token_hex(16) for name in _PASSWORDS}
        lab = cls(folder, software, choose_ports(_PORTS), passwords)
        lab.make_folders()
        content = asdict(lab) | {"folder": str(folder), "software": str(software)}
        lab.write_private(folder / _FILE, json.dumps(content, indent=1))
        return lab

    @classmethod
    def open(cls, folder: Path = DEFAULT_FOLDER) -> Lab:
        """The lab that `up` made in the folder. Raises LabError when there is none."""
        folder = folder.resolve()
        try:
            content = json.loads((folder / _FILE).read_text())
        except FileNotFoundError:
            raise LabError(f"There is no lab in {folder}: python -m infra.lab up") from None
        return cls(folder, Path(content["software"]), content["ports"], content["passwords"])

    @cached_property
    def root(self) -> Path:
        """Debian's packages, unpacked."""
        return self.software / "root"

    @cached_property
    def venv(self) -> Path:
        """The control plane's Python packages."""
        return self.software / "venv"

    def url(self, service: str) -> str:
        """Where a service answers, without the path of its API."""
        return f"http://127.0.0.1:{self.ports[service]}"


@contextmanager
def prepared_folder(folder: Path, mark: str = _MARK) -> Iterator[Path]:
    """A lab's folder, locked against a second command on the same one. Raises LabError."""
    folder = folder.resolve()
    if len(str(folder).split()) != 1:
        raise LabError(f"{folder} has a space in its name, which some of the services do not bear.")
    if folder.exists() and any(folder.iterdir()) and not (folder / mark).exists():
        raise LabError(f"{folder} holds something that is not a lab's. Name another with --dir.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / mark).touch()
        yield folder
    except BlockingIOError:
        raise LabError(f"Another command works on {folder}. Wait until it has ended.") from None
    finally:
        os.close(descriptor)


def empty_folder(folder: Path, mark: str = _MARK) -> None:
    """Remove what an earlier lab left; the lock and the mark stay."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != mark:
            path.unlink()
