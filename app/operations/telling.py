"""The figures about sales and money as metrics: read when Prometheus asks, but not too often."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import gevent
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.kernel import errors
from app.kernel.metrics import family, single
from app.operations import figures
from app.operations.figures import Figures, OnSale

log = logging.getLogger(__name__)

_FRESH_SECONDS = 5.0
_EVENTS_SECONDS = 60.0
_PATIENCE = 2.5
_OLDEST_SECONDS = 30.0


class Domain(Collector):
    """Tells what it read at most five seconds ago.

    An answer waits two and a half seconds for the database at most, and has no figures when these
    could not be read: an old one would look like a true one.
    """

    def __init__(self) -> None:
        self._reading: gevent.Greenlet | None = None
        self._asked_at = self._events_at = self._read_at = float("-inf")
        self._events: list[OnSale] = []
        self._figures: Figures | None = None
        self._seconds = 0.0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = time.monotonic()
        if self._reading is None and now - self._asked_at >= _FRESH_SECONDS:
            self._asked_at = now
            self._reading = gevent.spawn(self._read)
        if self._reading is not None:
            self._reading.join(_PATIENCE)
        found = self._figures
        if found is not None and time.monotonic() - self._read_at > _OLDEST_SECONDS:
            found = None
        yield single("biletter_domain_up", 0 if found is None else 1)
        if found is not None:
            yield single("biletter_domain_read_seconds", self._seconds)
            yield from _told(found)

    def _read(self) -> None:
        began = time.monotonic()
        try:
            if began - self._events_at > _EVENTS_SECONDS:
                self._events, self._events_at = figures.find_events(), began
            self._figures = figures.read(self._events)
        except errors.Problem as problem:
            self._figures = None
            log.warning("figures are not told", extra={"error": problem.code})
        except Exception:
            self._figures = None
            log.exception("figures are not told")
        finally:
            self._read_at = time.monotonic()
            self._seconds = self._read_at - began
            self._reading = None


def _told(found: Figures) -> Iterator[GaugeMetricFamily]:
    yield from _events(found)
    yield single("biletter_bookings_open", found.open_bookings)
    yield single("biletter_payments_undecided", found.payments.number)
    yield single("biletter_payments_undecided_oldest_seconds", found.payments.oldest_seconds)
    yield single("biletter_refunds_due", found.refunds.number)
    yield single("biletter_refunds_due_oldest_seconds", found.refunds.oldest_seconds)
    yield single("biletter_refunds_stuck", found.stuck_refunds)
    yield _several("biletter_orders", found.orders)
    yield single("biletter_orders_oldest_seconds", found.order_waits_seconds)
    messages = {"waiting": found.messages.waiting, "dead": found.messages.dead}
    yield _several("biletter_outbox_messages", messages)
    yield single("biletter_outbox_oldest_seconds", found.messages.oldest_seconds)
    yield _several("biletter_ledger_differences", found.differences)


def _events(found: Figures) -> Iterator[GaugeMetricFamily]:
    info = family("biletter_event_info")
    revenue = family("biletter_event_revenue_minor_units")
    for event in found.events:
        info.add_metric([str(event.id), event.title, event.currency], 1)
        revenue.add_metric([str(event.id), event.currency], found.revenue_minor[event.id])
    seats = family("biletter_event_seats")
    for (event_id, zone), by_state in found.seats.items():
        for state, count in by_state.items():
            seats.add_metric([str(event_id), zone, state], count)
    yield from (info, seats, revenue)


def _several(name: str, values: dict[str, int]) -> GaugeMetricFamily:
    gauge = family(name)
    for label, value in values.items():
        gauge.add_metric([label], value)
    return gauge
