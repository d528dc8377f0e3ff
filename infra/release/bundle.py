"""The file of a release: written so that the same content gives the same bytes, and looked into.

In it are the program, `wheels` with `requirements.txt` for pip, `manifest.json`, and SHA256SUMS
of all these, whose own hash is in the name.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from infra.release.errors import ReleaseError
from infra.release.tree import Source
from infra.release.wheels import ARCHITECTURE, PYTHON, for_target

SUMS = "SHA256SUMS"
ENDING = ".tar.gz"
_MODIFIED = 946_684_800
"""2000-01-01, of every file: a date of its own would make other bytes of the same content."""
_NAME = re.compile(r"biletter(?:-load)?-[\w.]+(?:-dirty)?-([0-9a-f]{12})")


def write(folder: Path, source: Source, wheels: list[Path]) -> Path:
    """Write the release into the folder and return its path; the newest file is the last built."""
    files = {
        **source.files,
        **{f"wheels/{wheel.name}": wheel.read_bytes() for wheel in wheels},
        "requirements.txt": "".join(for_target(source.lock)).encode(),
        "manifest.json": _manifest(source),
    }
    sums = "".join(f"{_digest(files[path])}  {path}\n" for path in sorted(files)).encode()
    dirty = "-dirty" if source.is_dirty else ""
    name = f"{source.kind.name}-{source.version}{dirty}-{_digest(sums)[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name + ENDING)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as temporary:
        temporary.write(_archive(name, {SUMS: sums, **files}))
    Path(temporary.name).replace(path)
    path.chmod(0o644)
    return path


def read(path: Path) -> dict[str, Any]:
    """The manifest and the name of a release. Raises ReleaseError unless it is whole."""
    name = path.name.removesuffix(ENDING)
    parts = _NAME.fullmatch(name)
    if parts is None or not path.name.endswith(ENDING):
        raise ReleaseError(f"{path.name} is not the name of a release, biletter-…{ENDING}.")
    files = _members(path, name)
    sums = files.pop(SUMS, b"")
    if _digest(sums)[:12] != parts[1]:
        raise ReleaseError(f"{path} is not the release that its name says.")
    listed = dict(line.split("  ", 1)[::-1] for line in sums.decode().splitlines())
    if wrong := _differences(listed, files):
        raise ReleaseError(f"{path} is damaged: {', '.join(wrong[:3])}.")
    manifest: dict[str, Any] = json.loads(files["manifest.json"])
    return {"name": name, **manifest}


def _members(path: Path, name: str) -> dict[str, bytes]:
    files = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None or not member.name.startswith(name + "/"):
                    raise ReleaseError(f"{path} has in it what no release has: {member.name}.")
                files[member.name.removeprefix(name + "/")] = content.read()
    except FileNotFoundError:
        raise ReleaseError(f"There is no release {path}; make release builds one.") from None
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ReleaseError(f"{path} cannot be read: {error}.") from None
    return files


def _differences(listed: dict[str, str], files: dict[str, bytes]) -> list[str]:
    paths = sorted(listed.keys() | files.keys())
    return [path for path in paths if path not in files or listed.get(path) != _digest(files[path])]


def _manifest(source: Source) -> bytes:
    content = {
        "version": source.version,
        "commit": source.commit,
        "dirty": source.is_dirty,
        **({"schema": source.schema} if source.schema else {}),
        "python": PYTHON,
        "architecture": ARCHITECTURE,
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def _archive(name: str, files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    # Wheels are compressed already, so that more than the fastest level gains next to nothing.
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(files):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(files[path])
            entry.mtime = _MODIFIED
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(files[path]))
    return packed.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
