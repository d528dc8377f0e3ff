"""Terraform's OpenStack provider, built by Go where Terraform's registry is out of reach."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.progress import say
from infra.lab.software import cache_folder

SOURCE = "terraform-provider-openstack/openstack"
VERSION = "1.54.1"  # That of provider/go.mod.

_MODULE = Path(__file__).parent / "provider"
_PACKAGE = "github.com/terraform-provider-openstack/terraform-provider-openstack"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_CONFIGURATION = """\
disable_checkpoint = true

provider_installation {{
  filesystem_mirror {{
    path = "{mirror}"
  }}
}}
"""


def build_provider() -> Path:
    """Build the provider unless it is there; return the CLI configuration that names its mirror."""
    home = cache_folder() / "terraform"
    mirror = home / "mirror"
    folder = mirror / _full_address() / VERSION / f"linux_{_MACHINES[platform.machine()]}"
    binary = folder / f"terraform-provider-openstack_v{VERSION}"
    if not binary.exists():
        _build(binary)
    configuration = home / "terraform.rc"
    configuration.write_text(_CONFIGURATION.format(mirror=mirror), encoding="utf-8")
    return configuration


def _full_address() -> str:
    """The source's address with the registry in front that Terraform adds to a short one."""
    terraform = shutil.which("terraform")
    if not terraform:
        raise LabError("There is no `terraform` in the PATH.")
    with tempfile.TemporaryDirectory() as folder:
        needs = f'required_providers {{ openstack = {{ source = "{SOURCE}" }} }}'
        (Path(folder) / "main.tf").write_text(f"terraform {{\n{needs}\n}}\n", encoding="utf-8")
        command = [terraform, "providers"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = re.search(rf"provider\[(\S+/{SOURCE})\]", done.stdout)
    if not found:
        raise LabError(f"`terraform providers` does not name {SOURCE}:\n{done.stdout}{done.stderr}")
    return found[1]


def _build(binary: Path) -> None:
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not go:
        raise LabError(
            "The provider is built by Go 1.24 or newer, and there is no `go` in the PATH."
        )
    say(f"provider {VERSION}: building, about a minute")
    binary.parent.mkdir(parents=True, exist_ok=True)
    unfinished = binary.with_name("unfinished")
    done = subprocess.run(
        [
            go,
            "build",
            "-mod=readonly",
            "-ldflags",
            "-s -w",
            "-o",
            str(unfinished),
            _PACKAGE,
        ],
        cwd=_MODULE,
        env=os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(f"The provider was not built:\n{done.stderr.strip()[-1500:]}")
    unfinished.rename(binary)  # It appears when it is complete.
    say(f"provider {VERSION}: built")
