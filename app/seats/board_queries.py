"""What the seat boards of the workers are made of and kept fresh with.

`changed_in` is the transaction that changed a row last. Every transaction below the xmin of a
snapshot had ended when the snapshot was taken, so "everything from the xmin of the last snapshot
on" misses nothing, in whatever order transactions commit.
"""

from __future__ import annotations

import sys
from array import array
from typing import Any, NamedTuple

from app.kernel import db
from app.seats.models import Change, SeatRow, SeatStatus

_XMIN = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_ZONES = """
    SELECT z.id, z.position, z.name, z.price_minor, e.currency
    FROM zones z JOIN events e ON e.id = z.event_id
    WHERE z.event_id = %(event_id)s ORDER BY z.position
"""
# A row of seats is a row of the answer, a column of it the values side by side: 100,000 seats as
# rows of their own keep a worker busy for ten times as long. `string_agg` keeps the order in which
# the rows come.
_LAYOUT = """
    SELECT row_number, string_agg(int8send(id), ''), string_agg(int4send(number), ''),
           string_agg(int8send(price_minor), ''), string_agg(int8send(zone_id), ''),
           string_agg(int4send(version), ''),
           string_agg(float8send(coalesce(extract(epoch FROM held_until), 0)::float8), ''),
           string_agg(left(status::text, 1), '')::bytea
    FROM (SELECT * FROM seats WHERE event_id = %(event_id)s ORDER BY row_number, number) AS seat
    GROUP BY row_number
    ORDER BY row_number
"""
_EVENT_EXISTS = """
    SELECT EXISTS (SELECT FROM events WHERE id = %(event_id)s)
        OR EXISTS (SELECT FROM events_archive WHERE id = %(event_id)s)
"""


class Zone(NamedTuple):
    """A part of the venue with one price."""

    id: int
    position: int
    name: str
    price_minor: int
    currency: str


class Layout(NamedTuple):
    """One consistent view of all seats of an event."""

    xmin: int
    zones: list[Zone]
    rows: list[SeatRow]


def event_exists(event_id: int) -> bool:
    """Whether an event, active or archived, has this id."""
    row = db.one(_EVENT_EXISTS, {"event_id": event_id})
    return bool(row and row[0])


def load_layout(connection: db.Connection, event_id: int) -> Layout:
    """Read all seats of an event in the caller's transaction, which must be REPEATABLE READ."""
    (xmin,) = connection.execute(_XMIN).fetchone() or (0,)
    zones = [Zone(*row) for row in connection.execute(_ZONES, {"event_id": event_id})]
    found = connection.execute(_LAYOUT, {"event_id": event_id}, binary=True)
    return Layout(xmin, zones, [_seat_row(*columns) for columns in found])


def _seat_row(row: int, *packed: bytes) -> SeatRow:
    seat_ids, numbers, prices, zone_ids, versions, held_until, statuses = packed
    return SeatRow(
        row,
        _unpacked("q", seat_ids),
        _unpacked("i", numbers),
        _unpacked("q", prices),
        _unpacked("q", zone_ids),
        _unpacked("i", versions),
        _unpacked("d", held_until),
        statuses.decode(),
    )


def _unpacked(code: str, values: bytes) -> array[Any]:
    """What PostgreSQL packed, in the network's order of bytes."""
    unpacked = array(code, values)
    if sys.byteorder == "little":
        unpacked.byteswap()
    return unpacked


# Materialized, so that the limit does not make the planner look for another index.
_CHANGES = """
    WITH changed AS MATERIALIZED (
        SELECT event_id, id, version, status, held_until FROM seats WHERE changed_in >= %(xmin)s)
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
           extract(epoch FROM clock_timestamp())::float8,
           event_id, id, version, status, coalesce(extract(epoch FROM held_until), 0)::float8
    FROM (SELECT) AS one LEFT JOIN changed ON true
    LIMIT %(limit)s
"""


class Changes(NamedTuple):
    """The seats that have changed, of all events, and from where to ask the next time."""

    xmin: int
    clock: float
    changes: list[Change]


def changes_since(xmin: int, limit: int) -> Changes:
    """Up to `limit` seats changed by transactions that a snapshot with this xmin may not see."""
    found = db.rows(_CHANGES, {"xmin": xmin, "limit": limit})
    return Changes(
        found[0][0],
        found[0][1],
        [Change(r[2], r[3], r[4], SeatStatus(r[5]), r[6]) for r in found if r[2] is not None],
    )


# Not worth waiting for disk and standbys: numbers that are lent twice show a seat to two buyers.
_LEASE = """
    WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO listing_cursors (event_id, next)
    SELECT %(event_id)s::bigint, %(count)s::bigint FROM hasty
    ON CONFLICT (event_id) DO UPDATE SET next = listing_cursors.next + %(count)s
    RETURNING next - %(count)s
"""


def lease_draws(event_id: int, count: int) -> int:
    """Reserve `count` numbers of the event's listing cursor for this worker; returns the first."""
    row = db.one(_LEASE, {"event_id": event_id, "count": count})
    return int(row[0]) if row else 0
