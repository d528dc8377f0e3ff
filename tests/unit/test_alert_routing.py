"""What Alertmanager keeps quiet decides on names that alerts really have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from monitoring.rules.all import GROUPS
from monitoring.rules.model import alerts

ROLE = Path(__file__).parents[2] / "ansible/roles/alertmanager"
INHIBITIONS = yaml.safe_load((ROLE / "vars/main.yml").read_text())["alertmanager_inhibitions"]
ALERTS = {alert.name: alert for alert in alerts(GROUPS)}


def names(matchers: list[str]) -> list[str]:
    """The alternatives in a matcher of names."""
    found = [re.fullmatch(r'alertname (=|=~|!=) "(.+)"', matcher) for matcher in matchers]
    return [name for match in found if match for name in match[2].split("|")]


@pytest.mark.parametrize("inhibition", INHIBITIONS, ids=lambda one: one["source"][0])
def test_an_inhibition_names_alerts_that_there_are(inhibition: dict[str, list[str]]) -> None:
    for name in names(inhibition["source"]) + names(inhibition["target"]):
        assert [known for known in ALERTS if re.fullmatch(name, known)], name


def test_what_is_kept_quiet_is_never_the_cause_itself() -> None:
    for inhibition in INHIBITIONS:
        causes, quiet = names(inhibition["source"]), names(inhibition["target"])
        if inhibition["target"][0].startswith("alertname !="):
            assert quiet == causes
        else:
            assert not [one for cause in causes for one in quiet if re.fullmatch(one, cause)]


def test_alerts_are_pages_or_tickets_and_only_the_dead_mans_switch_is_neither() -> None:
    neither = [name for name, one in ALERTS.items() if one.severity not in ("page", "ticket")]
    assert neither == ["Watchdog"]
