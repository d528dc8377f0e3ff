"""Paying back what is owed: tried until the gateway does it, visible until it is done.

As documented the gateway's cancel gives money back; as coded it always refuses. So a refund is a
duty that outlives restarts, and one that cannot be done waits for a person and is not forgotten.

Several refunds of one order have their turns one after the other, the oldest first. One that is
STUCK is in nobody's way: the gateway's no to one part says nothing about another. One that is
UNCLEAR holds the others of its order back: whether it was paid a person can only tell by the sum
that the gateway has returned, and what is paid meanwhile would change that sum under their eyes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from app.kernel import audit, db, errors, metrics, outbox
from app.kernel.config import settings
from app.kernel.hands import Hands
from app.kernel.wake import wake
from app.payments import gateway, owing, queries, refund_queries, rules
from app.payments.models import Payment, Refund, RefundStatus

log = logging.getLogger(__name__)

JOB = "refunds"
"""The name of the worker's job that pays back."""

_AT_ONCE = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 6 * 3600.0
_BESIDE_THE_CALLS = 30.0
"""What a turn may take, in seconds, beside the two calls of the gateway."""
_PATIENCE = 8
"""After so many tries, about an hour, somebody should look."""


class _Ambiguous(Exception):
    """It is not known whether a part of the money went back; asking cannot tell."""


def pay_due() -> int:
    """Take up the refunds whose turn it is; returns how many there were."""
    return _at_work.take_up()


def finish_work() -> None:
    """Wait for the refunds that this process has taken up."""
    _at_work.finish()


def listed(*statuses: RefundStatus) -> Sequence[Refund]:
    """All refunds in these states, stuck ones first."""
    return refund_queries.listed(statuses)


def find(refund_id: int) -> Refund:
    """The refund with this id. Raises NotFound."""
    refund = refund_queries.find(refund_id)
    if refund is None:
        raise errors.NotFound("Такого возврата нет.", code="refund_not_found")
    return refund


def places(refund: Refund) -> Sequence[tuple[int | None, int | None, int | None, int]]:
    """For each line of a refund its id, row and number of its seat, and the sum."""
    return refund_queries.places(refund)


def beside(refund: Refund) -> Sequence[Refund]:
    """The other refunds of its order, oldest first."""
    return [one for one in refund_queries.of_order(refund.order_id) if one.id != refund.id]


def retry(refund_id: int, *, actor: str) -> None:
    """Have a worker try a refund now. Raises NotFound, Conflict when it is paid."""
    refund = find(refund_id)
    with db.transaction() as connection:
        if not refund_queries.try_now(connection, refund_id):
            raise errors.Conflict("Этот возврат уже выплачен.", code="refund_paid")
        audit.record(
            connection,
            actor=actor,
            action="refund.retried",
            entity="refund",
            entity_id=refund_id,
            from_status=refund.status,
            to_status=RefundStatus.DUE,
        )
        wake(connection, JOB)


def pay_by_hand(refund_id: int, *, actor: str, note: str) -> None:
    """A person pays a refund some other way, as `note` says; from now on no worker does.

    Raises NotFound, and Conflict when it is paid or a worker has just asked the gateway for it.
    """
    refund = find(refund_id)
    if not refund_queries.begin_turn(refund.order_id, turn=_BESIDE_THE_CALLS):
        raise errors.Conflict(
            "Этот заказ как раз возвращает шлюз: посмотрите через минуту, чем это кончилось.",
            code="refund_under_way",
        )
    try:
        if not _store_paid(refund, actor=actor, note=note):
            raise errors.Conflict("Этот возврат уже выплачен.", code="refund_paid")
    finally:
        refund_queries.end_turn(refund.order_id)


def _take(limit: int) -> Sequence[Refund]:
    return refund_queries.take_due(
        limit,
        turn=2 * settings().payment_deadline + _BESIDE_THE_CALLS,
        first=_FIRST_PAUSE,
        longest=_LONGEST_PAUSE,
    )


def _try(refund: Refund) -> None:
    """One turn; whatever happens is stored, and none but the gateway's word makes it paid."""
    _pay(refund)
    refund_queries.end_turn(refund.order_id)


def _pay(refund: Refund) -> None:
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
    else:
        _store_paid(refund, actor="system", note="")


def _give_back(refund: Refund, payment: Payment) -> None:
    seen = gateway.check(payment)
    if seen is None:
        raise gateway.Refused("The gateway does not know the payment.")
    if rules.is_returned(seen):
        return
    payment = payment._replace(gateway_id=seen.gateway_id)
    if refund.amount_minor >= seen.amount_minor:
        gateway.cancel(payment, amount_minor=None)  # If its answer is lost, the next check tells.
        return
    # No answer must not mean another try, not even when it is this process that dies: the question
    # is stored before it is asked.
    if not refund_queries.note(refund.id, RefundStatus.UNCLEAR, "Asked; there is no answer yet."):
        return  # A person has paid it: this turn took longer than it may.
    try:
        gateway.cancel(payment, amount_minor=refund.amount_minor)
    except gateway.OutcomeUnknown as problem:
        raise _Ambiguous(f"A part may have been paid back: {problem}") from None


def _note(refund: Refund, status: RefundStatus, error: str) -> None:
    log.warning(
        "refund not paid",
        extra={"refund_id": refund.id, "attempts": refund.attempts, "error": error},
    )
    refund_queries.note(refund.id, status, error)
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
        payload = {
            "refund_id": current.id,
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
            entity="refund",
            entity_id=current.id,
            from_status=current.status,
            to_status=RefundStatus.PAID,
        )
        owing.close(connection, payment, actor=actor)
    metrics.OUTCOMES.labels("refund", "paid").inc()
    return True


# The next turn of each is stored when it is taken.
_at_work = Hands(JOB, _AT_ONCE, _take, _try)
