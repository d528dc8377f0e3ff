"""promtool, which checks and tests rules: from the PATH, or out of Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path


class PromtoolError(Exception):
    """It is not to be had here, or it refuses something; a sentence for a person."""


@cache
def promtool() -> Path:
    """The program. Debian's package is unpacked into the cache folder; nothing is installed.

    Raises PromtoolError.
    """
    if found := shutil.which("promtool"):
        return Path(found)
    cache_folder = Path(os.environ.get("LAB_CACHE", Path.home() / ".cache/biletter"))
    program = cache_folder / "promtool/usr/bin/promtool"
    if not program.exists():
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise PromtoolError("promtool is missing: install Prometheus 2.42 or newer.")
        _unpack(program.parents[2])
    return program


def run(*words: str | Path, folder: Path | None = None) -> str:
    """What it said. Raises PromtoolError with that when it fails."""
    done = subprocess.run(
        [promtool(), *words], capture_output=True, text=True, check=False, cwd=folder
    )
    said = done.stdout + done.stderr
    if done.returncode:
        raise PromtoolError(said.strip())
    return said


def _unpack(folder: Path) -> None:
    """Fetch and unpack beside the folder, then rename, so that a killed run leaves nothing half."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        try:
            _call("apt-get", "download", "--quiet", "promtool", folder=temporary)
        except PromtoolError:  # Debian 12 has it in Prometheus' own package.
            _call("apt-get", "download", "--quiet", "prometheus", folder=temporary)
        (package,) = Path(temporary).glob("*.deb")
        _call("dpkg-deb", "--extract", package.name, "unpacked", folder=temporary)
        program = Path(temporary, "unpacked/usr/bin/promtool")
        kept = Path(temporary, "kept/usr/bin")
        kept.mkdir(parents=True)
        program.rename(kept / "promtool")
        try:
            Path(temporary, "kept").rename(folder)
        except OSError:
            if not (folder / "usr/bin/promtool").exists():  # Otherwise another run was faster.
                raise


def _call(*words: str, folder: str) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PromtoolError(
            f"promtool is missing, and {' '.join(words)} failed; run apt-get update, or install"
            f" Prometheus 2.42 or newer:\n{done.stderr.strip()}"
        )
