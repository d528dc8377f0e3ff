"""What an operator does: runs playbooks, looks at hosts, sends buyers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.lab.fleet.state import JUMP, Fleet

_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) ", re.MULTILINE)
_PATIENCE = 240.0
MONITOR = JUMP


@dataclass(frozen=True)
class Played:
    """How a playbook ended."""

    code: int
    said: str

    @property
    def changed(self) -> dict[str, int]:
        """How many tasks changed something, by host."""
        return {host: int(changed) for host, changed in _RECAP.findall(self.said)}


@dataclass(frozen=True)
class Operator:
    """A fleet, and the checkout it is run from."""

    fleet: Fleet
    root: Path

    def play(self, playbook: str, *arguments: str) -> Played:
        """Run a playbook to its end."""
        done = subprocess.run(
            [
                *("make", "--no-print-directory", "play", f"PLAY={playbook}"),
                *(f"INVENTORY={self.fleet.inventory}", f"ARGS={' '.join(arguments)}"),
            ],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        return Played(done.returncode, done.stdout + done.stderr)

    def must(self, playbook: str, *arguments: str) -> Played:
        """As `play`, of which nothing else than success is expected."""
        played = self.play(playbook, *arguments)
        assert played.code == 0, played.said[-6000:]
        return played

    def release(self) -> None:
        """Build a release of the tree as it is."""
        make = ["make", "--no-print-directory", "release", "ALLOW_DIRTY=1"]
        subprocess.run(make, cwd=self.root, check=True, capture_output=True)

    def on(self, host: str, command: str) -> str:
        """What a command says on a host, run by root."""
        done = subprocess.run(
            ["ssh", "-F", self.fleet.ssh_config, host, f"sudo sh -c {_quoted(command)}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{host}: {command}: {done.stderr}"
        return done.stdout.strip()

    def curl(self, *arguments: str) -> str:
        """What a buyer's curl says, who trusts the fleet's CA."""
        done = subprocess.run(
            [
                *("curl", "--silent", "--max-time", "10"),
                *("--cacert", self.fleet.ca_certificate),
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def load(self, scenario: str, folder: Path, *arguments: str) -> dict[str, Any]:
        """The report of a load scenario, all of whose gates have passed."""
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "loadtest",
                    scenario,
                    "--host",
                    f"https://{self.fleet.vip}",
                ),
                *("--ca", str(self.fleet.ca_certificate), "--report", str(folder), *arguments),
            ],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        report: dict[str, Any] = json.loads((folder / "report.json").read_text())
        return report

    def members(self) -> dict[str, dict[str, Any]]:
        """The database's members as Patroni sees them; empty while no host can say."""
        for host in ("db-1", "db-2", "db-3"):
            try:
                listed = self.on(host, "patronictl -c /etc/patroni/config.yml list -f json")
                return {member["Member"]: member for member in json.loads(listed)}
            except (AssertionError, subprocess.TimeoutExpired, json.JSONDecodeError):
                continue
        return {}

    def primary(self) -> str:
        """The member that takes writes."""
        return next(name for name, one in self.members().items() if one["Role"] == "Leader")

    def replica(self) -> str:
        """A member that follows the primary."""
        return next(name for name, one in self.members().items() if one["Role"] != "Leader")

    def edge(self) -> str:
        """The edge that has the shared address."""
        edges = (host.name for host in self.fleet.hosts.values() if host.role == "edge")
        return next(edge for edge in edges if self.fleet.vip in self.on(edge, "ip -brief address"))

    def asked(self, url: str) -> Any:
        """What the monitor's own services answer, which nobody but that host may ask."""
        return json.loads(self.on(MONITOR, f'curl --silent --max-time 5 "{url}"'))

    def is_whole(self) -> bool:
        """Whether there is a primary, and all others stream from it, one of them in the quorum."""
        members = self.members()
        states = sorted(one["State"] for one in members.values())
        roles = {one["Role"] for one in members.values()}
        return states == ["running", "streaming", "streaming"] and "Quorum Standby" in roles

    def await_whole(self) -> float:
        """Wait until the database is redundant again; returns the seconds it took."""
        return until(self.is_whole)


def until(is_so: Callable[[], bool], patience: float = _PATIENCE) -> float:
    """Wait for a condition; returns the seconds it took."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < patience, is_so
        time.sleep(0.5)
    return time.monotonic() - started


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"
