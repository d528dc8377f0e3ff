"""What the files do not say about events on sale: when event 1 is, and the seats of the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.dataset.sessions import Connection

_EVENTS_AT_ONCE = 500
_SEATS_PER_ROW = 20


def move_first_event(connection: Connection, start: datetime | None) -> datetime | None:
    """Move event 1 to `start`, on the clocks of Almaty, or out of the past if none is given.

    Returns its new start on those clocks, or None where it stays.
    """
    row = connection.execute(
        """UPDATE events SET version = version + 1, starts_at = coalesce(
               %(start)s::timestamp,
               (now() AT TIME ZONE 'Asia/Almaty')::date + interval '30 days 20 hours'
           ) AT TIME ZONE 'Asia/Almaty'
           WHERE id = 1 AND CASE WHEN %(start)s::timestamp IS NULL THEN starts_at <= now()
               ELSE starts_at <> %(start)s::timestamp AT TIME ZONE 'Asia/Almaty' END
           RETURNING starts_at AT TIME ZONE 'Asia/Almaty'""",
        {"start": start},
    ).fetchone()
    return row[0] if row else None


def furnish(connection: Connection, seats: int, advance: Callable[[int, int], None]) -> int:
    """Give each imported event but event 1 that has no seats one hall; return the seats made."""
    rows = connection.execute(
        """SELECT id FROM events e WHERE id BETWEEN 2 AND 99999 AND inventory = 'SEATS'
               AND NOT EXISTS (SELECT FROM seats s WHERE s.event_id = e.id) ORDER BY id"""
    ).fetchall()
    ids = [row[0] for row in rows]
    made = 0
    for first in range(0, len(ids), _EVENTS_AT_ONCE):
        some = ids[first : first + _EVENTS_AT_ONCE]
        with connection.transaction():
            connection.execute(
                """INSERT INTO zones (event_id, position, name, price_minor)
                   SELECT id, 1, 'Зал', 500000 FROM unnest(%s::bigint[]) id
                   ON CONFLICT (event_id, position) DO NOTHING""",
                [some],
            )
            # A service that runs meanwhile hears of the seats by `changed_in`.
            made += connection.execute(
                """INSERT INTO seats
                       (event_id, zone_id, row_number, number, price_minor, changed_in)
                   SELECT z.event_id, z.id, n / %(row)s + 1, n %% %(row)s + 1, z.price_minor,
                          pg_current_xact_id()::text::bigint
                   FROM zones z, generate_series(0, %(seats)s - 1) n
                   WHERE z.event_id = ANY(%(ids)s) AND z.position = 1
                   ORDER BY z.event_id, n""",
                {"row": _SEATS_PER_ROW, "seats": seats, "ids": some},
            ).rowcount
        advance(first + len(some), len(ids))
    return made
