"""Our payments as the payment gateway sees them; it has no list, so each is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import LiteralString, NamedTuple

from gevent.pool import Pool

from app.bookings import service as bookings
from app.kernel import db, errors
from app.kernel.config import settings
from app.kernel.outside import OutcomeUnknown, Refused
from app.operations import differences, rules
from app.operations.models import DifferenceKind, Finding, Outcome, Run
from app.payments import service as payments
from app.payments.models import GatewayPayment, PaymentStatus

_K = DifferenceKind
_AT_ONCE = 5
_CHUNK = 25
_A_RUN = 500
_KINDS = (
    _K.PAYMENT_UNPAID_THERE,
    _K.PAYMENT_OF_OTHER_SUM,
    _K.PAYMENT_UNCLAIMED,
    _K.PAYMENT_NOT_RETURNED,
    _K.PAYMENT_NOT_FOLLOWED,
    _K.PAYMENT_UNKNOWN_THERE,
)

_PAGE: LiteralString = """
    SELECT order_id FROM payments
    WHERE order_id > %(after)s AND (
        status IN ('INITIATED', 'OPEN', 'VOIDED', 'ACCEPTED', 'CAPTURED')
            AND created_at < clock_timestamp() - interval '1 minute'
        OR decided_at >= least(%(since)s, clock_timestamp() - interval '1 day'))
    ORDER BY order_id LIMIT %(limit)s
"""
_MONEY = """
    SELECT coalesce((SELECT sum(amount_minor) FROM ledger
                     WHERE order_id = %(order_id)s AND kind = 'CHARGE'), 0)::bigint,
           coalesce((SELECT sum(amount_minor) FROM refunds
                     WHERE order_id = %(order_id)s AND status = 'PAID' AND note = ''), 0)::bigint
"""


class _Asked(NamedTuple):
    """A payment that the gateway has answered about."""

    order_id: int
    finding: Finding | None
    seen: GatewayPayment | None


def compare(run: Run) -> tuple[Outcome, int]:
    """Ask about the next payments; returns what came of it, and where to go on."""
    if not settings().payment_gateway_url:
        return Outcome(run.part), 0
    wanted = {"after": run.position, "since": run.since, "limit": _A_RUN}
    page = [row[0] for row in db.rows(_PAGE, wanted)]
    again = [int(subject) for subject in differences.open_subjects(_KINDS)]
    asked, unanswered, error = _ask_all(list(dict.fromkeys([*again, *page])))
    done = {one.order_id for one in asked}
    last = next((one for one in page if one not in done and one not in unanswered), None)
    position = 0 if len(page) < _A_RUN else page[-1]
    if last is not None:
        position = last - 1  # Asked about the next time, with what follows.
    findings = [one.finding for one in asked if one.finding]
    with db.transaction() as connection:
        certain = differences.record(connection, findings, patience=rules.GATEWAY_PATIENCE)
        differences.close_unseen(connection, _KINDS, run.began, [str(one) for one in done])
    healed = _heal(findings, certain, {str(one.order_id): one.seen for one in asked if one.seen})
    return Outcome(run.part, len(asked), len(findings), healed, error), position


def _ask_all(order_ids: Sequence[int]) -> tuple[list[_Asked], set[int], str]:
    """Those that were answered, those that were not, and why not; stops when nobody answers."""
    asked: list[_Asked] = []
    unanswered: set[int] = set()
    error = ""
    for first in range(0, len(order_ids), _CHUNK):
        chunk = order_ids[first : first + _CHUNK]
        answers = Pool(_AT_ONCE).map(_ask, chunk)
        found = [one for one in answers if isinstance(one, _Asked)]
        error = next((one for one in answers if isinstance(one, str)), error)
        asked += found
        if not found:
            break
        unanswered |= {*chunk} - {one.order_id for one in found}
    return asked, unanswered, error


def _ask(order_id: int) -> _Asked | str:
    """One question; a text says why there is no answer."""
    try:
        before = payments.find(order_id)
        _, seen = payments.ask_gateway(before)
        payment = payments.find(order_id)
    except (Refused, OutcomeUnknown, errors.Problem) as problem:
        return str(problem) or "no answer"
    if payment.status is not before.status:
        return _Asked(order_id, None, None)  # Somebody is at work on it.
    came, returned = db.one(_MONEY, {"order_id": order_id}) or (0, 0)
    kind = rules.judge_payment(
        payment,
        seen,
        came_minor=came,
        is_returned_there=0 < came <= returned,
        age=datetime.now(UTC) - payment.created_at,
    )
    if kind is None:
        return _Asked(order_id, None, None)
    theirs = f"{seen.status}, {seen.amount_minor} {seen.currency}" if seen else "unknown"
    ours = f"{payment.status}, {payment.amount_minor} {payment.currency}, came {came}"
    finding = Finding(kind, str(order_id), ours, theirs)
    return _Asked(order_id, finding, seen)


def _heal(
    findings: Sequence[Finding], certain: Sequence[Finding], seen: dict[str, GatewayPayment]
) -> int:
    """What has a rule; the rest is for a person."""
    for one in findings:
        if one.kind is _K.PAYMENT_NOT_FOLLOWED and one.subject in seen:
            # Closed when it is not seen again: telling a worker does not make it so.
            payments.notice(seen[one.subject].gateway_id)
    return sum(_set_right(one, seen.get(one.subject)) for one in certain)


def _set_right(finding: Finding, seen: GatewayPayment | None) -> bool:
    """Nobody can pay what the gateway has not heard of in a day: there will be no money. And what
    it has all the same for an attempt that had failed is owed back."""
    payment = payments.find(int(finding.subject))
    with db.transaction() as connection:
        bookings.lock_any(connection, payment.booking_id)
        current = payments.lock(connection, payment.order_id)
        if finding.kind is _K.PAYMENT_UNKNOWN_THERE and current.status is PaymentStatus.VOIDED:
            payments.fail(connection, current)
        elif finding.kind is _K.PAYMENT_UNCLAIMED and current.status is PaymentStatus.FAILED:
            payments.owe_refund(connection, current, seen or payments.as_captured(current))
        else:
            return False
        differences.note_healed(connection, finding.kind, [finding.subject])
    return True
