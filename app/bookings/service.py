"""Bookings: create and list them; and the steps that a checkout takes with a locked one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.bookings import create_queries, place_queries, queries, refund_queries, rules
from app.bookings.models import Booking, BookingStatus, Line, PaidLine
from app.kernel import audit, errors, metrics, outbox
from app.kernel.auth import Principal
from app.kernel.db import Connection
from app.kernel.group_commit import GroupCommit
from app.seats import service as seats
from app.seats.models import Change

_CREATED = metrics.OUTCOMES.labels("booking", "created")
_EXPIRED = metrics.OUTCOMES.labels("booking", "expired")
_SWEEP = 500
_creations = GroupCommit(create_queries.create_many, lanes=2, most=32)


def create_booking(user: Principal, event_id: int) -> int:
    """Open an empty booking and return its id. Raises NotFound, Conflict, Busy."""
    wish = create_queries.Wish(user.user_id, event_id)
    try:
        booking_id = _creations.do(wish)
        if booking_id is None:
            booking_id = create_queries.create(*wish)
    except errors.Conflict as conflict:
        # The booking in the way may have run out without a sweep having come by.
        if conflict.code != "one_booking_per_user" or not expire_due():
            raise
        booking_id = create_queries.create(*wish)
    _CREATED.inc()
    return booking_id


def list_bookings(user: Principal, status: BookingStatus | None) -> bytes:
    """The user's bookings as JSON: those that are alive, or those in one status."""
    if status is None:
        return queries.list_alive(user.user_id)
    return queries.list_with_status(user.user_id, status)


def expire_due() -> int:
    """End the bookings whose hold has run out; returns how many. Any number of workers may."""
    expired = queries.expire(_SWEEP)
    if expired:
        _EXPIRED.inc(expired)
        seats.seats_changed()
    return expired


def lock_own(db: Connection, user: Principal, booking_id: int) -> Booking:
    """The user's booking, locked until the transaction ends. Raises NotFound, Forbidden."""
    booking = queries.lock(db, booking_id)
    if booking is None:
        raise errors.NotFound("Такой брони нет.", code="booking_not_found")
    if booking.user_id != user.user_id:
        raise errors.Forbidden
    return booking


def lock_any(db: Connection, booking_id: int) -> Booking | None:
    """A booking, locked until the transaction ends; None when a reset has erased it."""
    return queries.lock(db, booking_id)


def lock_held_lines(db: Connection, booking: Booking) -> list[Line]:
    """The lines of a locked booking, all of them still held. Raises Conflict."""
    lines = queries.lock_lines(db, booking)
    if not lines:
        raise errors.Conflict("В брони нет мест.", code="booking_empty")
    if not all(line.seat_is_held for line in lines):
        raise errors.Conflict("Место больше не удерживается.", code="hold_lost")
    return lines


def start_payment(db: Connection, booking: Booking, lines: list[Line]) -> int:
    """Extend the hold for the payment; returns the seconds there are to pay. Raises Conflict."""
    if booking.has_run_out:
        raise errors.Conflict("Время брони истекло.", code="booking_expired")
    seconds = queries.start_payment(db, booking, [line.seat_id for line in lines])
    if booking.status is not BookingStatus.PAYMENT_INITIATED:
        _recorded(db, booking, "booking.payment_initiated", BookingStatus.PAYMENT_INITIATED)
    return seconds


def reopen(db: Connection, booking: Booking) -> None:
    """Let a booking whose payment attempt is void be changed and paid again."""
    queries.set_status(db, booking, to=BookingStatus.CREATED)
    _recorded(db, booking, "booking.reopened", BookingStatus.CREATED)


def start_confirming(db: Connection, booking: Booking, line_ids: list[int]) -> bool:
    """Leave what becomes of the booking to its payment; False if not every line is still held."""
    if booking.status is not BookingStatus.PAYMENT_INITIATED:
        return False
    lines = queries.lock_lines(db, booking)
    if [line.id for line in lines if line.seat_is_held] != line_ids:
        return False
    place_queries.start_confirming(db, booking, [line.seat_id for line in lines])
    _audit(db, booking, "booking.payment_accepted", BookingStatus.CONFIRMING)
    return True


def live_lines(db: Connection, booking: Booking) -> list[Line]:
    """The lines of a locked booking that it still has; their seats are locked."""
    return queries.lock_lines(db, booking)


def lose_seats(db: Connection, booking: Booking, seat_ids: list[int]) -> None:
    """Take seats out of an unpaid booking that the event provider has sold to somebody else.

    What is left can be changed and paid.
    """
    place_queries.lose_seats(db, booking, seat_ids)
    if booking.status is BookingStatus.PAYMENT_INITIATED:
        queries.set_status(db, booking, to=BookingStatus.CREATED)
    action, to = "booking.place_refused", BookingStatus.CREATED
    _audit(db, booking, action, to, actor="event_provider")
    _publish(db, booking, action, seat_ids=seat_ids)


def give_up(db: Connection, booking: Booking) -> list[Change]:
    """End a locked booking whose payment sold nothing, or reopen it where its event wants that.

    Returns the seats that are free now.
    """
    if booking.status is BookingStatus.PAYMENT_INITIATED:
        if queries.event_terms(db, booking.event_id).retry_failed_payment:
            reopen(db, booking)
            return []
    elif booking.status is not BookingStatus.CONFIRMING:
        return []
    _, freed = cancel(db, booking)
    return freed


def sell(db: Connection, booking: Booking, line_ids: list[int]) -> list[Change]:
    """Confirm a paid booking; an empty list means that not every line was still held."""
    sold = queries.sell(db, booking, line_ids)
    if sold:
        _recorded(db, booking, "booking.confirmed", BookingStatus.CONFIRMED)
    return sold


def cancel_unpaid(user: Principal, booking_id: int) -> list[Change] | None:
    """Cancel the user's booking that nobody tried to pay yet, in one exchange.

    Returns the seats that are free now, or None, with nothing done, if it is no such booking.
    """
    return queries.cancel_unpaid(user.user_id, booking_id)


def cancel(db: Connection, booking: Booking) -> tuple[list[Line], list[Change]]:
    """Cancel a locked booking; returns the lines that it had and the seats that are free now."""
    lines = queries.lock_lines(db, booking)
    return lines, queries.cancel(db, booking)


def event_terms(db: Connection, event_id: int) -> queries.EventTerms:
    """The terms under which the event is sold."""
    return queries.event_terms(db, event_id)


def refund_percent(terms: queries.EventTerms) -> int:
    """The share of the price that a cancelled booking gets back now."""
    return rules.refund_percent(terms.refund_policy, starts_at=terms.starts_at, now=terms.now)


divide = rules.divide


def lock_paid_lines(db: Connection, booking: Booking, seat_ids: Sequence[int]) -> list[PaidLine]:
    """The lines of a locked booking that were paid for these seats, one for each.

    Raises NotFound for a seat of which there is none, Conflict for a booking that is not paid or
    is cancelled, unless these seats were given back before that.
    """
    if booking.status not in (BookingStatus.CONFIRMED, BookingStatus.CANCELLED):
        raise _not_refundable()
    lines = refund_queries.lock_paid_lines(db, booking, seat_ids)
    if len(lines) < len(seat_ids):
        if booking.status is not BookingStatus.CONFIRMED:
            raise _not_refundable()
        raise errors.NotFound("Такого места в брони нет.", code="seat_not_in_booking")
    return lines


def refund_lines(db: Connection, booking: Booking, lines: Sequence[PaidLine]) -> list[Change]:
    """Give sold lines of a locked, confirmed booking back; returns the seats that are free now."""
    freed = refund_queries.refund(db, booking, lines)
    seat_ids = [line.seat_id for line in lines]
    _recorded(db, booking, "booking.seats_refunded", booking.status, seat_ids=seat_ids)
    return freed


def has_sold_lines(db: Connection, booking: Booking) -> bool:
    """Whether anything of a locked booking is still sold."""
    return refund_queries.has_sold_lines(db, booking)


def erase_all(db: Connection) -> None:
    """Erase every booking in the caller's transaction. Whoever is at work waits or starts over."""
    queries.erase_all(db)


def _not_refundable() -> errors.Conflict:
    return errors.Conflict("Вернуть можно только места оплаченной брони.", code="not_refundable")


def _recorded(
    db: Connection, booking: Booking, action: str, to: BookingStatus, **more: Any
) -> None:
    _audit(db, booking, action, to)
    _publish(db, booking, action, **more)


def _publish(db: Connection, booking: Booking, topic: str, **more: Any) -> None:
    payload: dict[str, Any] = {
        "booking_id": booking.id,
        "user_id": booking.user_id,
        "event_id": booking.event_id,
        **more,
    }
    outbox.publish(db, topic, str(booking.id), payload)


def _audit(
    db: Connection, booking: Booking, action: str, to: BookingStatus, actor: str = ""
) -> None:
    audit.record(
        db,
        actor=actor or f"user:{booking.user_id}",
        action=action,
        entity="booking",
        entity_id=booking.id,
        from_status=booking.status,
        to_status=to,
    )
