"""Owing money back: what goes back of what came, and what the event's policy keeps.

Statuses are about a payment as a whole: it is COMPLETED while something of it is sold, REFUND_DUE
when nothing is, REFUNDED when all that was owed is paid. Each refund of it has a status of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from app.kernel import audit, metrics, outbox
from app.kernel.db import Connection
from app.payments import queries, refund_queries, rules
from app.payments.models import Due, GatewayPayment, Payment, PaymentStatus, RefundStatus


def owe_refund(db: Connection, payment: Payment, seen: GatewayPayment) -> None:
    """Money came for which there are no seats: all that came, whatever was asked for, is owed."""
    _advance(db, payment, PaymentStatus.REFUND_DUE, "refund.due", _buyer(payment))
    metrics.OUTCOMES.labels("payment", "refund_due").inc()
    came = payment._replace(amount_minor=math.ceil(seen.amount_minor), currency=seen.currency)
    queries.charge(db, came)
    _owe(db, came, [Due(None, came.amount_minor, 0)])


def owe_lines(db: Connection, booking_id: int, dues: Iterable[Due]) -> None:
    """Lines of a paid booking were given back. Raises Conflict if one was before."""
    by_line = {due.line_id: due for due in dues}
    for payment in queries.lock_completed(db, booking_id):
        _owe(db, payment, [by_line[line] for line in payment.line_ids if line in by_line])


def end_sale(db: Connection, booking_id: int) -> None:
    """Nothing of a paid booking is sold any more."""
    for payment in queries.lock_completed(db, booking_id):
        ended = _advance(db, payment, PaymentStatus.REFUND_DUE, "refund.due", _buyer(payment))
        metrics.OUTCOMES.labels("payment", "refund_due").inc()
        close(db, ended, actor=_buyer(payment))


def close(db: Connection, payment: Payment, *, actor: str) -> None:
    """A locked payment of which nothing is sold is REFUNDED once nothing of it is unpaid."""
    if payment.status is not PaymentStatus.REFUND_DUE:
        return
    if not refund_queries.has_unpaid(db, payment.order_id):
        _advance(db, payment, PaymentStatus.REFUNDED, "refund.paid", actor)


def _owe(db: Connection, payment: Payment, dues: list[Due]) -> None:
    refund_id = refund_queries.owe(db, payment, dues)
    if refund_id is None:
        return
    payload = {
        "refund_id": refund_id,
        "order_id": str(payment.order_id),
        "booking_id": payment.booking_id,
        "user_id": payment.user_id,
        "amount_minor": sum(due.refund_minor for due in dues),
        "fee_minor": sum(due.fee_minor for due in dues),
        "currency": payment.currency,
    }
    outbox.publish(db, "refund.due", str(payment.booking_id), payload)
    audit.record(
        db,
        actor=_buyer(payment),
        action="refund.due",
        entity="refund",
        entity_id=refund_id,
        from_status=None,
        to_status=RefundStatus.DUE,
    )


def _advance(
    db: Connection, payment: Payment, to: PaymentStatus, action: str, actor: str
) -> Payment:
    status = rules.advance(payment.status, to=to)
    queries.set_status(db, payment.order_id, status, is_decided=True)
    audit.record(
        db,
        actor=actor,
        action=action,
        entity="payment",
        entity_id=payment.order_id,
        from_status=payment.status,
        to_status=status,
    )
    return payment._replace(status=status)


def _buyer(payment: Payment) -> str:
    return f"user:{payment.user_id}"
