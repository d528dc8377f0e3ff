"""Checks of the Terraform code without a cloud: `python -m infra.check`, part of `make check`.

The form of the code, the tables in the READMEs, whether every module and root is valid, and their
tests, in which mocks stand for the cloud.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from infra import docs
from infra.lab.errors import LabError
from infra.lab.provider import build_provider

INFRA = Path(__file__).resolve().parent


def main() -> int:
    """Run all checks; 1 when one fails, with what it said."""
    if not shutil.which("terraform"):
        print("make check needs Terraform 1.11 or newer in the PATH.", file=sys.stderr)
        return 1
    problems = [said for said in (_terraform(INFRA, "fmt", "-check", "-recursive"),) if said]
    problems += [
        f"{folder.relative_to(INFRA)}: python -m infra.docs --write brings its README into step"
        for folder in docs.folders()
        if not docs.is_in_step(folder)
    ]
    environ = _with_provider()
    with tempfile.TemporaryDirectory() as temporary:
        # In a copy, so that a checkout stays as it is.
        copy = Path(temporary) / "infra"
        left_out = shutil.ignore_patterns(".state", ".terraform*")
        shutil.copytree(INFRA, copy, ignore=left_out)
        folders = [copy / folder.relative_to(INFRA) for folder in docs.folders()]
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            problems += filter(None, threads.map(partial(_check, environ=environ), folders))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"infra: {len(folders)} modules and roots checked, {len(problems)} problems")
    return 1 if problems else 0


def _check(folder: Path, environ: dict[str, str]) -> str:
    commands = (("init", "-backend=false"), ("validate",), ("test",))
    for command in commands:
        if said := _terraform(folder, *command, "-no-color", environ=environ):
            return f"{folder.parent.name}/{folder.name}, terraform {command[0]}:\n{said}"
    return ""


def _terraform(folder: Path, *words: str, environ: dict[str, str] | None = None) -> str:
    """What a command said when it failed."""
    done = subprocess.run(
        ["terraform", f"-chdir={folder}", *words],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def _with_provider() -> dict[str, str]:
    """The environment in which `terraform init` finds the provider."""
    if not shutil.which("go"):
        return dict(os.environ)  # From Terraform's registry, then.
    try:
        return os.environ | {"TF_CLI_CONFIG_FILE": str(build_provider())}
    except LabError as error:
        print(error, file=sys.stderr)
        return dict(os.environ)


if __name__ == "__main__":
    sys.exit(main())
