"""The wheels of a lock for the hosts' Python, downloaded once and kept.

pip evaluates a lock's markers for the Python that runs it, so they are evaluated here, for the
hosts'; every wheel is held against the lock's hashes, each time.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from infra.release.errors import ReleaseError

PYTHON = "3.13"
ARCHITECTURE = "x86_64"
_GLIBC_MINOR = 41
"""Debian 13 has glibc 2.41 and runs what was built for any older one."""

_TARGET = {
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "os_name": "posix",
    "platform_machine": ARCHITECTURE,
    "platform_system": "Linux",
    "python_full_version": f"{PYTHON}.5",
    "python_version": PYTHON,
    "sys_platform": "linux",
}
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def fetch(lock: str, cache: Path) -> list[Path]:
    """The wheels of all that the lock pins, in order of their names."""
    pins = for_target(lock)
    folder = cache / f"{_digest(''.join(sorted(pins)).encode())[:16]}-cp{PYTHON}-{ARCHITECTURE}"
    if not folder.is_dir():
        _download(pins, folder)
    found = sorted(folder.glob("*.whl"))
    allowed = set(_HASH.findall("".join(pins)))
    wrong = [wheel.name for wheel in found if _digest(wheel.read_bytes()) not in allowed]
    if wrong or len(found) != len(pins):
        raise ReleaseError(
            f"{folder} is damaged ({', '.join(wrong) or 'files are missing'}): remove it."
        )
    return found


def for_target(lock: str) -> list[str]:
    """The entries of a lock, with their hashes, that the hosts' Python needs."""
    text = re.sub(r"^\s*#.*$", "", lock, flags=re.MULTILINE).replace("\\\n", " ")
    entries = [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]
    return [_without_marker(entry) for entry in entries if _is_needed(entry)]


def _is_needed(entry: str) -> bool:
    marker = Requirement(entry.split(" --hash", 1)[0]).marker
    return marker is None or marker.evaluate(dict(_TARGET))


def _without_marker(entry: str) -> str:
    head, *hashes = entry.split(" --hash")
    if not hashes:
        raise ReleaseError(f"The lock has no hash of {head}; make lock writes them.")
    return " --hash".join([head.split(";", 1)[0].strip(), *hashes]) + "\n"


def _download(pins: list[str], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    platforms = [f"manylinux_2_{minor}_{ARCHITECTURE}" for minor in range(_GLIBC_MINOR, 4, -1)]
    platforms += [f"manylinux{old}_{ARCHITECTURE}" for old in ("2014", "2010", "1")]
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        lock = Path(temporary) / "lock.txt"
        lock.write_text("".join(pins))
        wheels = Path(temporary) / "wheels"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"),
                *("download", "--no-deps", "--require-hashes", "--only-binary=:all:"),
                *("--implementation", "cp", "--python-version", PYTHON),
                *("--abi", f"cp{PYTHON.replace('.', '')}", "--abi", "abi3", "--abi", "none"),
                *(word for platform in platforms for word in ("--platform", platform)),
                *("--requirement", str(lock), "--dest", str(wheels)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ReleaseError(f"pip could not download the wheels: {done.stderr.strip()}")
        shutil.move(wheels, folder)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
