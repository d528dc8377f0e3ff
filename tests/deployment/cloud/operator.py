"""What an operator does: edits values, runs commands, looks at plans."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.lab.openstack.client import Cloud
from infra.lab.state import Lab

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""All zeros: nobody has the other half."""
SERVER = 'module.servers.openstack_compute_instance_v2.host["{}"]'
PORT = 'module.servers.openstack_networking_port_v2.host["{}"]'
ATTACHMENT = 'module.servers.openstack_compute_volume_attach_v2.data["{}"]'


@dataclass(frozen=True)
class Operator:
    """A copy of the code, and the cloud it is applied to."""

    folder: Path
    lab: Lab
    terraform_rc: Path

    @property
    def environ(self) -> dict[str, str]:
        """What is set at the operator's terminal."""
        return os.environ | {
            "OS_CLIENT_CONFIG_FILE": str(self.lab.folder / "clouds.yaml"),
            "OS_CLOUD": "biletter-lab",
            "TF_CLI_CONFIG_FILE": str(self.terraform_rc),
            "PYTHONPATH": str(self.folder),
        }

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command of `infra.cloud`."""
        return subprocess.Popen(
            [sys.executable, "-m", "infra.cloud", *command],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, said: str = "") -> tuple[int, str, str]:
        """Run a command to its end; returns its code, and what it said on both channels."""
        process = self.start(*command)
        out, err = process.communicate(said, timeout=900)
        return process.returncode, out, err

    def must(self, *command: str, said: str = "") -> str:
        """Run a command that has to succeed; returns what it said."""
        code, out, err = self.run(*command, said=said)
        assert code == 0, f"{' '.join(command)}\n{out}\n{err}"
        return out

    def refused(self, *command: str, said: str = "") -> str:
        """Run a command that has to be refused; returns why."""
        code, out, err = self.run(*command, said=said)
        assert code == 1, out
        return " ".join(re.sub(r"[│╷╵|]", " ", err).split())

    def edit(self, file: str, old: str, new: str, environment: str = "lab") -> None:
        """Change the values of an environment."""
        path = self.folder / "infra/environments" / environment / f"{file}.tfvars"
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new))

    def planned(self, *options: str, environment: str = "lab") -> dict[str, str]:
        """What an apply would do now: kind of change by address, of both roots."""
        file = self.folder / "changes.json"
        self.must("plan", environment, "--changes", str(file), *options)
        changes: dict[str, str] = json.loads(file.read_text())
        return changes

    def clouds(self, service: str, path: str) -> dict[str, Any]:
        """Ask the cloud itself, as its administrator."""
        return Cloud.admin(self.lab).get(service, path)

    def servers(self, environment: str = "lab") -> dict[str, dict[str, Any]]:
        """The servers of an environment as Nova sees them, by host key."""
        found = self.clouds("compute", "/servers/detail?all_tenants=1")["servers"]
        return {
            one["metadata"]["host"]: one
            for one in found
            if one["metadata"].get("env") == environment
        }
