"""What holds for the rules without promtool; `make check` has promtool take and test them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import build, cases, check, faults
from monitoring.rules.all import ALERTS, GROUPS
from monitoring.rules.model import Alert, Record
from monitoring.thresholds import OBJECTIVES

_IDS = {"user", "user_id", "booking_id", "seat_id", "request_id", "order_id", "payment_id"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_how_urgent_it_is_what_it_is_about_and_a_value(alert: Alert) -> None:
    assert alert.severity in (("none",) if alert.name == "Watchdog" else ("page", "ticket"))
    assert alert.component
    assert "$value" in alert.summary
    assert alert.summary.count("{{") == alert.summary.count("}}")


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert check.pages() == []


def test_every_alert_has_a_test_that_it_fires_and_one_that_it_stays_quiet() -> None:
    assert cases.missing() == []


def test_an_alert_without_a_quiet_test_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    known = cases.cases()
    known["HostDown"]["quiet"] = []
    monkeypatch.setattr(cases, "cases", lambda: known)
    assert cases.missing() == ["HostDown has no test that it stays quiet"]


def test_a_page_without_a_part_is_missed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for alert in ALERTS:
        (tmp_path / f"{alert.name}.md").write_text(
            "\n".join([f"# {alert.name}", *check.PARTS]) + "\n"
        )
    monkeypatch.setattr(check, "RUNBOOKS", tmp_path)
    assert check.pages() == []
    (tmp_path / "HostDown.md").write_text("# HostDown\n## Meaning\n")
    (tmp_path / "DiskFills.md").unlink()
    assert [line.partition(":")[0] for line in check.pages()] == [
        "DiskFills has no page in runbooks",
        "runbooks/HostDown.md",
    ]


def test_no_two_alerts_have_the_same_name() -> None:
    assert check.names() == []


def test_no_rule_groups_by_an_id() -> None:
    grouped = {
        label.strip()
        for group in GROUPS
        for rule in group.rules
        for labels in re.findall(r"\b(?:by|on|without) \(([^)]*)\)", rule.expr)
        for label in labels.split(",")
    }
    assert not grouped & _IDS


def test_every_objective_is_recorded_over_every_window() -> None:
    recorded = {
        (rule.name, rule.labels.get("objective"))
        for group in GROUPS
        for rule in group.rules
        if isinstance(rule, Record)
    }
    for objective in OBJECTIVES:
        assert ("objective:target:ratio", objective.name) in recorded
        for window in ("5m", "30m", "1h", "6h"):
            assert (f"objective:errors:ratio_rate{window}", objective.name) in recorded


def test_alerts_wait_longer_than_what_heals_by_itself() -> None:
    by_name = {alert.name: alert.seconds for alert in ALERTS}
    failover, looks = 25, 30  # Seconds; two looks of Prometheus.
    for name in ("DatabaseNoPrimary", "DatabaseNoStandby", "NoAppHostReady", "BuyerFails"):
        assert by_name[name] > failover + looks, name
    # The window of a minute is clean that long after a failover.
    assert by_name["BudgetBurnFast"] > 60 + failover + looks


def test_faults_name_alerts_that_exist_and_leave_them_time_to_fire() -> None:
    seconds = {alert.name: alert.seconds for alert in ALERTS}
    for fault in faults.FAULTS:
        for expected in fault.fire:
            assert fault.seconds >= seconds[expected.alert] + 45, fault.name


def test_each_group_is_a_file_of_its_own_and_older_ones_go(tmp_path: Path) -> None:
    (tmp_path / "gone.yml").write_text("")
    build.write(tmp_path, build.rules("https://example.org/runbooks/"))
    assert {file.stem for file in tmp_path.iterdir()} == {group.name for group in GROUPS}
    document: dict[str, Any] = yaml.safe_load((tmp_path / "hosts.yml").read_text())
    rule = document["groups"][0]["rules"][0]
    assert rule["alert"] == "HostDown"
    assert rule["annotations"]["runbook_url"] == "https://example.org/runbooks/HostDown.md"
