"""Sales of an event in the database."""

from __future__ import annotations

from app.kernel import db

# Sold lines are read off the index that keeps a seat from being sold twice; unpaid bookings off
# the one that finds those that run out. Neither reads a table.
_SALES = """
    SELECT coalesce(sum(unit_price_minor - discount_minor), 0)::bigint,
           count(DISTINCT booking_id)
           + (SELECT count(*) FROM bookings
              WHERE event_id = %(event_id)s AND status IN ('CREATED', 'PAYMENT_INITIATED')
                AND expires_at > clock_timestamp())
    FROM booking_lines WHERE event_id = %(event_id)s AND status = 'SOLD'
"""


def revenue_and_bookings(event_id: int) -> tuple[int, int]:
    """What sold seats brought, in minor units, and how many bookings are alive."""
    row = db.one(_SALES, {"event_id": event_id})
    return (int(row[0]), int(row[1])) if row else (0, 0)
