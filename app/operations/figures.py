"""How sales, money and what is left to do stand, in a few statements: what operators watch.

Events are as many as there is room for on a screen. One that is unlisted is nobody's business here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from app.kernel import db, relay
from app.operations import differences
from app.operations.models import DifferenceKind
from app.operations.service import WITHOUT_DUTY
from app.provider.models import Status

_EVENTS = 5
_ZONES = 20
_OTHER_ZONES = "other"
SEAT_STATES = ("free", "held", "sold")
_FINAL = (Status.CONFIRMED, Status.RETURNED, Status.CANCELLED)
ORDER_STATES = ("queued", *(state.lower() for state in Status if state not in _FINAL))


class OnSale(NamedTuple):
    """An event whose sale is watched."""

    id: int
    title: str
    currency: str


class Amount(NamedTuple):
    """How much of something there is, and the age of the oldest in seconds; 0.0 without any."""

    number: int
    oldest_seconds: float


class Figures(NamedTuple):
    """One look."""

    events: Sequence[OnSale]
    seats: dict[tuple[int, str], dict[str, int]]
    """By event and name of a zone: how many are in each of SEAT_STATES."""
    revenue_minor: dict[int, int]
    open_bookings: int
    payments: Amount
    refunds: Amount
    stuck_refunds: int
    orders: dict[str, int]
    order_waits_seconds: float
    messages: relay.Backlog
    differences: dict[str, int]


_ON_SALE: LiteralString = """
    SELECT e.id, e.title, e.currency::text
    FROM events e JOIN (SELECT event_id, count(*) AS size FROM seats GROUP BY event_id) AS hall
        ON hall.event_id = e.id
    WHERE e.status IN ('PUBLISHED', 'RESCHEDULED') AND e.starts_at > clock_timestamp()
      AND (e.sales_from IS NULL OR e.sales_from < clock_timestamp() + interval '1 day')
      AND (e.sales_until IS NULL OR e.sales_until > clock_timestamp())
    ORDER BY hall.size DESC, e.id LIMIT %(most)s
"""
# All seats of the largest events are read: some 60 ms for 100,000. Names come afterwards, and the
# clock stands still, or it would be twice as much.
_SEATS: LiteralString = """
    SELECT z.event_id, z.name, sum(size)::bigint, sum(held)::bigint, sum(sold)::bigint
    FROM (
        SELECT zone_id, count(*) AS size, count(*) FILTER (WHERE status = 'SOLD') AS sold,
               count(*) FILTER (WHERE status = 'RESERVED' AND held_until > now()) AS held
        FROM seats WHERE event_id = ANY(%(events)s) GROUP BY zone_id
    ) AS counted JOIN zones z ON z.id = zone_id
    GROUP BY z.event_id, z.name ORDER BY z.event_id, sum(size) DESC, z.name
"""
_REVENUE: LiteralString = """
    SELECT event_id, sum(unit_price_minor - discount_minor)::bigint
    FROM booking_lines WHERE event_id = ANY(%(events)s) AND status = 'SOLD' GROUP BY event_id
"""
_BOOKINGS: LiteralString = """
    SELECT count(*) FROM bookings
    WHERE status IN ('CREATED', 'PAYMENT_INITIATED') AND expires_at > clock_timestamp()
      AND event_id <> ALL(ARRAY(SELECT id FROM events WHERE status = 'UNLISTED'))
"""
_PAYMENTS: LiteralString = """
    SELECT count(*), extract(epoch FROM clock_timestamp() - min(created_at))::float8
    FROM payments WHERE status IN ('INITIATED', 'OPEN', 'VOIDED', 'ACCEPTED', 'CAPTURED')
"""
_REFUNDS: LiteralString = """
    SELECT count(*), extract(epoch FROM clock_timestamp() - min(created_at))::float8,
           count(*) FILTER (WHERE status <> 'DUE')
    FROM refunds WHERE status <> 'PAID'
"""
_ORDERS: LiteralString = """
    SELECT CASE WHEN status = 'WANTED' AND asked_at IS NULL THEN 'queued' ELSE lower(status) END
               AS state, count(*),
           extract(epoch FROM clock_timestamp() - min(changed_at)
               FILTER (WHERE status <> ALL(%(without_duty)s)))::float8
    FROM provider_orders WHERE status <> ALL(%(final)s) GROUP BY state
"""


def find_events() -> list[OnSale]:
    """The events on sale, or soon, with the most seats; reads all seats."""
    return [OnSale(*row) for row in db.read_only(_ON_SALE, {"most": _EVENTS})]


def read(events: Sequence[OnSale]) -> Figures:
    """Look at everything, at these events above all. Raises Busy, Unavailable.

    A replica is asked where there is one: the primary has seats to sell.
    """
    ids = {"events": [event.id for event in events]}
    seats = _by_zone(db.read_only(_SEATS, ids))
    revenue = {row[0]: row[1] for row in db.read_only(_REVENUE, ids)}
    ((bookings,),) = db.read_only(_BOOKINGS)
    (payments,) = db.read_only(_PAYMENTS)
    (refunds,) = db.read_only(_REFUNDS)
    states = {"final": list(_FINAL), "without_duty": list(WITHOUT_DUTY)}
    orders = db.read_only(_ORDERS, states)
    counts = differences.count()
    return Figures(
        events=events,
        seats=seats,
        revenue_minor={event.id: revenue.get(event.id, 0) for event in events},
        open_bookings=bookings,
        payments=Amount(payments[0], payments[1] or 0.0),
        refunds=Amount(refunds[0], refunds[1] or 0.0),
        stuck_refunds=refunds[2],
        orders=dict.fromkeys(ORDER_STATES, 0) | {row[0]: row[1] for row in orders},
        order_waits_seconds=max((row[2] or 0.0 for row in orders if row[0] != "queued"), default=0),
        messages=relay.backlog(),
        differences={kind.value: counts.get(kind, 0) for kind in DifferenceKind},
    )


def _by_zone(rows: Sequence[db.Row]) -> dict[tuple[int, str], dict[str, int]]:
    """Seats by zone; of an event with very many zones the smallest together."""
    found: dict[tuple[int, str], dict[str, int]] = {}
    zones: Counter[int] = Counter()
    for event_id, zone, size, held, sold in rows:
        zones[event_id] += 1
        name = zone if zones[event_id] <= _ZONES else _OTHER_ZONES
        by_state = found.setdefault((event_id, name), dict.fromkeys(SEAT_STATES, 0))
        for state, count in zip(SEAT_STATES, (size - held - sold, held, sold), strict=True):
            by_state[state] += count
    return found
