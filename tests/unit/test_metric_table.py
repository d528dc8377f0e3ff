"""The table of metrics is the one that the code has, and has room for no ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.kernel import live, metrics
from app.kernel.metric_table import BY_NAME, DEFINITIONS, OUTCOMES, SERVICES

SUFFIX = {"counter": "_total", "histogram": "_seconds"}


def test_every_metric_has_its_line_and_every_line_its_metric() -> None:
    from app.operations import telling

    sources = [Path(module.__file__ or "").read_text() for module in (telling, metrics)]
    written = {name for text in sources for name in re.findall(r'"(biletter_\w+)"', text)}
    assert written == set(BY_NAME)
    assert len(BY_NAME) == len(DEFINITIONS)


@pytest.mark.parametrize("metric", DEFINITIONS, ids=lambda metric: metric.name)
def test_a_name_says_kind_and_unit_and_a_label_is_no_id(metric: metrics.Metric) -> None:
    assert metric.name.endswith(SUFFIX.get(metric.kind, ""))
    assert not metric.name.endswith("_total") or metric.kind == "counter"
    if metric.name.endswith("_seconds"):
        assert metric.unit.startswith("seconds")
    assert metric.meaning.endswith(".")
    assert metric.sources
    # The ids of the five largest events on sale are the only ones.
    assert not [label for label in metric.labels if label.endswith("id")]
    assert "event" not in metric.labels or metric.name.startswith("biletter_event_")


def test_the_known_outcomes_are_those_of_the_domain() -> None:
    from app.payments.models import PaymentStatus, RefundStatus
    from app.provider.models import Status

    assert {*OUTCOMES["order"]} == {state.lower() for state in Status}
    assert {*OUTCOMES["payment"]} <= {state.lower() for state in PaymentStatus}
    assert {*OUTCOMES["refund"]} <= {state.lower() for state in RefundStatus}


def test_the_services_outside_are_all_of_them() -> None:
    from app.payments import gateway
    from app.provider import client

    assert {gateway.SERVICE.name, client.SERVICE.name} == set(SERVICES)


@pytest.fixture
def two_processes() -> Iterator[None]:
    """Slots 1 and 2, as of two processes; this one ends in slot 0 again."""
    yield
    for slot in (1, 2, 0):
        live.take_slot(slot)
    for slot in (2, 1, 0):
        live.free_slot(slot)


@pytest.mark.usefixtures("two_processes")
def test_numbers_of_processes_are_added_and_those_of_a_dead_one_are_gone() -> None:
    before = live.IN_FLIGHT.total()
    live.take_slot(1)
    live.IN_FLIGHT.add(3)
    live.take_slot(2)
    live.IN_FLIGHT.add(2)
    live.IN_FLIGHT.add(-1)
    assert live.IN_FLIGHT.total() == before + 4
    assert live.WORKERS.total() == 2
    live.free_slot(1)
    assert live.IN_FLIGHT.total() == before + 1
    assert live.WORKERS.total() == 1
    live.take_slot(2)
    assert live.IN_FLIGHT.total() == before, "who takes a slot over begins with nothing"
