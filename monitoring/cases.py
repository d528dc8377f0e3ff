"""The tests of the alerts in tests/*.yml, and how they become promtool's.

A file maps an alert's name to `fires` and `quiet`, each a case or a list of them: `series` (name
and labels: promtool's notation of values), `at` (when to look), for `fires` also `alerts` (a list
of `labels`, those that come from the series, and `summary`), and `every`, the seconds between
values, 15 unless said. What is the same for all, severity, component and runbook, is added here.
`recording.yml` is promtool's own form. Ten zeros are `0+0x9`: `0x9` is a hexadecimal number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from monitoring.rules.all import ALERTS, GROUPS
from monitoring.rules.model import Alert, alerts

FOLDER = Path(__file__).resolve().parent / "tests"
NATIVE = "recording.yml"
_PACE = 15
# Alerts that look at recorded series.
_NEEDS = {"burn": ("objectives",)}
KINDS = ("fires", "quiet")
# The dead man's switch hears it as long as somebody watches.
ALWAYS = ("Watchdog", "quiet")


def cases() -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Alerts' names, and the cases of each kind. Raises ValueError when one is tested twice."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for file in sorted(FOLDER.glob("*.yml")):
        if file.name == NATIVE:
            continue
        for name, kinds in yaml.safe_load(file.read_text()).items():
            if name in found:
                raise ValueError(f"{file.name}: {name} is tested in another file too")
            found[name] = {kind: _listed(kinds.get(kind, [])) for kind in KINDS}
    return found


def missing() -> list[str]:
    """What the tests lack or have too much of, as sentences."""
    found, known = cases(), {alert.name for alert in ALERTS}
    lacking = [
        f"{name} has no test that it {'fires' if kind == 'fires' else 'stays quiet'}"
        for name in sorted(known)
        for kind in KINDS
        if not found.get(name, {}).get(kind) and (name, kind) != ALWAYS
    ]
    return lacking + [f"{name} is tested and does not exist" for name in sorted(set(found) - known)]


def promtool_tests(rule_files: dict[str, str]) -> dict[str, dict[str, Any]]:
    """All cases as files of promtool's: their names, and what is in them.

    `rule_files` are paths by group. A file has the cases of one group and of one pace, and no other
    rules than these need: what takes hours is looked at every minute.
    """
    found: dict[str, dict[str, Any]] = {}
    known = cases()
    for group in GROUPS:
        for alert in alerts([group]):
            for kind, listed in known[alert.name].items():
                for case in listed:
                    pace = case.get("every", _PACE)
                    needed = [
                        rule_files[name] for name in (*_NEEDS.get(group.name, ()), group.name)
                    ]
                    file = found.setdefault(
                        f"{group.name}-{pace}.yml",
                        {"rule_files": needed, "evaluation_interval": f"{pace}s", "tests": []},
                    )
                    file["tests"].append(_test(alert, kind, case))
    return found


def _test(alert: Alert, kind: str, case: dict[str, Any]) -> dict[str, Any]:
    expected = [
        {
            "exp_labels": alert.fixed_labels() | one.get("labels", {}),
            "exp_annotations": {"summary": one["summary"], "runbook_url": alert.runbook_url()},
        }
        for one in case.get("alerts", [])
    ]
    if (kind == "fires") != bool(expected):
        raise ValueError(f"{alert.name}: only a case that fires names alerts")
    return {
        "name": f"{alert.name} {kind}",
        "interval": f"{case.get('every', _PACE)}s",
        "input_series": [
            {"series": series, "values": str(values)}
            for series, values in case.get("series", {}).items()
        ],
        "alert_rule_test": [
            {"eval_time": case["at"], "alertname": alert.name, "exp_alerts": expected}
        ],
    }


def _listed(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value]
