"""Bookings in the database. What many buyers do at once is one round trip."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from app.bookings import rules
from app.bookings.models import Booking, BookingStatus, Line
from app.kernel import db, errors
from app.seats.models import Change, SeatStatus

# One value comes back, not a thousand rows: the database writes the JSON. Bookings and lines are
# two ranges of an index laid together, not joined: no estimate can turn that into a product.
_LIST: LiteralString = """
    SELECT coalesce('[' || string_agg('{{"id":' || id || ',"event_id":' || event_id
               || ',"seats":[' || coalesce(seats, '') || ']}}', ',' ORDER BY id) || ']', '[]')
    FROM (
        SELECT id, event_id, string_agg('{{"id":' || seat_id || '}}', ',') AS seats
        FROM (
            SELECT id, event_id, NULL::bigint AS seat_id
            FROM bookings WHERE user_id = %(user_id)s AND {bookings}
            UNION ALL
            SELECT booking_id, event_id, seat_id
            FROM booking_lines
            WHERE user_id = %(user_id)s AND {lines} AND seat_id IS NOT NULL
        ) AS part
        GROUP BY id, event_id
        HAVING bool_or(seat_id IS NULL)
    ) AS booking
"""
_LIST_ALIVE: LiteralString = _LIST.format(
    bookings="(status IN ('CREATED', 'PAYMENT_INITIATED') AND expires_at > clock_timestamp()"
    " OR status IN ('CONFIRMING', 'CONFIRMED'))",
    lines="status IN ('HELD', 'SOLD')",
)
# What has ended keeps the seats that it had, for whoever wants to look back.
_LIST_WITH_STATUS: LiteralString = _LIST.format(
    bookings="CASE WHEN status IN ('CREATED', 'PAYMENT_INITIATED')"
    " AND expires_at <= clock_timestamp() THEN 'EXPIRED' ELSE status END"
    " = %(status)s::booking_status",
    lines="status <> 'RELEASED'",
)


def list_alive(user_id: int) -> bytes:
    """The user's bookings that are alive, as the JSON of the contract."""
    row = db.one(_LIST_ALIVE, {"user_id": user_id})
    return str(row[0]).encode() if row else b"[]"


def list_with_status(user_id: int, status: BookingStatus) -> bytes:
    """The user's bookings in one status, as the JSON of the contract."""
    row = db.one(_LIST_WITH_STATUS, {"user_id": user_id, "status": status})
    return str(row[0]).encode() if row else b"[]"


_LOCK = """
    SELECT id, user_id, event_id, status, expires_at, expires_at <= clock_timestamp()
    FROM bookings WHERE id = %(booking_id)s
    FOR NO KEY UPDATE
"""


def lock(connection: db.Connection, booking_id: int) -> Booking | None:
    """The booking, locked until the transaction ends: first in every order of locks."""
    row = connection.execute(_LOCK, {"booking_id": booking_id}).fetchone()
    if row is None:
        return None
    booking = Booking(*row)
    return booking._replace(status=BookingStatus(booking.status))


_LINES = """
    SELECT l.id, l.seat_id, l.unit_price_minor - l.discount_minor, l.currency,
           s.status = 'RESERVED' AND s.holder_kind = 'BOOKING' AND s.holder_id = l.booking_id
           OR s.status = 'SOLD' AND s.holder_kind = 'BOOKING' AND s.holder_id = l.booking_id,
           s.external_id
    FROM booking_lines l JOIN seats s ON s.id = l.seat_id
    WHERE l.user_id = %(user_id)s AND l.booking_id = %(booking_id)s
      AND l.status IN ('HELD', 'SOLD')
    ORDER BY s.id
    FOR NO KEY UPDATE OF s
"""


def lock_lines(connection: db.Connection, booking: Booking) -> list[Line]:
    """The live lines of a locked booking; their seats are locked too, in the order of ids."""
    found = connection.execute(_LINES, {"user_id": booking.user_id, "booking_id": booking.id})
    return [Line(*row) for row in found]


# Status and hold of a booking together with all its seats, its message and what the audit log says,
# so that they cannot come apart.
_CANCEL_IF: LiteralString = """
    WITH booking AS (
        UPDATE bookings SET status = 'CANCELLED', exclusive_key = NULL
        WHERE id = %(booking_id)s AND {condition}
        RETURNING id, user_id, event_id
    ), line AS (
        UPDATE booking_lines SET status = 'CANCELLED'
        WHERE user_id = (SELECT user_id FROM booking) AND booking_id = (SELECT id FROM booking)
          AND status IN ('HELD', 'SOLD')
        RETURNING seat_id
    ), seat AS MATERIALIZED (
        SELECT id FROM seats
        WHERE id = ANY(ARRAY(SELECT seat_id FROM line))
        ORDER BY id
        FOR NO KEY UPDATE
    ), provider AS (
        UPDATE provider_orders SET due_at = clock_timestamp(), turn = turn + 1
        WHERE booking_id = (SELECT id FROM booking)
    ), message AS (
        INSERT INTO outbox (topic, key, payload)
        SELECT 'booking.cancelled', id::text,
               jsonb_build_object('booking_id', id, 'user_id', user_id, 'event_id', event_id)
        FROM booking
    ), record AS (
        INSERT INTO audit_log (actor, action, entity, entity_id, from_status, to_status)
        SELECT 'user:' || user_id, 'booking.cancelled', 'booking', id, %(before)s, 'CANCELLED'
        FROM booking
    ), freed AS (
        UPDATE seats s
        SET status = 'FREE', holder_kind = NULL, holder_id = NULL, held_until = NULL,
            version = s.version + 1, changed_in = pg_current_xact_id()::text::bigint
        FROM seat, booking b
        WHERE s.id = seat.id AND s.holder_kind = 'BOOKING' AND s.holder_id = b.id
        RETURNING s.event_id, s.id, s.version, s.status
    )
    SELECT freed.* FROM booking LEFT JOIN freed ON true
"""
_CANCEL: LiteralString = _CANCEL_IF.format(condition="status = %(before)s::booking_status")
_CANCEL_UNPAID: LiteralString = _CANCEL_IF.format(
    condition="user_id + 0 = %(user_id)s AND status::text = %(before)s"
    " AND NOT EXISTS (SELECT FROM payments WHERE booking_id = %(booking_id)s)"
)


def cancel_unpaid(user_id: int, booking_id: int) -> list[Change] | None:
    """Cancel the user's booking that nobody tried to pay; None if it is no such booking."""
    wanted = {"booking_id": booking_id, "user_id": user_id, "before": BookingStatus.CREATED}
    # A seat that is being added while we wait for the lock is seen only by another statement.
    found = db.together((_LOCK, {"booking_id": booking_id}), (_CANCEL_UNPAID, wanted))
    return _changes(found) if found else None


def cancel(connection: db.Connection, booking: Booking) -> list[Change]:
    """Cancel a locked booking, set its seats free, and tell that."""
    rules.advance(booking.status, to=BookingStatus.CANCELLED)
    wanted = {"booking_id": booking.id, "before": booking.status}
    return _changes(connection.execute(_CANCEL, wanted))


def _changes(found: Iterable[db.Row]) -> list[Change]:
    return [
        Change(row[0], row[1], row[2], SeatStatus(row[3]), 0.0)
        for row in found
        if row[0] is not None
    ]


_SET_STATUS = "UPDATE bookings SET status = %(to)s::booking_status WHERE id = %(booking_id)s"


def set_status(connection: db.Connection, booking: Booking, *, to: BookingStatus) -> Booking:
    """Advance a locked booking."""
    status = rules.advance(booking.status, to=to)
    connection.execute(_SET_STATUS, {"booking_id": booking.id, "to": status})
    return booking._replace(status=status)


# The deadline of a booking and of each of its seats is one and the same.
_EXTEND = """
    WITH booking AS (
        UPDATE bookings b
        SET status = 'PAYMENT_INITIATED',
            expires_at = clock_timestamp() + e.payment_seconds * interval '1 second'
        FROM events e
        WHERE b.id = %(booking_id)s AND e.id = b.event_id
        RETURNING b.id, b.expires_at, e.payment_seconds
    ), seat AS (
        UPDATE seats s
        SET held_until = b.expires_at, version = s.version + 1,
            changed_in = pg_current_xact_id()::text::bigint
        FROM booking b
        WHERE s.id = ANY(%(seat_ids)s) AND s.status = 'RESERVED'
          AND s.holder_kind = 'BOOKING' AND s.holder_id = b.id
        RETURNING s.id
    )
    SELECT payment_seconds, (SELECT count(*) FROM seat) FROM booking
"""


def start_payment(connection: db.Connection, booking: Booking, seat_ids: list[int]) -> int:
    """Extend the hold of a booking and all its seats; returns the seconds there are to pay.

    Raises Conflict when a seat is no longer held.
    """
    rules.advance(booking.status, to=BookingStatus.PAYMENT_INITIATED)
    row = connection.execute(_EXTEND, {"booking_id": booking.id, "seat_ids": seat_ids}).fetchone()
    if row is None or row[1] != len(seat_ids):
        raise errors.Conflict("Место больше не удерживается.", code="hold_lost")
    return int(row[0])


# All or nothing: SOLD only if every line that was paid for is still held by this booking.
_SELL = """
    WITH seat AS MATERIALIZED (
        SELECT s.id, l.id AS line_id
        FROM booking_lines l JOIN seats s ON s.id = l.seat_id
        WHERE l.user_id = %(user_id)s AND l.booking_id = %(booking_id)s
          AND l.id = ANY(%(line_ids)s) AND l.status = 'HELD'
          AND s.status = 'RESERVED' AND s.holder_kind = 'BOOKING' AND s.holder_id = l.booking_id
        ORDER BY s.id
        FOR NO KEY UPDATE OF s
    ), complete AS MATERIALIZED (
        SELECT id FROM bookings
        WHERE id = %(booking_id)s AND status = 'CONFIRMING'
          AND (SELECT count(*) FROM seat) = cardinality(%(line_ids)s::bigint[])
    ), booking AS (
        UPDATE bookings SET status = 'CONFIRMED' WHERE id = (SELECT id FROM complete)
    ), line AS (
        UPDATE booking_lines SET status = 'SOLD'
        WHERE id = ANY(ARRAY(SELECT line_id FROM seat, complete))
    )
    UPDATE seats s
    SET status = 'SOLD', held_until = NULL, version = s.version + 1,
        changed_in = pg_current_xact_id()::text::bigint
    FROM seat, complete c
    WHERE s.id = seat.id
    RETURNING s.event_id, s.id, s.version, s.status
"""


def sell(connection: db.Connection, booking: Booking, line_ids: list[int]) -> list[Change]:
    """Turn a locked, paid booking into a confirmed one; an empty list means: not all held."""
    found = connection.execute(
        _SELL, {"booking_id": booking.id, "user_id": booking.user_id, "line_ids": line_ids}
    )
    return _changes(found)


_EVENT_TERMS = """
    SELECT starts_at, refund_policy, retry_failed_payment, title, clock_timestamp()
    FROM events WHERE id = %(event_id)s
"""


class EventTerms(NamedTuple):
    """What the event says about money."""

    starts_at: datetime
    refund_policy: list[dict[str, Any]]
    retry_failed_payment: bool
    title: str
    now: datetime
    """The database's clock."""


def event_terms(connection: db.Connection, event_id: int) -> EventTerms:
    """The terms under which an event is sold."""
    row = connection.execute(_EVENT_TERMS, {"event_id": event_id}).fetchone()
    if row is None:
        raise errors.NotFound("Такого события нет.", code="event_not_found")
    return EventTerms(*row)


# One sweep: bookings whose hold has run out, oldest first; the clock stands still, so that the
# index is read no further. A row that somebody works on is left for the next sweep. Seats whose
# next buyer came first have another holder and stay untouched.
_EXPIRE = """
    WITH due AS MATERIALIZED (
        SELECT id, user_id, status FROM bookings
        WHERE status IN ('CREATED', 'PAYMENT_INITIATED') AND expires_at <= statement_timestamp()
        ORDER BY expires_at LIMIT %(limit)s
        FOR NO KEY UPDATE SKIP LOCKED
    ), booking AS (
        UPDATE bookings SET status = 'EXPIRED', exclusive_key = NULL
        WHERE id = ANY(ARRAY(SELECT id FROM due))
    ), line AS (
        UPDATE booking_lines SET status = 'EXPIRED'
        WHERE id = ANY(ARRAY(
            SELECT l.id FROM due CROSS JOIN LATERAL (
                SELECT id FROM booking_lines
                WHERE user_id = due.user_id AND booking_id = due.id AND status = 'HELD'
                OFFSET 0) AS l))
        RETURNING seat_id, booking_id
    ), seat AS (
        UPDATE seats s
        SET status = 'FREE', holder_kind = NULL, holder_id = NULL, held_until = NULL,
            version = s.version + 1, changed_in = pg_current_xact_id()::text::bigint
        FROM line
        WHERE s.id = line.seat_id AND s.status = 'RESERVED'
          AND s.holder_kind = 'BOOKING' AND s.holder_id = line.booking_id
    ), payment AS (
        UPDATE payments SET status = 'VOIDED'
        WHERE booking_id = ANY(ARRAY(SELECT id FROM due)) AND status IN ('INITIATED', 'OPEN')
    ), provider AS (
        UPDATE provider_orders SET due_at = clock_timestamp(), turn = turn + 1
        WHERE booking_id = ANY(ARRAY(SELECT id FROM due))
    ), message AS (
        INSERT INTO outbox (topic, key, payload)
        SELECT 'booking.expired', id::text, jsonb_build_object('booking_id', id, 'user_id', user_id)
        FROM due
    ), record AS (
        INSERT INTO audit_log (actor, action, entity, entity_id, from_status, to_status)
        SELECT 'system', 'booking.expired', 'booking', id, status, 'EXPIRED' FROM due
    )
    SELECT count(*) FROM due
"""


def expire(limit: int) -> int:
    """End up to `limit` bookings whose hold has run out; returns how many there were."""
    row = db.one(_EXPIRE, {"limit": limit})
    return int(row[0]) if row else 0


# TRUNCATE leaves no dead rows behind. Both tables are locked first and in one order, so that a
# statement at work ends before, and one that comes waits and then finds nothing.
_ERASE_ALL = (
    "LOCK TABLE bookings, booking_lines IN ACCESS EXCLUSIVE MODE",
    "TRUNCATE bookings, booking_lines",
)


def erase_all(connection: db.Connection) -> None:
    """Delete all bookings and lines; ids go on counting."""
    for statement in _ERASE_ALL:
        connection.execute(statement)
