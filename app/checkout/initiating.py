"""From a booking to the gateway's form.

1. The seats and the amount are frozen, the holds extended: PAYMENT_INITIATED, or 409 and nothing.
2. Where seats are the event provider's, a worker asks it for them (`places.py`). A place that is
   somebody else's is a 419, once; while others are before us it is a 503, and the buyer repeats.
3. The attempt is stored under a fresh order id, and then the gateway hears of it. An answer that
   got lost is recovered by a check; without any the attempt is withdrawn and it is a 503.
"""

from __future__ import annotations

from typing import NamedTuple

from app.bookings import service as bookings
from app.bookings.models import Booking, BookingStatus, Line
from app.kernel import db, errors
from app.kernel.auth import Principal
from app.payments import service as payments
from app.payments.models import Payment, PaymentStatus
from app.provider import service as provider
from app.provider.models import Status, Wanted

_WAIT_SECONDS = 3
_PASSES = 3

_REFUSED = "Место из брони занято у организатора, остальные места остаются за вами."


def start_payment(user: Principal, booking_id: int) -> str:
    """Freeze the booking's seats and amount, register the payment, return the form's address.

    Repeated while the attempt lives it returns the same address. Raises NotFound, Forbidden,
    Conflict; SeatUnavailable when the event provider has sold a seat to somebody else, once;
    Unavailable when the gateway does not answer, or while the provider is busy with the orders of
    those who came before: the seats stay held then.
    """
    for _ in range(_PASSES):
        with db.transaction() as connection:
            booking = bookings.lock_own(connection, user, booking_id)
            payment = payments.lock_live(connection, booking_id)
            if payment is not None and booking.has_run_out:
                raise errors.Conflict("Время брони истекло.", code="booking_expired")
            is_refused = payment is None and provider.tell_refusal(connection, booking_id)
            attempt = _Attempt(payment) if payment else None
            if payment is None and not is_refused:
                attempt = _open_attempt(connection, booking)
        if is_refused:
            raise errors.SeatUnavailable(_REFUSED, code="place_refused")
        if attempt is None:
            _await_places(booking_id)
        elif url := _address(attempt):
            return url
    raise errors.Unavailable


class _Attempt(NamedTuple):
    """A payment on its way to the gateway."""

    payment: Payment
    is_new: bool = False
    """It was made by this request, which has to register it."""
    minutes: int = 0
    title: str = ""


def _address(attempt: _Attempt) -> str | None:
    """The form's address; None when the attempt had to be withdrawn."""
    payment = attempt.payment
    if payment.form_url:
        return payment.form_url
    try:
        if attempt.is_new:
            description = f"Билеты: {attempt.title}"[:140]
            return payments.register(payment, description=description, minutes=attempt.minutes)
        if url := payments.await_registration(payment):
            return url
    except (payments.Refused, payments.OutcomeUnknown) as error:
        if attempt.is_new:  # Nobody has seen the form, so nobody will pay there.
            _withdraw(payment)
        raise payments.unavailable(error) from None
    _withdraw(payment)
    return None


def _open_attempt(connection: db.Connection, booking: Booking) -> _Attempt | None:
    """A new attempt; None while the event provider is still to be asked for the places."""
    if booking.status not in (BookingStatus.CREATED, BookingStatus.PAYMENT_INITIATED):
        raise errors.Conflict("Эту бронь нельзя оплатить.", code="booking_not_payable")
    lines = bookings.lock_held_lines(connection, booking)
    seconds = bookings.start_payment(connection, booking, lines)
    if not _has_its_places(connection, booking, lines):
        return None
    payment = payments.open_attempt(
        connection,
        booking_id=booking.id,
        user_id=booking.user_id,
        event_id=booking.event_id,
        amount_minor=sum(line.price_minor for line in lines),
        currency=lines[0].currency,
        line_ids=[line.id for line in lines],
    )
    title = bookings.event_terms(connection, booking.event_id).title
    return _Attempt(payment, True, max(1, seconds // 60), title)


def _has_its_places(connection: db.Connection, booking: Booking, lines: list[Line]) -> bool:
    """Whether the seats are ours alone, or the event provider's order holds all their places."""
    places = [Wanted(line.seat_id, line.place_id) for line in lines if line.place_id]
    if not places:
        return True
    status = provider.want(
        connection,
        booking_id=booking.id,
        event_id=booking.event_id,
        wanted=places,
    )
    return status is Status.HELD


def _await_places(booking_id: int) -> None:
    seconds = provider.seconds_to_wait(booking_id)
    if seconds > _WAIT_SECONDS or not provider.wait_until_decided(booking_id, _WAIT_SECONDS):
        raise errors.Unavailable(
            "Места ещё подтверждаются у организатора и остаются за вами. "
            f"Повторите через {seconds} с.",
            code="places_pending",
            retry_after=seconds,
        )


def _withdraw(payment: Payment) -> None:
    """The gateway does not have the attempt: void it and let the buyer try again."""
    with db.transaction() as connection:
        booking = bookings.lock_any(connection, payment.booking_id)
        current = payments.lock(connection, payment.order_id)
        if current.status is not PaymentStatus.INITIATED:
            return
        payments.void(connection, current)
        if booking is not None and booking.status is BookingStatus.PAYMENT_INITIATED:
            bookings.reopen(connection, booking)
