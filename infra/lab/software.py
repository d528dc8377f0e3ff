"""The software of the control plane: installed once into the cache folder, used by every lab."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.packages import PACKAGES, require_debian, unpack_packages
from infra.lab.progress import say

REQUIREMENTS = Path(__file__).parent / "openstack/requirements.txt"
INSTALLER = REQUIREMENTS.with_name("installer.txt")

_VERSION = "1"  # Raise it when the way of installing changes.


def cache_folder() -> Path:
    """Where what is downloaded and built is kept, outside the clone."""
    default = Path.home() / ".cache/biletter"
    return Path(os.environ.get("LAB_CACHE") or default).resolve()


def install_software() -> Path:
    """The folder with the control plane's software; installs what is not there yet."""
    require_debian()
    folder = cache_folder() / "openstack" / _key()
    complete = folder / "complete"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if complete.exists():
            say(f"software: in {folder}")
            return folder
        say(f"software: installing into {folder} (about 1.3 GB)")
        with ThreadPoolExecutor() as pool:
            jobs = [pool.submit(_install_packages, folder), pool.submit(_install_python, folder)]
            for job in jobs:
                job.result()
        complete.touch()
    return folder


def _key() -> str:
    """What the software depends on: another of these makes another folder."""
    release = platform.freedesktop_os_release()
    parts = (
        _VERSION,
        *(line for line in REQUIREMENTS.read_text().splitlines() if "#" not in line),
        *PACKAGES,
        f"{release.get('ID')} {release.get('VERSION_ID')} {platform.machine()}",
        f"{sys.version_info.major}.{sys.version_info.minor} {_python()}",
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _python() -> Path:
    """The interpreter itself, not the one of a virtual environment, which may be removed."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    path = Path(sys.base_prefix) / "bin" / name
    return path if path.exists() else Path(sys.executable)


def _install_packages(folder: Path) -> None:
    unpack_packages(folder / "root")
    say("software: Debian's packages unpacked")


def _install_python(folder: Path) -> None:
    """Install by uv, ten times quicker than pip; by pip where uv, blind to its index, fails."""
    venv = folder / "venv"
    shutil.rmtree(venv, ignore_errors=True)
    log = folder / "install.log"
    python = str(venv / "bin/python")
    pip = [
        python,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--require-hashes",
        "-r",
    ]
    _run([str(_python()), "-m", "venv", str(venv)], log)
    _run([*pip, str(INSTALLER)], log)
    uv = [str(venv / "bin/uv"), "pip", "install", "--quiet", "--python", python]
    try:
        _run([*uv, "--require-hashes", "-r", str(REQUIREMENTS)], log)
    except LabError:
        say("software: uv could not, pip goes on")
        _run([*pip, str(REQUIREMENTS)], log)
    # Twenty services that start at once would each compile what they import.
    _run([python, "-m", "compileall", "-q", "-j", "0", "-x", "/tests?/", str(venv / "lib")], log)
    say("software: Python's packages installed")


def _run(command: list[str], log: Path) -> None:
    environ = os.environ | {"UV_CACHE_DIR": str(log.with_name("uv")), "UV_LINK_MODE": "hardlink"}
    with log.open("ab") as output:
        done = subprocess.run(command, stdout=output, stderr=output, env=environ, check=False)
    if done.returncode:
        tail = log.read_text(errors="replace").strip().splitlines()[-15:]
        raise LabError("\n".join([f"{' '.join(command[:4])} … failed. The end of {log}:", *tail]))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two labs that start at once install once."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
