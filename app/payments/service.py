"""Payment attempts: what is stored about them, and what the gateway says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import gevent

from app.kernel import audit, errors, metrics, outbox
from app.kernel.config import settings
from app.kernel.db import Connection, transaction
from app.kernel.wake import wake
from app.payments import gateway, owing, queries, refund_queries, refunds, rules
from app.payments.models import Decision, GatewayPayment, Payment, PaymentStatus

OutcomeUnknown = gateway.OutcomeUnknown
Refused = gateway.Refused
unavailable = gateway.unavailable
owe_refund = owing.owe_refund
owe_lines = owing.owe_lines
end_sale = owing.end_sale
shares = refund_queries.shares
refunds_of = refund_queries.of_user
shown_status = rules.shown_status
find_refund = refunds.find
retry_refund = refunds.retry

JOB = "payments"
"""The name of the worker's job that takes undecided payments up."""

_LOOK_SECONDS = 0.05


def open_attempt(
    db: Connection,
    *,
    booking_id: int,
    user_id: int,
    event_id: int,
    amount_minor: int,
    currency: str,
    line_ids: list[int],
) -> Payment:
    """Store a new attempt under an order id of its own. Raises Conflict."""
    if amount_minor < rules.MIN_AMOUNT:
        raise errors.Conflict("Такую сумму шлюз не принимает.", code="amount_too_small")
    payment = None
    while payment is None:
        payment = queries.insert(
            db,
            order_id=rules.new_order_id(datetime.now(UTC)),
            booking_id=booking_id,
            user_id=user_id,
            event_id=event_id,
            amount_minor=amount_minor,
            currency=currency,
            line_ids=line_ids,
            check_after=settings().payment_poll_seconds,
        )
    _audit(db, payment, "payment.initiated", None, PaymentStatus.INITIATED)
    _publish(db, payment, "payment.initiated")
    return payment


def register(payment: Payment, *, description: str, minutes: int) -> str:
    """Register an attempt with the gateway and return the form's address.

    An answer that got lost is recovered by asking for the order. Raises Refused, OutcomeUnknown.
    """
    try:
        registration = gateway.register(payment, description=description, minutes=minutes)
    except OutcomeUnknown:
        url = recover(payment)
        if url is None:
            raise
        return url
    queries.store_registration(payment.order_id, registration.gateway_id, registration.form_url)
    return registration.form_url


def recover(payment: Payment) -> str | None:
    """The form's address of an attempt that the gateway may know; None when it does not.

    Raises Refused, OutcomeUnknown.
    """
    seen = gateway.check(payment)
    if seen is None:
        return None
    url = gateway.form_url(seen.gateway_id)
    queries.store_registration(payment.order_id, seen.gateway_id, url)
    return url


def await_registration(payment: Payment) -> str | None:
    """The form's address of an attempt that another request is registering, or was when it died.

    None when the attempt is withdrawn or the gateway has not heard of it though there was time.
    Raises Refused, OutcomeUnknown.
    """
    # A registration is two calls at most, each with its deadline.
    give_up_at = time.monotonic() + 2 * settings().payment_deadline
    if url := recover(payment):
        return url
    while time.monotonic() < give_up_at:
        gevent.sleep(_LOOK_SECONDS)
        current = find(payment.order_id)
        if current.status is not PaymentStatus.INITIATED:
            return current.form_url if current.status is PaymentStatus.OPEN else None
    return recover(payment)


def find(order_id: int) -> Payment:
    """The attempt with this order id. Raises NotFound."""
    payment = queries.find(order_id)
    if payment is None:
        raise errors.NotFound("Такого платежа нет.", code="order_not_found")
    return payment


def ask_gateway(payment: Payment) -> tuple[Decision, GatewayPayment | None]:
    """What the gateway knows and what that means. Raises Refused, OutcomeUnknown."""
    seen = gateway.check(payment)
    if seen is None:
        return Decision.OPEN, None
    if payment.gateway_id is None:
        queries.store_registration(
            payment.order_id, seen.gateway_id, gateway.form_url(seen.gateway_id)
        )
    return rules.decide(payment, seen), seen


def capture(payment: Payment, seen: GatewayPayment) -> None:
    """Take the authorised money, if nobody has yet. Raises Refused, OutcomeUnknown."""
    if not rules.needs_capture(seen):
        return
    try:
        gateway.capture(payment._replace(gateway_id=seen.gateway_id))
    except Refused:
        # Another hint of the same payment may have been faster; it is not to be taken twice.
        again = gateway.check(payment)
        if again is None or rules.decide(payment, again) is not Decision.PAID:
            raise
        if rules.needs_capture(again):
            raise


def is_decided(payment: Payment) -> bool:
    """Whether nothing the gateway says can change this attempt any more."""
    return payment.status in rules.DECIDED


def lock(db: Connection, order_id: int) -> Payment:
    """An attempt, locked; its booking has to be locked before. Raises NotFound."""
    payment = queries.lock(db, order_id)
    if payment is None:
        raise errors.NotFound("Такого платежа нет.", code="order_not_found")
    return payment


def lock_live(db: Connection, booking_id: int) -> Payment | None:
    """The attempt of a booking that may still be paid, locked."""
    return queries.lock_live(db, booking_id)


def void(db: Connection, payment: Payment) -> None:
    """Mark an attempt as no longer wanted; it is still checked, for money that comes late."""
    _advance(db, payment, PaymentStatus.VOIDED, "payment.voided")
    _publish(db, payment, "payment.voided")


def void_live(db: Connection, booking_id: int) -> None:
    """Void the attempt of a booking that may still be paid, if there is one."""
    if (payment := queries.lock_live(db, booking_id)) is not None:
        void(db, payment)


def as_captured(payment: Payment) -> GatewayPayment:
    """A captured payment as the gateway sees it."""
    return GatewayPayment(
        payment.gateway_id or "", "CONFIRMED", payment.amount_minor, payment.currency
    )


def accept(db: Connection, payment: Payment) -> None:
    """The money is authorised and the seats are fixed for it: it may be taken."""
    _advance(db, payment, PaymentStatus.ACCEPTED, "payment.accepted")


def note_captured(db: Connection, payment: Payment) -> None:
    """The money has been taken."""
    _advance(db, payment, PaymentStatus.CAPTURED, "payment.captured")


def go_on(db: Connection, booking_id: int) -> None:
    """Have a worker go on with the accepted payment of a booking, if there is one."""
    if queries.go_on(db, booking_id):
        wake(db, JOB)


def note_failure(order_id: int, error: str) -> None:
    """Remember why a look at an undecided payment came to nothing."""
    queries.note_failure(order_id, error)


def complete(db: Connection, payment: Payment) -> None:
    """The money has come and the seats are sold."""
    _decide(db, payment, PaymentStatus.COMPLETED, "payment.succeeded")
    queries.charge_lines(db, payment)


def fail(db: Connection, payment: Payment) -> None:
    """There will be no money."""
    _decide(db, payment, PaymentStatus.FAILED, "payment.failed")


def notice(gateway_id: str) -> None:
    """The gateway says that something has happened to a payment: look soon."""
    with transaction() as connection:
        if queries.check_now(connection, gateway_id):
            wake(connection, JOB)


def retry(order_id: int, *, actor: str) -> None:
    """Have a worker look at an undecided payment now. Raises NotFound, Conflict."""
    with transaction() as connection:
        payment = lock(connection, order_id)
        if not queries.retry(connection, order_id):
            raise errors.Conflict("Этот платёж уже решён.", code="payment_decided")
        audit.record(
            connection,
            actor=actor,
            action="payment.retried",
            entity="payment",
            entity_id=order_id,
            from_status=payment.status,
            to_status=payment.status,
        )
        wake(connection, JOB)


def take_due(limit: int) -> Sequence[int]:
    """The order ids of undecided payments that are to be looked at now."""
    return queries.take_due(limit, settings().payment_poll_seconds)


def signature_matches(body: bytes, given: str) -> bool:
    """Whether a webhook is signed with our secret."""
    return rules.signature_matches(settings().payment_webhook_secret, body, given)


def orphan_all(db: Connection) -> None:
    """Part all payments from their bookings, which are about to be erased."""
    queries.orphan_all(db)


def _advance(db: Connection, payment: Payment, to: PaymentStatus, action: str) -> None:
    status = rules.advance(payment.status, to=to)
    queries.set_status(db, payment.order_id, status, is_decided=False)
    _audit(db, payment, action, payment.status, status)


def _decide(db: Connection, payment: Payment, to: PaymentStatus, action: str) -> None:
    status = rules.advance(payment.status, to=to)
    queries.set_status(db, payment.order_id, status, is_decided=True)
    _audit(db, payment, action, payment.status, status)
    _publish(db, payment, action)
    metrics.OUTCOMES.labels("payment", status.lower()).inc()


def _publish(db: Connection, payment: Payment, topic: str) -> None:
    payload = {
        "order_id": str(payment.order_id),
        "booking_id": payment.booking_id,
        "user_id": payment.user_id,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
    }
    outbox.publish(db, topic, str(payment.booking_id), payload)


def _audit(
    db: Connection,
    payment: Payment,
    action: str,
    from_status: PaymentStatus | None,
    to: PaymentStatus,
) -> None:
    audit.record(
        db,
        actor=f"user:{payment.user_id}",
        action=action,
        entity="payment",
        entity_id=payment.order_id,
        from_status=from_status,
        to_status=to,
    )
