"""`python -m infra.release build` makes a release of this tree; `check FILE` looks into one."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from infra.release import bundle, tree, wheels
from infra.release.errors import ReleaseError

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    """Run one command; 1 when it is refused, with one sentence why."""
    parser = argparse.ArgumentParser(prog="python -m infra.release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make a release of this tree")
    build.add_argument("what", nargs="?", choices=tree.KINDS, default="app", help="app, or load")
    build.add_argument("--to", type=Path, default=ROOT / ".data" / "releases", metavar="FOLDER")
    check = commands.add_parser("check", help="print a release's manifest, if it is whole")
    check.add_argument("file", type=Path)
    options = parser.parse_args()
    try:
        if options.command == "check":
            print(json.dumps(bundle.read(options.file), indent=2))
        else:
            _build(tree.KINDS[options.what], options.to)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _build(kind: tree.Kind, folder: Path) -> None:
    started = time.monotonic()
    source = tree.read(ROOT, kind, allow_dirty=os.environ.get("ALLOW_DIRTY") == "1")
    found = wheels.fetch(source.lock, _cache())
    made = bundle.write(folder, source, found)
    size, seconds = made.stat().st_size / 1e6, time.monotonic() - started
    schema = f"schema {source.schema}, " if source.schema else ""
    print(f"{made}: {size:.1f} MB, {schema}{seconds:.1f} s")


def _cache() -> Path:
    given = os.environ.get("LAB_CACHE")
    return (Path(given) if given else Path.home() / ".cache" / "biletter") / "wheels"


if __name__ == "__main__":
    sys.exit(main())
