"""`build`: write what Prometheus and Grafana are given, rules/*.yml and dashboards/*.json."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from monitoring.rules.all import GROUPS
from monitoring.rules.model import RUNBOOKS


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "build", help="write rules and dashboards as files", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="gets rules/ and dashboards/")
    parser.add_argument(
        "--runbooks", default=RUNBOOKS, help="address of the folder with the pages of alerts"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write all files; what lay there of an earlier build goes."""
    from monitoring.dashboards.files import dashboards  # noqa: PLC0415 - rules alone need no SDK.

    folder: Path = arguments.folder
    write(folder / "rules", rules(arguments.runbooks))
    address = arguments.runbooks if "://" in arguments.runbooks else ""
    write(folder / "dashboards", dashboards(address))
    count = len(list((folder / "dashboards").iterdir()))
    print(f"{folder}: {len(GROUPS)} files of rules, {count} dashboards")
    return 0


def rules(runbooks: str = RUNBOOKS) -> dict[str, str]:
    """File names and their text; the same for the same rules."""
    return {
        f"{group.name}.yml": yaml.safe_dump(group.document(runbooks), sort_keys=False, width=1000)
        for group in GROUPS
    }


def write(folder: Path, files: dict[str, str]) -> None:
    """Make the folder hold these files and no other."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    for stale in folder.iterdir():
        if stale.name not in files:
            stale.unlink()
