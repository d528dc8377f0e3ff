"""Lines of a paid booking that are given back, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from app.bookings.models import Booking, LineStatus, PaidLine
from app.kernel import db
from app.seats.models import Change, SeatStatus

# A seat that was released and selected again has several lines; one of them was paid.
_PAID_LINES = """
    SELECT l.id, l.seat_id, l.unit_price_minor - l.discount_minor, l.currency, l.status
    FROM booking_lines l JOIN seats s ON s.id = l.seat_id
    WHERE l.user_id = %(user_id)s AND l.booking_id = %(booking_id)s
      AND l.seat_id = ANY(%(seat_ids)s) AND l.status IN ('SOLD', 'REFUNDED')
    ORDER BY s.id
    FOR NO KEY UPDATE OF s
"""


def lock_paid_lines(
    connection: db.Connection, booking: Booking, seat_ids: Sequence[int]
) -> list[PaidLine]:
    """The lines of a locked booking for these seats that were paid, given back or not.

    Their seats are locked too, in the order of ids.
    """
    values = {"user_id": booking.user_id, "booking_id": booking.id, "seat_ids": list(seat_ids)}
    found = connection.execute(_PAID_LINES, values)
    return [PaidLine(*row)._replace(status=LineStatus(row[4])) for row in found]


_REFUND = """
    WITH line AS (
        UPDATE booking_lines SET status = 'REFUNDED'
        WHERE id = ANY(%(line_ids)s) AND booking_id = %(booking_id)s AND status = 'SOLD'
        RETURNING seat_id
    )
    UPDATE seats s
    SET status = 'FREE', holder_kind = NULL, holder_id = NULL, held_until = NULL,
        version = s.version + 1, changed_in = pg_current_xact_id()::text::bigint
    FROM line
    WHERE s.id = line.seat_id AND s.holder_kind = 'BOOKING' AND s.holder_id = %(booking_id)s
    RETURNING s.event_id, s.id, s.version, s.status
"""


def refund(connection: db.Connection, booking: Booking, lines: Sequence[PaidLine]) -> list[Change]:
    """Mark sold lines of a locked booking as given back, and set their seats free."""
    values = {"booking_id": booking.id, "line_ids": [line.id for line in lines]}
    found = connection.execute(_REFUND, values)
    return [Change(row[0], row[1], row[2], SeatStatus(row[3]), 0.0) for row in found]


# `::text` leaves the index of sold seats out: while it is empty it looks as good as the right one.
_HAS_SOLD = """
    SELECT EXISTS (SELECT FROM booking_lines WHERE user_id = %(user_id)s
                   AND booking_id = %(booking_id)s AND status::text = 'SOLD')
"""


def has_sold_lines(connection: db.Connection, booking: Booking) -> bool:
    """Whether anything of a locked booking is still sold."""
    values = {"user_id": booking.user_id, "booking_id": booking.id}
    row = connection.execute(_HAS_SOLD, values).fetchone()
    return row is not None and bool(row[0])
