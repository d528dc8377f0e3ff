"""MariaDB with one user and one database for each service.

The schemas take the better part of a minute and are the same in every lab: the files of the first
one are kept beside the software, before anything of a lab is in them, and later labs begin with a
copy.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
from pathlib import Path

from infra.lab import processes
from infra.lab.openstack import schemas
from infra.lab.openstack.configuration import write_template
from infra.lab.packages import root_environ
from infra.lab.ports import takes_connections
from infra.lab.progress import say
from infra.lab.state import Lab

NAME = "mariadb"


def start_mariadb(lab: Lab) -> None:
    """Start it with all schemas made."""
    write_template(lab, "mariadb.cnf", {"system_user": _user()})
    write_template(lab, "databases.sql")
    kept = _kept(lab)
    if not kept.exists():
        _make_kept(lab, kept)
    shutil.copytree(kept, _files(lab))
    _start(lab)
    say("MariaDB runs, with the schemas")


def _make_kept(lab: Lab, kept: Path) -> None:
    install = [
        lab.root / "usr/bin/mariadb-install-db",
        "--no-defaults",
        f"--basedir={lab.root}/usr",
    ]
    options = [
        f"--datadir={_files(lab)}",
        f"--user={_user()}",
        "--skip-test-db",
        "--skip-name-resolve",
    ]
    processes.run(lab, f"{NAME}-install", [*install, *options], root_environ(lab.root))
    _start(lab)
    say("MariaDB runs, the schemas are being made")
    schemas.make_schemas(lab)
    processes.end(lab, NAME)
    unfinished = kept.with_name(f"{kept.name}-{os.getpid()}")
    shutil.move(_files(lab), unfinished)
    try:
        unfinished.rename(kept)  # It appears when it is complete.
    except OSError:
        shutil.rmtree(unfinished)  # Another lab was quicker.


def _start(lab: Lab) -> None:
    server = [lab.root / "usr/sbin/mariadbd", f"--defaults-file={lab.etc}/mariadb.cnf"]
    processes.start(lab, NAME, server, root_environ(lab.root))
    processes.wait_for(lab, NAME, lambda: takes_connections(lab.ports["database"]))


def _files(lab: Lab) -> Path:
    return lab.data / "mariadb"


def _kept(lab: Lab) -> Path:
    """Another way to make the schemas makes other files."""
    way = hashlib.sha256(Path(schemas.__file__).read_bytes()).hexdigest()[:8]
    return lab.software / f"databases-{way}"


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
