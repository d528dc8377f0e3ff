"""From the gateway's word to sold seats: the saga of a payment.

| Payment | The provider's order | What the gateway says | Next |
|---|---|---|---|
| OPEN | none, or HELD | authorised | the seats are still held: ACCEPTED; else the money goes back |
| OPEN | | rejected, expired | FAILED, the booking ends |
| ACCEPTED | SUBMITTING | | a worker submits (`places.py`), then goes on here |
| ACCEPTED | none, or SUBMITTED | authorised | capture: CAPTURED |
| ACCEPTED | not in time, or capture refused | | the order is cancelled, the money goes back |
| CAPTURED | CONFIRMING | | a worker confirms, for ever, then goes on here |
| CAPTURED | none, or CONFIRMED | | all lines SOLD in one statement: COMPLETED |
| VOIDED | | authorised, late | the money goes back |
| any | | another amount or currency | the money goes back |

Nothing here believes what a browser or a webhook says. They are hints that make `settle` ask the
gateway; what it answers decides. Network calls stay outside transactions, and in each transaction
the booking is locked first, then its seats in the order of ids, then the payment, then the order.
Each row of the table ends in one transaction, so whoever comes next, after whatever crash, finds
the row to go on from. The way to the form is `initiating.py`, the way back `refunding.py`.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from app.bookings import service as bookings
from app.kernel import db
from app.kernel.hands import Hands
from app.payments import service as payments
from app.payments.models import Decision, GatewayPayment, Payment, PaymentStatus
from app.provider import service as provider
from app.provider.models import Status
from app.seats import service as seats
from app.seats.models import Change

log = logging.getLogger(__name__)

_CHECKS_AT_ONCE = 10
_CAPTURE_WITHIN = timedelta(minutes=15)
"""The gateway takes no money for a payment that is older."""
_SUBMIT_WITHIN = timedelta(minutes=14)


def settle(order_id: int) -> PaymentStatus:
    """Ask the gateway about a payment and go as far as its answer reaches; safe to repeat.

    Raises NotFound, and Unavailable when the gateway does not answer.
    """
    payment = payments.find(order_id)
    if payments.is_decided(payment):
        return payment.status
    if payment.status is PaymentStatus.CAPTURED:
        return _sell(payment)
    try:
        decision, seen = payments.ask_gateway(payment)
        if decision is Decision.OPEN or seen is None:
            return payment.status
        if decision is Decision.FAILED:
            return _fail(payment)
        return _follow(payment, seen, is_right=decision is Decision.PAID)
    except (payments.Refused, payments.OutcomeUnknown) as error:
        # Asked again later; a hold that ends meanwhile turns late money into a refund.
        payments.note_failure(order_id, str(error) or "no answer")
        raise payments.unavailable(error) from None


def _follow(payment: Payment, seen: GatewayPayment, *, is_right: bool) -> PaymentStatus:
    """The gateway has money: go on with it."""
    if not is_right:
        log.error("paid amount differs", extra={"order_id": payment.order_id, "seen": str(seen)})
    if not is_right or payment.status is PaymentStatus.VOIDED:
        return _send_back(payment, seen)
    if payment.status is not PaymentStatus.ACCEPTED:
        status = _accept(payment, seen)
        if status is PaymentStatus.CAPTURED:
            return _sell(payment)
        if status is not PaymentStatus.ACCEPTED:
            return status
    return _capture(payment, seen)


def _accept(payment: Payment, seen: GatewayPayment) -> PaymentStatus:
    """Fix the seats for money that is authorised, or send it back: there is no third way."""
    with db.transaction() as connection:
        booking = bookings.lock_any(connection, payment.booking_id)
        current = payments.lock(connection, payment.order_id)
        is_open = current.status in (PaymentStatus.INITIATED, PaymentStatus.OPEN)
        if not is_open and current.status is not PaymentStatus.VOIDED:
            return current.status  # Another hint of the same payment was faster.
        is_fixed = (
            is_open and booking and bookings.start_confirming(connection, booking, payment.line_ids)
        )
        if is_fixed:
            payments.accept(connection, current)
            provider.advance(connection, payment.booking_id, Status.SUBMITTING)
            return PaymentStatus.ACCEPTED
    return _send_back(current, seen)


def _capture(payment: Payment, seen: GatewayPayment) -> PaymentStatus:
    """Take the money of an accepted payment, once the provider's order is submitted."""
    payment = payment._replace(status=PaymentStatus.ACCEPTED)
    order = provider.find(payment.booking_id)
    age = datetime.now(UTC) - payment.created_at
    if order is not None and order.status is not Status.SUBMITTED:
        if order.status is Status.SUBMITTING and age < _SUBMIT_WITHIN:
            return PaymentStatus.ACCEPTED  # A worker submits, and goes on then.
        return _send_back(payment, seen)
    try:
        payments.capture(payment, seen)
    except payments.Refused:
        if age < _CAPTURE_WITHIN:
            raise
        return _send_back(payment, seen)
    with db.transaction() as connection:
        bookings.lock_any(connection, payment.booking_id)
        current = payments.lock(connection, payment.order_id)
        if current.status is PaymentStatus.ACCEPTED:
            payments.note_captured(connection, current)
            provider.advance(connection, payment.booking_id, Status.CONFIRMING)
    return _sell(payment)


def _sell(payment: Payment) -> PaymentStatus:
    """Turn the seats of a captured payment to SOLD, once they are ours at the provider, too."""
    sold: list[Change] = []
    with db.transaction() as connection:
        booking = bookings.lock_any(connection, payment.booking_id)
        current = payments.lock(connection, payment.order_id)
        order = provider.lock(connection, payment.booking_id)
        if current.status is not PaymentStatus.CAPTURED:
            return current.status
        if order is not None and order.status is not Status.CONFIRMED:
            return current.status  # A worker confirms, and goes on then.
        if booking is not None:
            sold = bookings.sell(connection, booking, payment.line_ids)
        if sold:
            payments.complete(connection, current)
    if not sold:
        return _send_back(current, payments.as_captured(payment))
    seats.show_changes(sold)
    return PaymentStatus.COMPLETED


def _send_back(payment: Payment, seen: GatewayPayment) -> PaymentStatus:
    """Owe the money that came back to the buyer, and end what it was for, the order included.

    That has been decided of the payment as it was read; if it has gone on since, nothing is done.
    """
    freed: list[Change] = []
    with db.transaction() as connection:
        booking = bookings.lock_any(connection, payment.booking_id)
        current = payments.lock(connection, payment.order_id)
        if current.status is not payment.status:
            return current.status  # Another hint of the same payment was faster.
        is_wanted = current.status is not PaymentStatus.VOIDED
        payments.owe_refund(connection, current, seen)
        if booking and is_wanted:
            freed = bookings.give_up(connection, booking)
    seats.show_changes(freed)
    return PaymentStatus.REFUND_DUE


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
            freed = bookings.give_up(connection, booking)
    seats.show_changes(freed)
    return PaymentStatus.FAILED


def settle_due() -> int:
    """Begin to look at the undecided payments whose turn it is; returns how many there were."""
    return _at_work.take_up()


def finish_work() -> None:
    """Wait for the payments that this process looks at."""
    _at_work.finish()


# The next turn of each is stored when it is taken.
_at_work = Hands(payments.JOB, _CHECKS_AT_ONCE, payments.take_due, settle)
