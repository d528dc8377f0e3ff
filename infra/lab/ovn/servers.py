"""OVN's own processes: both databases, northd, and the stand-in for the chassis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from infra.lab import processes
from infra.lab.errors import LabError
from infra.lab.ovn.database import select, transact
from infra.lab.ovn.jsonrpc import Connection, RemoteError
from infra.lab.packages import root_environ
from infra.lab.state import COMPUTES, Lab

NORTH, SOUTH = "OVN_Northbound", "OVN_Southbound"
EXTERNAL_GATEWAY = "203.0.113.1"

_SOCKETS = {NORTH: "nb.sock", SOUTH: "sb.sock"}


def hosts() -> list[str]:
    """The names of the hosts that servers are placed on."""
    return [f"compute-{number}" for number in range(1, COMPUTES + 1)]


def connect(lab: Lab, database: str) -> Connection:
    """A connection to one of the two databases. Raises LabError when it does not run."""
    try:
        return Connection(lab.run / _SOCKETS[database])
    except OSError as error:
        raise LabError(f"OVN of the lab in {lab.folder} does not answer: {error}") from None


def start_ovn(lab: Lab) -> None:
    """Start the databases, northd and the chassis; Neutron finds them alive."""
    environ = ovn_environ(lab)
    for name, short in ((NORTH, "nb"), (SOUTH, "sb")):
        _start_database(lab, name, short, environ)
    northd = [lab.root / "usr/bin/ovn-northd", f"--unixctl={lab.run}/northd.ctl"]
    databases = [f"--ovnnb-db=unix:{lab.run}/nb.sock", f"--ovnsb-db=unix:{lab.run}/sb.sock"]
    processes.start(lab, "ovn-northd", [*northd, *databases], environ)
    # northd makes the row of the southbound database that the chassis read.
    processes.wait_for(lab, "ovn-northd", lambda: _has_rows(lab, SOUTH, "SB_Global"))
    command = [sys.executable, "-m", "infra.lab.ovn.chassis", lab.run / "sb.sock", EXTERNAL_GATEWAY]
    clone = {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONUNBUFFERED": "1"}
    processes.start(lab, "ovn-chassis", [*command, *hosts()], clone)
    processes.wait_for(lab, "ovn-chassis", lambda: _has_rows(lab, SOUTH, "Chassis"))


def ovn_environ(lab: Lab) -> dict[str, str]:
    """The environment of OVN's programs: nothing of them lands in /var or /etc."""
    folders = {
        f"{name}_{kind}": str(lab.run)
        for name in ("OVN", "OVS")
        for kind in ("RUNDIR", "SYSCONFDIR", "DBDIR", "LOGDIR")
    }
    return root_environ(lab.root) | folders


def _start_database(lab: Lab, name: str, short: str, environ: dict[str, str]) -> None:
    path = lab.data / f"ovn/{short}.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = lab.root / f"usr/share/ovn/ovn-{short}.ovsschema"
    create = [lab.root / "usr/bin/ovsdb-tool", "create", path, schema]
    processes.run(lab, f"ovn-{short}-create", create, environ)
    server = lab.root / "usr/sbin/ovsdb-server"
    options = [
        f"--remote=punix:{lab.run}/{short}.sock",
        f"--unixctl={lab.run}/{short}.ctl",
        "--no-chdir",
    ]
    processes.start(lab, f"ovn-{short}", [server, *options, path], environ)
    processes.wait_for(lab, f"ovn-{short}", lambda: _answers(lab, name))
    if name == NORTH:  # What `ovn-nbctl init` does: the one row of the global table.
        with connect(lab, NORTH) as connection:
            transact(connection, NORTH, [{"op": "insert", "table": "NB_Global", "row": {}}])


def _answers(lab: Lab, database: str) -> bool:
    try:
        with connect(lab, database) as connection:
            connection.call("list_dbs")
    except (LabError, OSError, RemoteError):
        return False
    return True


def _has_rows(lab: Lab, database: str, table: str) -> bool:
    with connect(lab, database) as connection:
        return bool(select(connection, database, table)[0])


def version(lab: Lab) -> str:
    """The version of OVN that traces, in its own words."""
    command = [str(lab.root / "usr/bin/ovn-trace"), "--version"]
    done = subprocess.run(
        command, env=ovn_environ(lab), capture_output=True, text=True, check=False
    )
    return done.stdout.split("\n")[0]
