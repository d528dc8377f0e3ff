"""The worker's job for the event provider's orders: each is compared with its booking, then driven.

| The booking | Its order |
|---|---|
| lives, and lost a seat | gives the place back, keeps the rest |
| lives, and a place is somebody else's | is held; the booking loses the seat, the buyer is told |
| is over, or erased by a reset | gives everything back; submitted, it is cancelled |
| the same, and its money has been taken | is confirmed: its places are ours to sell again |
"""

from __future__ import annotations

from app.bookings import service as bookings
from app.bookings.models import OVER, Booking, BookingStatus
from app.kernel import db
from app.kernel.hands import Hands
from app.payments import service as payments
from app.provider import service as provider
from app.provider.models import Order, Status, Wanted

_AT_ONCE = 20
_UNPAID = (BookingStatus.CREATED, BookingStatus.PAYMENT_INITIATED)
_PAYMENT_GOES_ON = (Status.SUBMITTED, Status.CONFIRMED)


def advance_due() -> int:
    """Take up the orders whose turn it is; returns how many there were."""
    return _at_work.take_up()


def finish_work() -> None:
    """Wait for the orders that this process has taken up."""
    _at_work.finish()


def _advance(order: Order) -> None:
    if _is_changed(order):
        return  # Its new turn has come already.
    if provider.step(order) in _PAYMENT_GOES_ON:
        with db.transaction() as connection:
            payments.go_on(connection, order.booking_id)


def _is_changed(order: Order) -> bool:
    """Compare an order with its booking; whether it has another duty now."""
    with db.transaction() as connection:
        booking = bookings.lock_any(connection, order.booking_id)
        current = provider.lock(connection, order.booking_id)
        if current is None or current.turn != order.turn:
            return True
        if booking is None or booking.status in OVER:
            is_changed = provider.give_up(connection, current)
        elif booking.status in _UNPAID:
            if current.status is Status.REFUSED:
                refused = provider.refused_seats(connection, booking.id)
                bookings.lose_seats(connection, booking, refused)
            is_changed = _keep(connection, booking, current)
        else:
            is_changed = False
        if not is_changed and current.status in provider.WITHOUT_DUTY:
            provider.rest(connection, current)
            is_changed = True
    return is_changed


def _keep(connection: db.Connection, booking: Booking, order: Order) -> bool:
    lines = bookings.live_lines(connection, booking)
    wanted = [Wanted(line.seat_id, line.place_id) for line in lines if line.place_id]
    return provider.keep(connection, order, wanted)


# The next turn of each is stored when it is taken.
_at_work = Hands(provider.JOB, _AT_ONCE, provider.take_due, _advance)
