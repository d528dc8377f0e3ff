"""The worker's job for the event provider's orders: each is compared with its booking, then driven.

| The booking | Its order |
|---|---|
| lives, and lost a seat | gives the place back, keeps the rest |
| lives, and a place is somebody else's | is held; the booking loses the seat, the buyer is told |
| is over, or erased by a reset | gives everything back; submitted, it is cancelled |
| the same, and its money has been taken | is confirmed: its places are ours to sell again |
"""

from __future__ import annotations

import logging

from gevent.pool import Pool

from app.bookings import service as bookings
from app.bookings.models import Booking, BookingStatus
from app.kernel import db, errors
from app.payments import service as payments
from app.provider import service as provider
from app.provider.models import Order, Status, Wanted
from app.seats import service as seats
from app.seats.models import Change

log = logging.getLogger(__name__)

_AT_ONCE = 20
_UNPAID = (BookingStatus.CREATED, BookingStatus.PAYMENT_INITIATED)
_OVER = (BookingStatus.CANCELLED, BookingStatus.EXPIRED)
_PAYMENT_GOES_ON = (Status.SUBMITTED, Status.CONFIRMED)

_at_work = Pool(_AT_ONCE)


def advance_due() -> int:
    """Take up the orders whose turn it is; returns how many there were.

    Does not wait for them: one whose calls take long is in nobody's way.
    """
    _at_work.wait_available()
    due = provider.take_due(_at_work.free_count())
    for order in due:
        _at_work.spawn(_advance, order)
    return len(due)


def finish_work() -> None:
    """Wait for the orders that this process has taken up."""
    _at_work.join()


def _advance(order: Order) -> None:
    try:
        if _is_changed(order):
            return  # Its new turn has come already.
        status = provider.step(order)
        if status in _PAYMENT_GOES_ON:
            with db.transaction() as connection:
                payments.go_on(connection, order.booking_id)
    except errors.Problem as problem:  # The database: the next turn is stored already.
        log.warning(
            "order has to wait", extra={"booking_id": order.booking_id, "error": problem.code}
        )


def _is_changed(order: Order) -> bool:
    """Compare an order with its booking; whether it has another duty now."""
    lost: list[Change] = []
    with db.transaction() as connection:
        booking = bookings.lock_any(connection, order.booking_id)
        current = provider.lock(connection, order.booking_id)
        if current is None or current.turn != order.turn:
            return True
        if booking is None or booking.status in _OVER:
            is_changed = provider.give_up(connection, current)
        elif booking.status in _UNPAID:
            if current.status is Status.REFUSED:
                refused = provider.refused_seats(connection, booking.id)
                lost = bookings.lose_seats(connection, booking, refused)
            is_changed = _keep(connection, booking, current)
        else:
            is_changed = False
        if not is_changed and current.status in provider.WITHOUT_DUTY:
            provider.rest(connection, current)
            is_changed = True
    seats.show_changes(lost)
    return is_changed


def _keep(connection: db.Connection, booking: Booking, order: Order) -> bool:
    lines = bookings.live_lines(connection, booking)
    wanted = [Wanted(line.seat_id, line.place_id) for line in lines if line.place_id]
    return provider.keep(connection, order, wanted)
