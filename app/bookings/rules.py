"""What a booking may become, and what a cancelled one gets back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from app.bookings.models import BookingStatus
from app.kernel import errors

_S = BookingStatus

TRANSITIONS: Mapping[BookingStatus, frozenset[BookingStatus]] = {
    _S.CREATED: frozenset({_S.PAYMENT_INITIATED, _S.CANCELLED, _S.EXPIRED}),
    # Back to CREATED: a seat was released and the attempt with it, or the payment may be repeated.
    # To itself: the buyer asks again while the event provider is being asked.
    _S.PAYMENT_INITIATED: frozenset(
        {_S.PAYMENT_INITIATED, _S.CREATED, _S.CONFIRMING, _S.CANCELLED, _S.EXPIRED}
    ),
    _S.CONFIRMING: frozenset({_S.CONFIRMED, _S.CANCELLED}),
    _S.CONFIRMED: frozenset({_S.CANCELLED, _S.COMPLETED}),
    _S.COMPLETED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
}


def advance(status: BookingStatus, *, to: BookingStatus) -> BookingStatus:
    """The new status. Raises Conflict when the step is not in the table."""
    if to not in TRANSITIONS[status]:
        raise errors.Conflict(
            f"Бронь в состоянии {status} не может стать {to}.", code="illegal_transition"
        )
    return to


def refund_percent(
    policy: Iterable[Mapping[str, int]], *, starts_at: datetime, now: datetime
) -> int:
    """The share that comes back, from steps like {"hours_before": 12, "percent": 100}.

    The step with the largest `hours_before` that still lies ahead of the start counts.
    """
    left = starts_at - now
    for step in sorted(policy, key=lambda step: -step["hours_before"]):
        if left >= timedelta(hours=step["hours_before"]):
            return step["percent"]
    return 0


def divide(price_minor: int, percent: int) -> tuple[int, int]:
    """What of a price goes back at a policy's percent, and what is kept.

    The parts of a tiyn stay with what is kept, so the two are always the price together.
    """
    refund = price_minor * min(max(percent, 0), 100) // 100
    return refund, price_minor - refund
