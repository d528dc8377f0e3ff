"""The table of `monitoring.faults`: each fault is heard of in time, and nothing else is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from monitoring.faults import FAULTS, HOST, Fault
from tests.deployment.fleet.happenings import HAPPENINGS
from tests.deployment.fleet.operator import MONITOR, Operator, until

pytestmark = pytest.mark.long
log = logging.getLogger(__name__)

LATER_SECONDS = 60.0
"""So long something else may still come after all that was expected."""
CALM_SECONDS = 900.0
"""So long it may take until everything has ended that fired."""
LISTENED_TO = "active=true&inhibited=false&silenced=false"

Labels = dict[str, str]


def heard(operator: Operator) -> list[Labels]:
    """The alerts that somebody hears of now."""
    alerts = operator.asked(f"http://127.0.0.1:9093/api/v2/alerts?{LISTENED_TO}")
    return [alert["labels"] for alert in alerts]


def names(alerts: list[Labels]) -> set[str]:
    return {alert["alertname"] for alert in alerts}


@pytest.fixture(autouse=True)
def quiet(operator: Operator) -> Iterator[None]:
    """Nothing is wrong before the fault, and again after it."""
    until(lambda: names(heard(operator)) == {"Watchdog"}, CALM_SECONDS)
    yield
    operator.await_whole()
    until(lambda: names(heard(operator)) == {"Watchdog"}, CALM_SECONDS)


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.fire], ids=lambda fault: fault.name
)
def test_a_fault_is_heard_of_in_time_and_nothing_else_is(operator: Operator, fault: Fault) -> None:
    with HAPPENINGS[fault.name](operator) as host:
        expected = [
            {"alertname": one.alert}
            | {label: host if value == HOST else value for label, value in one.labels.items()}
            for one in fault.fire
        ]
        began = time.monotonic()
        seen: list[Labels] = []

        def are_all_heard() -> bool:
            now = heard(operator)
            seen.extend(now)
            return all(any(one.items() <= alert.items() for alert in now) for one in expected)

        seconds = until(are_all_heard, fault.seconds)
        log.info("%s: heard of after %.0f s", fault.name, seconds)
        while time.monotonic() - began < seconds + LATER_SECONDS:
            are_all_heard()
            time.sleep(5)
    others = [
        alert
        for alert in seen
        if alert["alertname"] != "Watchdog"
        and not any(one.items() <= alert.items() for one in expected)
    ]
    assert not others


def test_the_end_of_prometheus_is_heard_of_by_the_watchdogs_silence(operator: Operator) -> None:
    (fault,) = (fault for fault in FAULTS if not fault.fire)
    operator.on(MONITOR, "systemctl stop prometheus")
    try:
        seconds = until(lambda: not names(heard(operator)), fault.seconds)
        log.info("%s: missed after %.0f s", fault.name, seconds)
    finally:
        operator.on(MONITOR, "systemctl start prometheus")


def test_every_row_of_the_table_is_made_to_happen() -> None:
    assert set(HAPPENINGS) == {fault.name for fault in FAULTS if fault.fire}
