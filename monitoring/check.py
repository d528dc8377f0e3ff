"""`check`: hold the rules to what promtool and this project ask; part of `make check`.

promtool takes the rules and passes their tests; every alert has a page that says what it means, and
tests in which it fires and in which it stays quiet.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from monitoring import build, cases, faults, promtool
from monitoring.rules.all import ALERTS, GROUPS

RUNBOOKS = Path(__file__).resolve().parent / "runbooks"
PARTS = ("## Meaning", "## Impact", "## Look", "## Do")
# A page that is no alert's.
OTHER_PAGES = {"sale"}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("check", help="check and test the rules", description=__doc__)
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print what is wrong; 1 when something is."""
    problems = pages() + names() + cases.missing()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            check_by_promtool(Path(temporary))
    except promtool.PromtoolError as error:
        problems.append(str(error))
    for problem in problems:
        print(problem, file=sys.stderr)
    count = sum(len(group.rules) for group in GROUPS)
    print(f"monitoring: {count} rules, {len(ALERTS)} alerts checked, {len(problems)} problems")
    return 1 if problems else 0


def pages() -> list[str]:
    """What the runbooks lack, as sentences."""
    expected = {alert.name for alert in ALERTS}
    found = {file.stem for file in RUNBOOKS.glob("*.md")} - OTHER_PAGES
    problems = [f"{name} has no page in runbooks" for name in sorted(expected - found)]
    problems += [f"runbooks/{name}.md is no alert's" for name in sorted(found - expected)]
    for name in sorted(expected & found):
        lines = (RUNBOOKS / f"{name}.md").read_text().splitlines()
        asked = [f"# {name}", *PARTS]
        if [line for line in lines if line.startswith("#")] != asked:
            problems.append(f"runbooks/{name}.md: its headings are not {', '.join(asked)}")
    return problems


def names() -> list[str]:
    """Alerts of one name or without a value in their summary, and faults' unknown alerts."""
    listed = [alert.name for alert in ALERTS]
    problems = [f"{name} stands twice" for name in sorted(set(listed)) if listed.count(name) > 1]
    problems += [
        f"{alert.name}: its summary says no value"
        for alert in ALERTS
        if "$value" not in alert.summary
    ]
    expected = {one.alert for fault in faults.FAULTS for one in fault.fire}
    return problems + [f"faults: {name} is no alert" for name in sorted(expected - set(listed))]


def check_by_promtool(folder: Path) -> None:
    """Write rules and tests into a folder and have promtool look. Raises PromtoolError."""
    build.write(folder / "rules", build.rules())
    paths = {group.name: str(folder / "rules" / f"{group.name}.yml") for group in GROUPS}
    promtool.run("check", "rules", "--lint=all", "--lint-fatal", *paths.values())
    native = yaml.safe_load((cases.FOLDER / cases.NATIVE).read_text())
    tests = cases.promtool_tests(paths) | {
        cases.NATIVE: native | {"rule_files": [paths["objectives"], paths["routes"]]}
    }
    for name, document in tests.items():
        (folder / name).write_text(yaml.safe_dump(document, sort_keys=False))
    promtool.run("test", "rules", *(folder / name for name in tests))
