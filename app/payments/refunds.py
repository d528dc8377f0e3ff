"""Paying back what is owed: tried until the gateway does it, visible until it is done.

As documented the gateway's cancel gives money back; as coded it always refuses. So a refund is a
duty that outlives restarts, and one that cannot be done waits for a person and is not forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gevent.pool import Pool

from app.kernel import audit, db, errors, metrics, outbox
from app.payments import gateway, queries, refund_queries, rules
from app.payments.models import Payment, PaymentStatus, Refund, RefundStatus

log = logging.getLogger(__name__)

_AT_ONCE = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 6 * 3600.0
_PATIENCE = 8
"""After so many tries, about an hour, somebody should look."""


class _Ambiguous(Exception):
    """It is not known whether a part of the money went back; asking cannot tell."""


def pay_due() -> int:
    """Try the refunds whose turn it is; returns how many there were."""
    due = refund_queries.take_due(_AT_ONCE, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
    Pool(_AT_ONCE).map(_try, due)
    return len(due)


def listed(*statuses: RefundStatus) -> Sequence[Refund]:
    """All refunds in these states, stuck ones first."""
    return refund_queries.listed(statuses)


def find(refund_id: int) -> Refund:
    """The refund with this id. Raises NotFound."""
    refund = refund_queries.find(refund_id)
    if refund is None:
        raise errors.NotFound("Такого возврата нет.", code="refund_not_found")
    return refund


def retry(refund_id: int) -> None:
    """Have a worker try a refund now. Raises NotFound, Conflict when it is paid."""
    if not refund_queries.try_now(refund_id):
        find(refund_id)
        raise errors.Conflict("Этот возврат уже выплачен.", code="refund_paid")


def pay_by_hand(refund_id: int, *, actor: str, note: str) -> None:
    """A person has paid a refund some other way, as `note` says. Raises NotFound, Conflict."""
    refund = find(refund_id)
    if not _store_paid(refund, actor=actor, note=note):
        raise errors.Conflict("Этот возврат уже выплачен.", code="refund_paid")


def _try(refund: Refund) -> None:
    """One attempt; whatever happens is stored, and none but the gateway's word makes it paid."""
    payment = queries.find(refund.order_id)
    if payment is None:
        return
    try:
        _give_back(refund, payment)
    except _Ambiguous as problem:
        _note(refund, RefundStatus.UNCLEAR, str(problem))
    except (gateway.Refused, gateway.OutcomeUnknown) as problem:
        is_stuck = refund.attempts >= _PATIENCE
        _note(refund, RefundStatus.STUCK if is_stuck else RefundStatus.DUE, str(problem))
    except errors.Problem as problem:  # The database: the next turn is stored already.
        log.warning("refund has to wait", extra={"refund_id": refund.id, "error": problem.code})
    else:
        _store_paid(refund, actor="system", note="")


def _give_back(refund: Refund, payment: Payment) -> None:
    seen = gateway.check(payment)
    if seen is None:
        raise gateway.Refused("The gateway does not know the payment.")
    if rules.is_returned(seen):
        return
    is_whole = refund.amount_minor >= seen.amount_minor
    try:
        gateway.cancel(
            payment._replace(gateway_id=seen.gateway_id),
            amount_minor=None if is_whole else refund.amount_minor,
        )
    except gateway.OutcomeUnknown as problem:
        if is_whole:
            raise  # The next check tells.
        raise _Ambiguous(f"A part may have been paid back: {problem}") from None


def _note(refund: Refund, status: RefundStatus, error: str) -> None:
    log.warning(
        "refund not paid",
        extra={"refund_id": refund.id, "attempts": refund.attempts, "error": error},
    )
    refund_queries.note_failure(refund.id, status, error)
    if status is not refund.status:
        metrics.OUTCOMES.labels("refund", status.lower()).inc()


def _store_paid(refund: Refund, *, actor: str, note: str) -> bool:
    """Store that the money went back; False if that was known."""
    with db.transaction() as connection:
        payment = queries.lock(connection, refund.order_id)
        current = refund_queries.lock(connection, refund.id)
        if payment is None or current is None or current.status is RefundStatus.PAID:
            return False
        refund_queries.store_paid(connection, current, note)
        to = rules.advance(payment.status, to=PaymentStatus.REFUNDED)
        queries.set_status(connection, payment.order_id, to, is_decided=True)
        payload = {
            "order_id": str(payment.order_id),
            "booking_id": payment.booking_id,
            "user_id": payment.user_id,
            "amount_minor": current.amount_minor,
            "currency": current.currency,
        }
        outbox.publish(connection, "refund.paid", str(payment.booking_id), payload)
        audit.record(
            connection,
            actor=actor,
            action="refund.paid",
            entity="payment",
            entity_id=payment.order_id,
            from_status=payment.status,
            to_status=to,
        )
    metrics.OUTCOMES.labels("refund", "paid").inc()
    return True
