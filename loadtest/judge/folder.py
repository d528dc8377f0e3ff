"""The folder of a run: report.html for people, report.json for programs."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtest.judge.figures import FORMAT
from loadtest.judge.page import render

JSON, PAGE = "report.json", "report.html"


class UnreadableError(Exception):
    """A folder has no report; the message is the sentence for the operator."""


def default_folder(root: Path, scenario: str) -> Path:
    """Return a folder that no other run has."""
    return root / f"{scenario}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def write(report: dict[str, Any], folder: Path) -> Path:
    """Write both files, and return where the page is; raises OSError where it cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, ensure_ascii=False, separators=(",", ":"))
    (folder / JSON).write_text(text, encoding="utf-8")
    page = folder / PAGE
    page.write_text(render(report), encoding="utf-8")
    return page


def read(folder: Path) -> dict[str, Any]:
    """Return the report of a folder."""
    file = folder / JSON if folder.is_dir() else folder
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = None
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise UnreadableError(f"{folder} has no {JSON} of a load run.")
    return report
