"""What our own tables must agree on, whatever the services outside say.

Each check is one statement, so it sees one moment, and what it finds is no passing state: all that
it compares is written in one transaction.
"""

from __future__ import annotations

from typing import LiteralString

from app.kernel import db
from app.operations.models import DifferenceKind, Finding
from app.operations.queries import looking

_K = DifferenceKind
_MOST = 1_000
"""So many of a kind are found at once; more would not help anybody."""

# Each row: the subject, what one table says, what the other one says.
_CHECKS: dict[DifferenceKind, LiteralString] = {
    _K.SEAT_WITHOUT_LINE: """
        SELECT s.id, 'SOLD to booking ' || s.holder_id,
               coalesce('line of ' || b.status || ' booking ' || b.id, 'no sold line')
        FROM seats s
        LEFT JOIN booking_lines l
            ON l.event_id = s.event_id AND l.seat_id = s.id AND l.status = 'SOLD'
        LEFT JOIN bookings b ON b.id = l.booking_id
        WHERE s.status = 'SOLD' AND s.holder_kind = 'BOOKING'
          AND (b.id IS DISTINCT FROM s.holder_id OR b.status NOT IN ('CONFIRMED', 'COMPLETED'))
    """,
    _K.LINE_WITHOUT_SEAT: """
        SELECT l.id, 'SOLD by booking ' || l.booking_id,
               coalesce('seat ' || s.id || ' is ' || s.status, 'no seat')
        FROM booking_lines l LEFT JOIN seats s ON s.id = l.seat_id
        WHERE l.status = 'SOLD' AND l.seat_id IS NOT NULL
          AND (s.status IS DISTINCT FROM 'SOLD' OR s.holder_kind <> 'BOOKING'
               OR s.holder_id <> l.booking_id)
    """,
    _K.LINE_UNPAID: """
        SELECT l.id, 'SOLD by booking ' || l.booking_id, 'no completed payment of it'
        FROM booking_lines l
        WHERE l.status = 'SOLD' AND NOT EXISTS (
            SELECT FROM payments p WHERE p.booking_id = l.booking_id AND p.status = 'COMPLETED'
                AND l.id = ANY(p.line_ids))
    """,
    _K.SEAT_NOT_BOUGHT: """
        SELECT s.id, 'SOLD to booking ' || s.holder_id, 'place ' || s.external_id || ' not BOUGHT'
        FROM seats s
        WHERE s.status = 'SOLD' AND s.holder_kind = 'BOOKING' AND s.external_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM provider_places p
                          WHERE p.place_id = s.external_id AND p.status = 'BOUGHT')
    """,
    _K.PAYMENT_UNBALANCED: """
        WITH entered AS (
            SELECT order_id, sum(amount_minor) FILTER (WHERE kind = 'CHARGE') AS came,
                   sum(amount_minor) FILTER (WHERE kind = 'REFUND_DUE') AS due,
                   sum(amount_minor) FILTER (WHERE kind = 'FEE') AS fee,
                   sum(amount_minor) FILTER (WHERE kind = 'REFUND') AS back
            FROM ledger GROUP BY order_id
        ), kept AS (
            SELECT p.order_id, sum(l.unit_price_minor - l.discount_minor) AS kept
            FROM payments p CROSS JOIN LATERAL unnest(p.line_ids) AS line (id)
            JOIN booking_lines l ON l.id = line.id AND l.status = 'SOLD'
            WHERE p.status = 'COMPLETED' GROUP BY p.order_id
        ), told AS (
            SELECT p.order_id, p.status, coalesce(came, 0) AS came, coalesce(due, 0) AS due,
                   coalesce(fee, 0) AS fee, coalesce(back, 0) AS back, coalesce(kept, 0) AS kept
            FROM payments p LEFT JOIN entered USING (order_id) LEFT JOIN kept USING (order_id)
        )
        SELECT order_id, status || ', came ' || came, 'kept ' || kept || ', fee ' || fee
            || ', owed ' || due || ', paid back ' || back
        FROM told
        WHERE came <> due + fee + kept OR back > due OR came > 0 AND status IN
              ('INITIATED', 'OPEN', 'VOIDED', 'ACCEPTED', 'CAPTURED', 'FAILED')
           OR status = 'REFUNDED' AND back < due OR status = 'REFUND_DUE' AND back = due
    """,
    _K.REFUND_NOT_IN_LEDGER: """
        WITH entered AS (
            SELECT refund_id, sum(amount_minor) FILTER (WHERE kind = 'REFUND_DUE') AS due,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'REFUND'), 0) AS back
            FROM ledger WHERE refund_id IS NOT NULL GROUP BY refund_id
        )
        SELECT r.id, r.status || ' ' || r.amount_minor,
               'owed ' || coalesce(due, 0) || ', paid back ' || coalesce(back, 0)
        FROM refunds r LEFT JOIN entered e ON e.refund_id = r.id
        WHERE r.amount_minor IS DISTINCT FROM due
           OR back <> CASE r.status WHEN 'PAID' THEN r.amount_minor ELSE 0 END
    """,
    _K.BOOKING_WITHOUT_PAYMENT: """
        SELECT b.id, 'CONFIRMING', 'no payment ACCEPTED or CAPTURED'
        FROM bookings b
        WHERE b.status = 'CONFIRMING' AND NOT EXISTS (
            SELECT FROM payments p
            WHERE p.booking_id = b.id AND p.status IN ('ACCEPTED', 'CAPTURED'))
    """,
    _K.PAYMENT_WITHOUT_BOOKING: """
        SELECT p.order_id, p.status, 'booking ' || p.booking_id || ' is '
               || coalesce(b.status::text, 'not there')
        FROM payments p LEFT JOIN bookings b ON b.id = p.booking_id
        WHERE p.status IN ('ACCEPTED', 'CAPTURED') AND b.status IS DISTINCT FROM 'CONFIRMING'
           OR p.status IN ('INITIATED', 'OPEN') AND b.status IS DISTINCT FROM 'PAYMENT_INITIATED'
    """,
    # Whatever ends a booking makes its order due, and a worker gives it back.
    _K.ORDER_WITHOUT_BOOKING: """
        SELECT o.booking_id, o.status, 'booking is ' || coalesce(b.status::text, 'not there')
        FROM provider_orders o LEFT JOIN bookings b ON b.id = o.booking_id
        WHERE o.status = 'HELD' AND coalesce(b.status NOT IN ('CREATED', 'PAYMENT_INITIATED'), true)
          AND o.changed_at < clock_timestamp() - interval '1 minute'
          AND (o.due_at IS NULL OR o.due_at < clock_timestamp() - interval '1 minute')
    """,
}

KINDS = tuple(_CHECKS)


def check(kind: DifferenceKind) -> list[Finding]:
    """What disagrees now, at most a thousand."""
    with looking() as connection:
        found = connection.execute(_limited(_CHECKS[kind]), {"most": _MOST}).fetchall()
    return [Finding(kind, str(row[0]), str(row[1]), str(row[2])) for row in found]


def check_all() -> dict[DifferenceKind, list[Finding]]:
    """What disagrees now, of each kind. Each is a transaction of its own, and soon over."""
    return {kind: check(kind) for kind in KINDS}


def is_all(findings: list[Finding]) -> bool:
    """Whether these are all there were."""
    return len(findings) < _MOST


def _limited(query: LiteralString) -> LiteralString:
    return query + " ORDER BY 1 LIMIT %(most)s"


_SOLD: LiteralString = """
    SELECT count(*) FILTER (WHERE holder_kind = 'BOOKING'),
           count(*) FILTER (WHERE holder_kind = 'BOOKING' AND external_id IS NOT NULL),
           count(*) FILTER (WHERE holder_kind = 'PROVIDER'),
           (SELECT count(DISTINCT place_id) FROM provider_places WHERE status = 'BOUGHT')
    FROM seats WHERE status = 'SOLD'
"""


def sold(connection: db.Connection) -> tuple[int, int, int, int]:
    """Seats sold by us, those of them that are the provider's places, seats sold by the provider,
    and the places that we have bought there."""
    row = connection.execute(_SOLD).fetchone() or (0, 0, 0, 0)
    return row[0], row[1], row[2], row[3]
