"""The way back from a booking: cancel all of it, or give back some of its seats.

As in `service.py` the booking is locked first, then its seats in the order of ids, then the
payment. A buyer gets back what the event's policy says of what was really paid, line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from app.bookings import service as bookings
from app.bookings.models import OVER, Booking, BookingStatus, Line, LineStatus, PaidLine
from app.kernel import db, errors
from app.kernel.auth import Principal
from app.payments import service as payments
from app.payments.models import Due, OwnRefund, Share
from app.seats import service as seats
from app.seats.models import Change

_FREE_OF_CHARGE = Share(0, 0, None)


class Agreed(NamedTuple):
    """What was agreed on for a seat that was given back."""

    line: PaidLine
    share: Share


def refund_seats(user: Principal, booking_id: int, seat_ids: Sequence[int]) -> list[Agreed]:
    """Give back seats of the user's paid booking, all of them or none.

    For those that were given back before the answer is what was agreed on then. A booking without
    any seat left is cancelled. Raises BadRequest, NotFound, Forbidden, Conflict.
    """
    if len(set(seat_ids)) < len(seat_ids):
        raise errors.BadRequest("Место указано дважды.", code="seat_twice")
    freed: list[Change] = []
    with db.transaction() as connection:
        booking = bookings.lock_own(connection, user, booking_id)
        lines = bookings.lock_paid_lines(connection, booking, seat_ids)
        if sold := [line for line in lines if line.status is LineStatus.SOLD]:
            freed = _give_back(connection, booking, sold)
        shares = payments.shares(connection, booking.id, [line.id for line in lines])
    seats.show_changes(freed)
    return [Agreed(line, shares.get(line.id, _FREE_OF_CHARGE)) for line in lines]


def cancel_booking(user: Principal, booking_id: int) -> None:
    """Cancel the user's booking; repeated, or when it has run out, there is nothing to do.

    A paid one starts a refund by the event's policy. Raises NotFound, Forbidden, Conflict.
    """
    if (freed := bookings.cancel_unpaid(user, booking_id)) is not None:
        seats.show_changes(freed)
        return
    with db.transaction() as connection:
        booking = bookings.lock_own(connection, user, booking_id)
        if booking.status in OVER:
            return
        if booking.status is BookingStatus.CONFIRMING:
            raise errors.Conflict(
                "Оплата подтверждается. Отменить бронь можно будет через минуту.",
                code="payment_in_progress",
            )
        percent = 0
        if booking.status is BookingStatus.CONFIRMED:
            percent = _percent(connection, booking)
        lines, freed = bookings.cancel(connection, booking)
        payments.void_live(connection, booking.id)
        if percent:
            payments.owe_lines(connection, booking.id, _dues(lines, percent))
            payments.end_sale(connection, booking.id)
    seats.show_changes(freed)


def list_refunds(user: Principal) -> list[OwnRefund]:
    """All that the user gets or got back, oldest first."""
    return payments.refunds_of(user.user_id)


def _give_back(
    connection: db.Connection, booking: Booking, sold: Sequence[PaidLine]
) -> list[Change]:
    percent = _percent(connection, booking)
    freed = bookings.refund_lines(connection, booking, sold)
    payments.owe_lines(connection, booking.id, _dues(sold, percent))
    if not bookings.has_sold_lines(connection, booking):
        bookings.cancel(connection, booking)
        payments.end_sale(connection, booking.id)
    return freed


def _percent(connection: db.Connection, booking: Booking) -> int:
    percent = bookings.refund_percent(bookings.event_terms(connection, booking.event_id))
    if percent == 0:
        raise errors.Conflict(
            "Срок возврата билетов на это событие прошёл.", code="refund_period_over"
        )
    return percent


def _dues(lines: Iterable[Line | PaidLine], percent: int) -> list[Due]:
    return [Due(line.id, *bookings.divide(line.price_minor, percent)) for line in lines]
