"""Where a seat is held and given back: one round trip each.

The seat row is the guard. It has one holder and one `held_until`; whoever wants it waits for the
row, looks again and either finds it free (or its hold run out) or does not get it. Locks are
always taken in the same order: the booking, then its seats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from app.kernel import db

# The booking is locked only when the seat looks takeable, so a lost race writes nothing at all.
# A booking and its seats run out together: held_until is the booking's expires_at. `+ 0` and
# `::text` keep the planner from looking the booking up by anything but its primary key: the index
# of unpaid bookings looks as cheap while there are none, and would be read from end to end when
# there are ten thousand. The statement is as small as it can be: setting up a plan costs more than
# running it, so why it failed is a question of its own.
HOLD = """
    WITH booking AS MATERIALIZED (
        SELECT b.id, b.user_id, b.event_id, b.expires_at, b.currency
        FROM bookings b
        WHERE b.id = %(booking_id)s AND b.user_id + 0 = %(user_id)s
          AND b.status::text = 'CREATED' AND b.expires_at > clock_timestamp()
          AND (b.seat_limit IS NULL OR %(below_limit)s)
          AND EXISTS (
              SELECT FROM seats s WHERE s.id = %(seat_id)s AND s.event_id = b.event_id + 0 AND
              (s.status = 'FREE' OR s.status = 'RESERVED' AND s.held_until <= clock_timestamp()))
        FOR NO KEY UPDATE OF b
    ), held AS (
        UPDATE seats s
        SET status = 'RESERVED', holder_kind = 'BOOKING', holder_id = b.id,
            held_until = b.expires_at, version = s.version + 1,
            changed_in = pg_current_xact_id()::text::bigint
        FROM booking b
        WHERE s.id = %(seat_id)s
          AND (s.status = 'FREE' OR s.status = 'RESERVED' AND s.held_until <= clock_timestamp())
        RETURNING s.event_id, s.id, s.version, s.held_until, s.price_minor, b.id AS booking_id,
                  b.currency
    ), line AS (
        INSERT INTO booking_lines
            (booking_id, user_id, event_id, seat_id, unit_price_minor, currency)
        SELECT booking_id, %(user_id)s, event_id, id, price_minor, currency FROM held
    )
    SELECT event_id, version, extract(epoch FROM held_until)::float8 FROM held
"""


# The same for any number at once. It waits for nobody, so that one locked row holds up no other and
# two of these never wait for each other: what is locked just now is left out. Each row is looked up
# by its key, as above, whatever PostgreSQL thought of the tables when it made the plan: it cannot
# join across a sub-select that locks.
HOLD_MANY = """
    WITH wish AS (
        SELECT *
        FROM unnest(%(user_ids)s::bigint[], %(booking_ids)s::bigint[], %(seat_ids)s::bigint[])
             AS wish (user_id, booking_id, seat_id)
    ), booking AS MATERIALIZED (
        SELECT b.*, w.seat_id
        FROM wish w CROSS JOIN LATERAL (
            SELECT b.id, b.user_id, b.event_id, b.expires_at, b.currency
            FROM bookings b
            WHERE b.id = w.booking_id AND b.user_id + 0 = w.user_id
              AND b.status::text = 'CREATED' AND b.expires_at > clock_timestamp()
              AND b.seat_limit IS NULL
            FOR NO KEY UPDATE OF b SKIP LOCKED
        ) AS b
    ), seat AS MATERIALIZED (
        SELECT s.id, b.id AS booking_id, b.user_id, b.expires_at, b.currency
        FROM booking b CROSS JOIN LATERAL (
            SELECT s.id
            FROM seats s
            WHERE s.id = b.seat_id AND s.event_id + 0 = b.event_id
              AND (s.status = 'FREE' OR s.status = 'RESERVED' AND s.held_until <= clock_timestamp())
            FOR NO KEY UPDATE OF s SKIP LOCKED
        ) AS s
    ), held AS (
        UPDATE seats s
        SET status = 'RESERVED', holder_kind = 'BOOKING', holder_id = f.booking_id,
            held_until = f.expires_at, version = s.version + 1,
            changed_in = pg_current_xact_id()::text::bigint
        FROM seat f
        WHERE s.id = f.id
        RETURNING s.event_id, s.id, s.version, s.held_until, s.price_minor, f.booking_id,
                  f.user_id, f.currency
    ), line AS (
        INSERT INTO booking_lines
            (booking_id, user_id, event_id, seat_id, unit_price_minor, currency)
        SELECT booking_id, user_id, event_id, id, price_minor, currency FROM held
    )
    SELECT user_id, booking_id, id, event_id, version, extract(epoch FROM held_until)::float8
    FROM held
"""


class Wish(NamedTuple):
    """A seat that somebody wants in a booking."""

    user_id: int
    booking_id: int
    seat_id: int


class Held(NamedTuple):
    """A seat that has just been taken."""

    event_id: int
    version: int
    held_until: float
    """Seconds since 1970 by the database's clock."""


def hold_many(wishes: Sequence[Wish]) -> list[Held | None]:
    """Take seats for bookings in one statement, which is its own transaction.

    None: not taken, or locked by somebody at the moment, or for a booking with a limit of seats.
    """
    user_ids, booking_ids, seat_ids = zip(*wishes, strict=True)
    params = {"user_ids": [*user_ids], "booking_ids": [*booking_ids], "seat_ids": [*seat_ids]}
    held = {Wish(*row[:3]): Held(*row[3:]) for row in db.rows(HOLD_MANY, params)}
    return [held.get(wish) for wish in wishes]


def hold(
    user_id: int,
    booking_id: int,
    seat_id: int,
    connection: db.Connection | None = None,
    *,
    below_limit: bool = False,
) -> Held | None:
    """Take a seat for a booking in one statement, which is its own transaction; None: not taken.

    Where the booking has a limit of seats none is taken, unless `below_limit` says that the caller
    has locked the booking and counted.
    """
    params = {
        "user_id": user_id,
        "booking_id": booking_id,
        "seat_id": seat_id,
        "below_limit": below_limit,
    }
    if connection is not None:
        row = connection.execute(HOLD, params).fetchone()
    else:
        row = db.one(HOLD, params)
    return Held(*row) if row else None


_OBSTACLE = """
    SELECT b.user_id, b.status = 'CREATED' AND b.expires_at > clock_timestamp(), b.seat_limit,
           s.id, s.event_id = b.event_id,
           s.status = 'FREE' OR s.status = 'RESERVED' AND s.held_until <= clock_timestamp(),
           s.status = 'RESERVED' AND s.holder_kind = 'BOOKING' AND s.holder_id = b.id
               AND s.held_until > clock_timestamp()
    FROM (SELECT) AS one
    LEFT JOIN bookings b ON b.id = %(booking_id)s
    LEFT JOIN seats s ON s.id = %(seat_id)s
"""


class Obstacle(NamedTuple):
    """What stands now where a seat could not be taken; None where there is no such row."""

    booking_owner: int | None
    booking_is_open: bool | None
    seat_limit: int | None
    seat_id: int | None
    seat_is_in_event: bool | None
    seat_looks_free: bool | None
    seat_is_ours: bool | None


def find_obstacle(booking_id: int, seat_id: int) -> Obstacle:
    """Look at a booking and a seat, to explain why the one did not get the other."""
    row = db.one(_OBSTACLE, {"booking_id": booking_id, "seat_id": seat_id})
    if row is None:
        raise LookupError("The statement always has one row.")
    return Obstacle(*row)


_COUNT_HELD = """
    SELECT count(*) FROM booking_lines
    WHERE user_id = %(user_id)s AND booking_id = %(booking_id)s AND status = 'HELD'
"""
_LOCK_BOOKING = "SELECT FROM bookings WHERE id = %(booking_id)s FOR NO KEY UPDATE"


def lock_and_count(connection: db.Connection, user_id: int, booking_id: int) -> int:
    """Lock a booking and count its seats; the count holds until the transaction ends."""
    connection.execute(_LOCK_BOOKING, {"booking_id": booking_id})
    row = connection.execute(_COUNT_HELD, {"user_id": user_id, "booking_id": booking_id}).fetchone()
    return int(row[0]) if row else 0


# A seat that goes out of a booking in payment voids the attempt: its amount is no longer right.
# Sub-selects, not joins, as everywhere where a row of a table that grows is looked up.
_RELEASE = """
    WITH booking AS MATERIALIZED (
        SELECT id, user_id, status FROM bookings
        WHERE id = (SELECT holder_id FROM seats
                    WHERE id = %(seat_id)s AND status = 'RESERVED' AND holder_kind = 'BOOKING'
                      AND held_until > clock_timestamp())
          AND user_id + 0 = %(user_id)s AND status::text IN ('CREATED', 'PAYMENT_INITIATED')
        FOR NO KEY UPDATE
    ), freed AS (
        UPDATE seats s
        SET status = 'FREE', holder_kind = NULL, holder_id = NULL, held_until = NULL,
            version = s.version + 1, changed_in = pg_current_xact_id()::text::bigint
        FROM booking b
        WHERE s.id = %(seat_id)s AND s.status = 'RESERVED'
          AND s.holder_kind = 'BOOKING' AND s.holder_id = b.id
        RETURNING s.event_id, s.version, b.id AS booking_id, b.user_id, b.status
    ), line AS (
        UPDATE booking_lines SET status = 'RELEASED'
        WHERE user_id = (SELECT user_id FROM freed) AND booking_id = (SELECT booking_id FROM freed)
          AND seat_id = %(seat_id)s AND status = 'HELD'
    ), payment AS (
        UPDATE payments SET status = 'VOIDED'
        WHERE booking_id = (SELECT booking_id FROM freed) AND status IN ('INITIATED', 'OPEN')
    ), provider AS (
        UPDATE provider_orders SET due_at = clock_timestamp(), turn = turn + 1
        WHERE booking_id = (SELECT booking_id FROM freed)
    ), reopened AS (
        UPDATE bookings SET status = 'CREATED'
        WHERE id = (SELECT booking_id FROM freed WHERE status = 'PAYMENT_INITIATED')
    )
    SELECT f.event_id, f.version,
           s.holder_id IS NOT NULL AND (s.status = 'SOLD' OR s.held_until > clock_timestamp()),
           (SELECT user_id FROM bookings WHERE id = s.holder_id AND s.holder_kind = 'BOOKING')
    FROM (SELECT) AS one
    LEFT JOIN freed f ON true
    LEFT JOIN seats s ON s.id = %(seat_id)s
"""


class Release(NamedTuple):
    """What came of giving a seat back."""

    event_id: int | None
    """None: it was not given back."""
    version: int | None
    is_taken: bool | None
    holder: int | None
    """The user whose booking holds the seat."""


def release(user_id: int, seat_id: int) -> Release:
    """Give a seat of one of the user's unpaid bookings back in one statement."""
    row = db.one(_RELEASE, {"user_id": user_id, "seat_id": seat_id})
    if row is None:
        raise LookupError("The statement always has one row.")
    return Release(*row)


_FREE_ALL: LiteralString = """
    UPDATE seats
    SET status = 'FREE', holder_kind = NULL, holder_id = NULL, held_until = NULL,
        version = version + 1, changed_in = pg_current_xact_id()::text::bigint
    WHERE status <> 'FREE'
"""


def free_all(connection: db.Connection) -> int:
    """Set every seat of every event free; returns how many were not."""
    return connection.execute(_FREE_ALL).rowcount
