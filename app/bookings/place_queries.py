"""What the payment and the event provider make of a booking's seats, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from app.bookings import rules
from app.bookings.models import Booking, BookingStatus
from app.kernel import db

# From here on money decides what becomes of the booking, no clock. Should nobody be there to make
# it decide for a day, the seats go on to the next buyer, and the money goes back.
_CONFIRMING = """
    WITH booking AS (
        UPDATE bookings SET status = %(to)s::booking_status,
               expires_at = clock_timestamp() + interval '1 day'
        WHERE id = %(booking_id)s RETURNING id, expires_at
    )
    UPDATE seats s
    SET held_until = b.expires_at, version = s.version + 1,
        changed_in = pg_current_xact_id()::text::bigint
    FROM booking b
    WHERE s.id = ANY(%(seat_ids)s) AND s.status = 'RESERVED'
      AND s.holder_kind = 'BOOKING' AND s.holder_id = b.id
"""


def start_confirming(
    connection: db.Connection, booking: Booking, seat_ids: Sequence[int]
) -> BookingStatus:
    """Hold a locked booking and its locked seats until the payment is decided."""
    to = rules.advance(booking.status, to=BookingStatus.CONFIRMING)
    connection.execute(
        _CONFIRMING, {"booking_id": booking.id, "to": to, "seat_ids": list(seat_ids)}
    )
    return to


_LOSE = """
    WITH line AS (
        UPDATE booking_lines SET status = 'RELEASED'
        WHERE user_id = %(user_id)s AND booking_id = %(booking_id)s
          AND seat_id = ANY(%(seat_ids)s) AND status = 'HELD'
        RETURNING seat_id
    )
    UPDATE seats s
    SET status = 'SOLD', holder_kind = 'PROVIDER', holder_id = 0, held_until = NULL,
        version = s.version + 1, changed_in = pg_current_xact_id()::text::bigint
    FROM line
    WHERE s.id = line.seat_id AND s.status = 'RESERVED'
      AND s.holder_kind = 'BOOKING' AND s.holder_id = %(booking_id)s
"""


def lose_seats(connection: db.Connection, booking: Booking, seat_ids: Sequence[int]) -> None:
    """Take seats out of a locked booking which the provider has sold to somebody else."""
    connection.execute(
        _LOSE, {"user_id": booking.user_id, "booking_id": booking.id, "seat_ids": list(seat_ids)}
    )
