"""Opening a booking in one statement: alone, or together with others that come meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from psycopg import errors as pg

from app.kernel import db, errors

# The event is read, not locked: everybody books the same one. Its terms are frozen in the booking.
# Outbox and audit are in the same statement, so a booking without its message cannot exist.
_CREATE = """
    WITH booking AS (
        INSERT INTO bookings (user_id, event_id, expires_at, currency, seat_limit, exclusive_key)
        SELECT %(user_id)s, id, clock_timestamp() + hold_seconds * interval '1 second', currency,
               max_seats_per_booking,
               CASE WHEN one_booking_per_user THEN id || ':' || %(user_id)s::bigint END
        FROM events
        WHERE id = %(event_id)s AND status IN ('PUBLISHED', 'RESCHEDULED', 'UNLISTED')
          AND (sales_from IS NULL OR sales_from <= clock_timestamp())
          AND (sales_until IS NULL OR sales_until > clock_timestamp())
        RETURNING id, user_id, event_id, status, expires_at
    ), message AS (
        INSERT INTO outbox (topic, key, payload)
        SELECT 'booking.created', id::text, jsonb_build_object('booking_id', id,
               'user_id', user_id, 'event_id', event_id, 'expires_at', expires_at)
        FROM booking
    ), record AS (
        INSERT INTO audit_log (actor, action, entity, entity_id, to_status)
        SELECT 'user:' || user_id, 'booking.created', 'booking', id, status FROM booking
    )
    SELECT id FROM booking
"""
# The same for many at once. Events that allow one booking per user are left out: a user who has one
# must not spoil it for the others. An event is looked up by its key, whatever plan was made.
_CREATE_MANY = """
    WITH booking AS (
        INSERT INTO bookings (user_id, event_id, expires_at, currency, seat_limit)
        SELECT w.user_id, e.id, clock_timestamp() + e.hold_seconds * interval '1 second',
               e.currency, e.max_seats_per_booking
        FROM unnest(%(user_ids)s::bigint[], %(event_ids)s::bigint[]) AS w (user_id, event_id)
        CROSS JOIN LATERAL (
            SELECT id, hold_seconds, currency, max_seats_per_booking
            FROM events
            WHERE id = w.event_id AND status IN ('PUBLISHED', 'RESCHEDULED', 'UNLISTED')
              AND (sales_from IS NULL OR sales_from <= clock_timestamp())
              AND (sales_until IS NULL OR sales_until > clock_timestamp())
              AND NOT one_booking_per_user
            OFFSET 0
        ) AS e
        RETURNING id, user_id, event_id, status, expires_at
    ), message AS (
        INSERT INTO outbox (topic, key, payload)
        SELECT 'booking.created', id::text, jsonb_build_object('booking_id', id,
               'user_id', user_id, 'event_id', event_id, 'expires_at', expires_at)
        FROM booking
    ), record AS (
        INSERT INTO audit_log (actor, action, entity, entity_id, to_status)
        SELECT 'user:' || user_id, 'booking.created', 'booking', id, status FROM booking
    )
    SELECT user_id, event_id, id FROM booking
"""
_EVENT_EXISTS = """
    SELECT EXISTS (SELECT FROM events WHERE id = %(event_id)s)
        OR EXISTS (SELECT FROM events_archive WHERE id = %(event_id)s)
"""


class Wish(NamedTuple):
    """Who wants to book what."""

    user_id: int
    event_id: int


def create_many(wishes: Sequence[Wish]) -> list[int | None]:
    """Store new bookings in one statement; returns their ids, None where one has to go alone.

    One that is alone is stored as `create` does. Raises NotFound, Conflict for that one.
    """
    if len(wishes) == 1:
        return [create(*wishes[0])]
    user_ids, event_ids = zip(*wishes, strict=True)
    created: defaultdict[Wish, list[int]] = defaultdict(list)
    params = {"user_ids": [*user_ids], "event_ids": [*event_ids]}
    for user_id, event_id, booking_id in db.rows(_CREATE_MANY, params):
        created[Wish(user_id, event_id)].append(booking_id)
    return [created[wish].pop() if created[wish] else None for wish in wishes]


def create(user_id: int, event_id: int) -> int:
    """Store a new booking and return its id. Raises NotFound, Conflict."""
    try:
        created = db.one(_CREATE, {"user_id": user_id, "event_id": event_id})
    except pg.UniqueViolation:
        raise errors.Conflict(
            "На это событие у вас уже есть активная бронь.", code="one_booking_per_user"
        ) from None
    if created is not None:
        return int(created[0])
    row = db.one(_EVENT_EXISTS, {"event_id": event_id})
    if row is None or not row[0]:
        raise errors.NotFound("Такого события нет.", code="event_not_found")
    raise errors.Conflict("Билеты на это событие не продаются.", code="not_on_sale")
