"""What of a checkout goes into a release, and what it is called in git."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from infra.release.errors import ReleaseError

LOCK = "requirements/run.txt"
_LEFT_OUT = ("app/local/", "app/simulators/")
"""Of a laptop and of tests; production has none of it."""
_REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_SHIPPED = ("app", LOCK, "pyproject.toml")


@dataclass(frozen=True)
class Source:
    """A tree as it goes into a release."""

    version: str
    commit: str
    is_dirty: bool
    schema: str
    """The revision of its newest migration."""
    lock: str
    """The text of requirements/run.txt."""
    files: dict[str, bytes]
    """The application, by path."""


def read(root: Path, *, allow_dirty: bool) -> Source:
    """Read the tree. Raises ReleaseError when it is not what was committed, unless allowed."""
    changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *_SHIPPED)
    if changed and not allow_dirty:
        some = ", ".join(sorted(line[3:] for line in changed.splitlines())[:5])
        raise ReleaseError(
            f"What would be released differs from the last commit ({some}). Commit it, or say "
            "ALLOW_DIRTY=1; the name tells then."
        )
    # Files that git does not know yet are a part of a dirty tree, ignored ones never are.
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "app")
    paths = [path for path in listed.split("\0") if path and not path.startswith(_LEFT_OUT)]
    files = {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}
    return Source(
        version=tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"],
        commit=_git(root, "rev-parse", "HEAD").strip(),
        is_dirty=bool(changed),
        schema=_newest_migration(files),
        lock=(root / LOCK).read_text(),
        files=files,
    )


def _newest_migration(files: dict[str, bytes]) -> str:
    versions = sorted(path for path in files if path.startswith("app/migrations/versions/"))
    if not versions:
        raise ReleaseError("There are no migrations in app/migrations/versions.")
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
