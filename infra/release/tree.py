"""What of a checkout goes into a release, and what it is called in git."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from infra.release.errors import ReleaseError

_REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Kind:
    """What a kind of host runs."""

    name: str
    """What its releases' names begin with."""
    folder: str
    lock: str
    left_out: tuple[str, ...]
    """Of the folder; what a path begins with."""
    migrations: str = ""
    """The folder of its migrations, of what has any."""


KINDS = {
    "app": Kind(
        "biletter",
        "app",
        "requirements/run.txt",
        # Of a laptop and of tests; production has none of it.
        ("app/local/", "app/simulators/"),
        "app/migrations/versions/",
    ),
    "load": Kind(
        "biletter-load",
        "loadtest",
        "requirements/load.txt",
        # They measure a service that they start themselves.
        (
            "loadtest/chaos/",
            *(f"loadtest/{name}.py" for name in ("bare", "bench", "bulkhead", "calibrate")),
            *(f"loadtest/{name}.py" for name in ("drive", "plain_sql", "servers", "sweep", "wire")),
        ),
    ),
}


@dataclass(frozen=True)
class Source:
    """A tree as it goes into a release."""

    kind: Kind
    version: str
    commit: str
    is_dirty: bool
    schema: str | None
    """The revision of its newest migration, of what has any."""
    lock: str
    """The text of the kind's lock."""
    files: dict[str, bytes]
    """The program, by path."""


def read(root: Path, kind: Kind, *, allow_dirty: bool) -> Source:
    """Read the tree. Raises ReleaseError when it is not what was committed, unless allowed."""
    shipped = (kind.folder, kind.lock, "pyproject.toml")
    changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *shipped)
    if changed and not allow_dirty:
        some = ", ".join(sorted(line[3:] for line in changed.splitlines())[:5])
        raise ReleaseError(
            f"What would be released differs from the last commit ({some}). Commit it, or say "
            "ALLOW_DIRTY=1; the name tells then."
        )
    # Files that git does not know yet are a part of a dirty tree, ignored ones never are.
    known = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = _git(root, *known, "--", kind.folder)
    paths = [path for path in listed.split("\0") if path and not path.startswith(kind.left_out)]
    files = {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}
    return Source(
        kind=kind,
        version=tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"],
        commit=_git(root, "rev-parse", "HEAD").strip(),
        is_dirty=bool(changed),
        schema=_newest_migration(files, kind.migrations) if kind.migrations else None,
        lock=(root / kind.lock).read_text(),
        files=files,
    )


def _newest_migration(files: dict[str, bytes], folder: str) -> str:
    versions = sorted(path for path in files if path.startswith(folder))
    if not versions:
        raise ReleaseError(f"There are no migrations in {folder}.")
    found = _REVISION.search(files[versions[-1]].decode())
    if found is None:
        raise ReleaseError(f"{versions[-1]} does not say which revision it is.")
    return found[1]


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"git says: {done.stderr.strip()}")
    return done.stdout
