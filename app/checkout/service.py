"""The way from a booking to money and back: start a payment, settle it, cancel.

Nothing here believes what a browser or a webhook says. They are hints that make `settle` ask the
gateway; what it answers decides. Network calls stay outside transactions, and in each transaction
the booking is locked first, then its seats in the order of ids, then the payment.
"""

from __future__ import annotations

import logging

from gevent.pool import Pool

from app.bookings import service as bookings
from app.bookings.models import Booking, BookingStatus
from app.kernel import db, errors
from app.kernel.auth import Principal
from app.payments import service as payments
from app.payments.models import Decision, GatewayPayment, Payment, PaymentStatus
from app.seats import service as seats
from app.seats.models import Change

log = logging.getLogger(__name__)

_OVER = (BookingStatus.CANCELLED, BookingStatus.EXPIRED)
_CHECKS_AT_ONCE = 10


def start_payment(user: Principal, booking_id: int) -> str:
    """Freeze the booking's seats and amount, register the payment, return the form's address.

    Repeated while the attempt lives it returns the same address. Raises NotFound, Forbidden,
    Conflict, and Unavailable when the gateway does not answer; the seats stay held then.
    """
    for _ in range(2):
        with db.transaction() as connection:
            booking = bookings.lock_own(connection, user, booking_id)
            payment = payments.lock_live(connection, booking_id)
            is_new = payment is None
            if payment is None:
                payment, minutes, title = _open_attempt(connection, booking)
            elif booking.has_run_out:
                raise errors.Conflict("Время брони истекло.", code="booking_expired")
        if payment.form_url:
            return payment.form_url
        try:
            if is_new:
                return payments.register(
                    payment, description=f"Билеты: {title}"[:140], minutes=minutes
                )
            if url := payments.await_registration(payment):
                return url
        except (payments.Refused, payments.OutcomeUnknown) as error:
            if is_new:  # Nobody has seen the form, so nobody will pay there.
                _withdraw(payment)
            raise payments.unavailable(error) from None
        _withdraw(payment)
    raise errors.Unavailable


def _open_attempt(connection: db.Connection, booking: Booking) -> tuple[Payment, int, str]:
    if booking.status is not BookingStatus.CREATED:
        raise errors.Conflict("Эту бронь нельзя оплатить.", code="booking_not_payable")
    lines = bookings.lock_held_lines(connection, booking)
    seconds = bookings.start_payment(connection, booking, lines)
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
    return payment, max(1, seconds // 60), title


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


def settle(order_id: int) -> PaymentStatus:
    """Ask the gateway about a payment and do what its answer means; safe to repeat.

    Raises NotFound, and Unavailable when the gateway does not answer.
    """
    payment = payments.find(order_id)
    if payments.is_decided(payment):
        return payment.status
    try:
        decision, seen = payments.ask_gateway(payment)
        if (
            decision is Decision.PAID
            and seen is not None
            and payment.status is not PaymentStatus.VOIDED
        ):
            payments.capture(payment, seen)
    except (payments.Refused, payments.OutcomeUnknown) as error:
        # Asked again later; a hold that ends meanwhile turns late money into a refund.
        raise payments.unavailable(error) from None
    if decision is Decision.OPEN or seen is None:
        return payment.status
    if decision is Decision.FAILED:
        return _fail(payment)
    if decision is Decision.MISMATCH:
        log.error("paid amount differs", extra={"order_id": order_id, "seen": str(seen)})
    return _take_money(payment, seen, is_right=decision is Decision.PAID)


def _take_money(payment: Payment, seen: GatewayPayment, *, is_right: bool) -> PaymentStatus:
    sold: list[Change] = []
    freed: list[Change] = []
    with db.transaction() as connection:
        booking = bookings.lock_any(connection, payment.booking_id)
        current = payments.lock(connection, payment.order_id)
        if payments.is_decided(current):
            return current.status  # Another hint of the same payment was faster.
        is_wanted = current.status is not PaymentStatus.VOIDED
        if booking and is_wanted and is_right:
            sold = bookings.sell(connection, booking, payment.line_ids)
        if sold:
            payments.complete(connection, current)
        else:
            payments.owe_refund(connection, current, seen)
            if booking and is_wanted:
                freed = _give_up(connection, booking)
    seats.show_changes(sold or freed)
    return PaymentStatus.COMPLETED if sold else PaymentStatus.REFUND_DUE


def _fail(payment: Payment) -> PaymentStatus:
    freed: list[Change] = []
    with db.transaction() as connection:
        booking = bookings.lock_any(connection, payment.booking_id)
        current = payments.lock(connection, payment.order_id)
        if payments.is_decided(current):
            return current.status
        is_wanted = current.status is not PaymentStatus.VOIDED
        payments.fail(connection, current)
        if booking and is_wanted:
            freed = _give_up(connection, booking)
    seats.show_changes(freed)
    return PaymentStatus.FAILED


def _give_up(connection: db.Connection, booking: Booking) -> list[Change]:
    """End a booking whose payment sold nothing, or reopen it where its event wants that."""
    if booking.status is not BookingStatus.PAYMENT_INITIATED:
        return []
    if bookings.event_terms(connection, booking.event_id).retry_failed_payment:
        bookings.reopen(connection, booking)
        return []
    _, freed = bookings.cancel(connection, booking)
    return freed


def cancel_booking(user: Principal, booking_id: int) -> None:
    """Cancel the user's booking; repeated, or when it has run out, there is nothing to do.

    A paid one starts a refund by the event's policy. Raises NotFound, Forbidden, Conflict.
    """
    with db.transaction() as connection:
        booking = bookings.lock_own(connection, user, booking_id)
        if booking.status in _OVER:
            return
        percent = 0
        if booking.status is BookingStatus.CONFIRMED:
            percent = bookings.refund_percent(bookings.event_terms(connection, booking.event_id))
            if percent == 0:
                raise errors.Conflict(
                    "Срок возврата билетов на это событие прошёл.", code="refund_period_over"
                )
        lines, freed = bookings.cancel(connection, booking)
        payments.void_live(connection, booking.id)
        if percent:
            prices = {line.id: line.price_minor for line in lines}
            payments.owe_lines(connection, booking.id, percent, prices)
    seats.show_changes(freed)


def settle_due() -> int:
    """Look at the undecided payments whose turn it is; returns how many there were."""
    due = payments.take_due(_CHECKS_AT_ONCE)
    Pool(_CHECKS_AT_ONCE).map(_settle_or_wait, due)
    return len(due)


def _settle_or_wait(order_id: int) -> None:
    try:
        settle(order_id)
    except errors.Problem as problem:  # Its next turn is stored already.
        log.info("payment has to wait", extra={"order_id": order_id, "error": problem.code})
