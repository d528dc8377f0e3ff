"""Terraform on the two roots of an environment: what outlives servers, and everything else."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INFRA = Path(__file__).resolve().parents[1]
_DONE = " complete after "
"""In the lines with which Terraform tells that a resource is done."""


class Refused(Exception):
    """Terraform, or a check of ours, says no; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as Terraform would carry it out, and the same for reading."""

    file: Path
    content: Mapping[str, Any]

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs after it, as far as they are known."""
        changes = self.content.get("output_changes", {})
        return {name: change["after"] for name, change in changes.items()}


@dataclass(frozen=True, slots=True)
class Root:
    """One root of one environment, with a state of its own."""

    environment: str
    name: str
    """`durable` or `hosts`."""
    code: Path = INFRA

    @property
    def values(self) -> Path:
        """The file with the environment's values for this root."""
        return INFRA / "environments" / self.environment / f"{self.name}.tfvars"

    @property
    def work(self) -> Path:
        """Where Terraform keeps what belongs to this root and environment alone."""
        return state_folder(self.environment) / self.name

    def prepare(self) -> None:
        """Fetch the provider and open the state. Raises Refused."""
        self.work.mkdir(parents=True, exist_ok=True)
        shared = self.values.with_suffix(".backend.hcl")
        backend = shared if shared.exists() else f"path={self.work / 'terraform.tfstate'}"
        self._run("init", "-reconfigure", f"-backend-config={backend}")

    def plan(self, variables: Mapping[str, Any], *options: str) -> Plan:
        """Plan with more variables than the environment's. Raises Refused with what was said."""
        file = self.work / "plan"
        self._run("plan", *self._values(variables), f"-out={file}", *options)
        return Plan(file, json.loads(self._run("show", "-json", str(file))))

    def apply(self, plan: Plan) -> None:
        """Carry out a plan, telling what is done as it is done. Raises Refused."""
        command = self._command("apply", "-input=false", "-no-color", str(plan.file))
        errors = self.work / "errors"
        with errors.open("w+", encoding="utf-8") as stderr:
            process = subprocess.Popen(
                command, env=self._environ(), stdout=subprocess.PIPE, stderr=stderr, text=True
            )
            for line in process.stdout or ():
                if _DONE in line:
                    print(f"  {line.strip()}", flush=True)
            if process.wait():
                raise Refused(errors.read_text(encoding="utf-8").strip())
        plan.file.unlink()

    def adopt(self, variables: Mapping[str, Any], address: str, resource_id: str) -> None:
        """Take a resource of the cloud into the state. Raises Refused."""
        self._run("import", *self._values(variables), address, resource_id)

    def state(self) -> list[dict[str, Any]]:
        """Everything that the state knows: resources, and what was looked up."""
        content = json.loads(self._run("show", "-json"))
        return list(_walk(content.get("values", {}).get("root_module", {})))

    def outputs(self) -> dict[str, Any]:
        """The values of the root's outputs; empty before the first apply."""
        content = json.loads(self._run("output", "-json"))
        return {name: output["value"] for name, output in content.items()}

    def variable(self, name: str, variables: Mapping[str, Any]) -> Any:
        """A variable as the environment sets it, defaults filled in."""
        expression = f"jsonencode(var.{name})\n"
        said = self._run("console", *self._values(variables), asked=expression)
        return json.loads(json.loads(said))

    def _values(self, variables: Mapping[str, Any]) -> list[str]:
        file = self.work / "variables.tfvars.json"
        file.write_text(json.dumps({"environment": self.environment, **variables}, indent=2))
        own = self.values.with_name("own.tfvars")
        files = [self.values, *([own] if self.name == "hosts" and own.exists() else []), file]
        return [f"-var-file={one}" for one in files]

    def _run(self, command: str, *options: str, asked: str | None = None) -> str:
        quiet = ["-input=false"] if command in ("init", "plan", "import") else []
        plain = ["-no-color"] if command != "console" else []
        done = subprocess.run(
            self._command(command, *quiet, *plain, *options),
            env=self._environ(),
            input=asked,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Refused(done.stderr.strip() or f"terraform {command} failed.")
        return done.stdout

    def _command(self, *words: str) -> list[str]:
        return ["terraform", f"-chdir={self.code / 'roots' / self.name}", *words]

    def _environ(self) -> dict[str, str]:
        return os.environ | {"TF_DATA_DIR": str(self.work / "data"), "TF_IN_AUTOMATION": "1"}


def state_folder(environment: str) -> Path:
    """Where the state files, the inventory and the picture of an environment are."""
    return INFRA / ".state" / environment


def environments() -> list[str]:
    """The names of all environments."""
    return sorted(file.parent.name for file in INFRA.glob("environments/*/hosts.tfvars"))


def _walk(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _walk(child)
