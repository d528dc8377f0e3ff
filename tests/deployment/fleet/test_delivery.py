"""Who is told of alerts, what they are told, and what they are spared."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitoring.rules.all import GROUPS
from monitoring.rules.model import alerts
from tests.deployment.fleet.operator import MONITOR, Operator, until
from tests.unit.test_alert_routing import INHIBITIONS

pytestmark = pytest.mark.long

API = "http://127.0.0.1:9093/api/v2/alerts"
MATCHER = re.compile(r'(\w+) (=|=~|!=) "(.+)"')
NAMES = [alert.name for alert in alerts(GROUPS)]

Labels = dict[str, str]


def post(operator: Operator, labels: list[Labels], ends: datetime) -> None:
    """Tell the Alertmanager of alerts, as Prometheus does."""
    body = [{"labels": one, "endsAt": ends.isoformat()} for one in labels]
    send = "curl --silent --fail --max-time 5 --header 'Content-Type: application/json'"
    operator.on(MONITOR, f"{send} --data '{json.dumps(body)}' {API}")


@contextmanager
def firing(operator: Operator, *labels: Labels) -> Iterator[None]:
    """These alerts fire meanwhile; nothing is wrong that they tell of."""
    now = datetime.now(UTC)
    post(operator, [*labels], now + timedelta(minutes=10))
    try:
        yield
    finally:
        post(operator, [*labels], now)


def messages(operator: Operator, path: str) -> list[dict[str, Any]]:
    """What the listener was told there."""
    if not operator.fleet.messages.exists():
        return []
    told = [json.loads(line) for line in operator.fleet.messages.read_text().splitlines()]
    return [one for one in told if one["path"] == path]


def matching(matchers: list[str], *, last: bool = False) -> Labels:
    """Labels that matchers match: of several names the first or the last."""
    found = {}
    for matcher in matchers:
        label, operation, value = MATCHER.fullmatch(matcher).groups()  # type: ignore[union-attr]
        if label == "alertname" and operation != "=":
            wanted = operation == "=~"
            names = [name for name in NAMES if bool(re.fullmatch(value, name)) == wanted]
            value = names[-1 if last else 0]
        found[label] = value
    return found


def test_the_dead_mans_switch_is_called_again_and_again(operator: Operator) -> None:
    began = time.time()
    until(lambda: any(one["at"] > began for one in messages(operator, "/alive")))
    (alert,) = messages(operator, "/alive")[-1]["message"]["alerts"]
    assert alert["labels"]["alertname"] == "Watchdog"


def test_a_page_is_a_message_within_half_a_minute_and_its_end_is_one_too(
    operator: Operator,
) -> None:
    page = {"alertname": "Rehearsal", "severity": "page", "component": "test", "instance": "db-9"}
    ticket = page | {"severity": "ticket"}

    def told() -> list[tuple[str, str]]:
        return [
            (one["message"]["receiver"], one["message"]["status"])
            for one in messages(operator, "/alerts")
            if one["message"]["commonLabels"]["alertname"] == "Rehearsal" and one["at"] > began
        ]

    began = time.time()
    with firing(operator, page, ticket):
        assert until(lambda: ("pages", "firing") in told()) < 30
        until(lambda: ("tickets", "firing") in told())
    until(lambda: ("pages", "resolved") in told())


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("inhibition", INHIBITIONS, ids=lambda one: one["why"])
def test_what_follows_from_what_is_known_is_not_told(
    operator: Operator, inhibition: dict[str, Any], last: bool
) -> None:
    rehearsal = {"rehearsal": inhibition["why"]}
    shared = dict.fromkeys(inhibition["equal"], "of-a-test")
    cause = matching(inhibition["source"]) | shared | rehearsal
    effect = matching(inhibition["target"], last=last) | shared | rehearsal
    elsewhere = effect | dict.fromkeys(inhibition["equal"], "another")

    def state(labels: Labels) -> str:
        known = operator.asked(API)
        return next((one["status"]["state"] for one in known if one["labels"] == labels), "unknown")

    with firing(operator, effect, elsewhere):
        until(lambda: state(effect) == state(elsewhere) == "active")
        with firing(operator, cause):
            until(lambda: state(effect) == "suppressed")
            if inhibition["equal"]:
                assert state(elsewhere) == "active", "the control"
        until(lambda: state(effect) == "active")
